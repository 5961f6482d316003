"""Runs of recipes that are killed at random moments, against one that is not.

    python benchmarks/kills.py [--recipes next_word,translation] [--kills 30]
                               [--terms 10] [--every 0.5] [--seed 0]
                               [--training-only] [-- FLAGS]

Each recipe runs once whole (with --quick, and the flags behind --), then again and
again with --resume, each process killed at a random moment: before the first step, in
an epoch, in a checkpoint, in the evaluation, in the export; `--kills` times by SIGKILL,
in half of them just before a file takes its name, and `--terms` times by SIGTERM, whose
exit status must be 143. A run that comes to its end is compared with the whole one: the
weights of its model bit for bit, what was logged in its epochs, and its figures.
Within epochs a checkpoint is written every `--every` seconds here, which are 30
otherwise. With --training-only a run ends with its training, which is quicker.
"""

import argparse
import collections
import io
import json
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

import h5py
import keras  # before the forks, which share it
import numpy as np
import tensorflow  # noqa: F401 (the same)

from keras_seq import (
    decoding,
    diagnostics,
    music,
    runs,
    serving,
    text,
    training,
    vision,
)

_ = keras, decoding, diagnostics, music, runs, serving, text, vision


def weights(path):
    """The arrays of a .keras file."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        data = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(data) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if hasattr(item, "shape") else None
            )
        )
    return found


def differences(run, other):
    """What differs between two finished runs, as names."""
    found = []
    models = [p.relative_to(run) for p in run.rglob("*.keras")]
    for name in models:
        one, two = weights(run / name), weights(other / name)
        same = one.keys() == two.keys() and all(
            np.array_equal(one[key], two[key], equal_nan=True) for key in one
        )
        found += [] if same and one else [str(name)]
    history = "history.csv"  # which sentiment writes after the model
    both = [p / history for p in (run, other) if (p / history).exists()]
    if len(both) == 2 and both[0].read_bytes() != both[1].read_bytes():
        found.append(history)
    if not (run / "metrics.json").exists():
        return found
    one, two = (json.loads((p / "metrics.json").read_text()) for p in (run, other))
    for figures in (one, two):
        figures.pop("train_seconds", None)
        figures["config"].pop("out"), figures["config"].pop("resume")
    return found + [key for key in one if one[key] != two.get(key)]


def start(recipe, folder, flags, every, log, files=None):
    """Starts a process; with `files` it dies before that file takes its name."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1), os.dup2(output, 2)
        defaults = training.EpochCheckpoint.__init__.__kwdefaults__
        defaults["save_seconds"] = every
        seen = []

        def hook(event, arguments):
            if event == "os.rename" and str(folder) in str(arguments[1]):
                seen.append(event)
                if len(seen) == files:
                    os.kill(os.getpid(), signal.SIGKILL)

        if files:
            sys.addaudithook(hook)
        sys.argv = [recipe, "--quick", "--resume", "--out", str(folder), *flags]
        runpy.run_module(f"recipes.{recipe}", run_name="__main__", alter_sys=False)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


def phase(folder):
    """How far a run has come, by its files."""
    if (folder / "model.keras").exists():
        return "after the training"
    if not (folder / "checkpoints").exists():
        return "before the first checkpoint"
    return "in the training"


def wait(process, seconds=None, enough=None):
    """The status of a process when it has ended; None if it lasts longer.

    With `enough` it is ended, and the status is 0, when that file is there.
    """
    end = time.monotonic() + (seconds or 1e9)
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if enough is not None and enough.exists():
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return 0
        time.sleep(0.005)
    return None


def measure(recipe, arguments, scratch):
    """Kills one recipe's run as often as asked for."""
    chance = random.Random(arguments.seed)
    whole, log = scratch / recipe / "whole", scratch / recipe / "log"
    whole.parent.mkdir()
    begun = time.monotonic()
    options = (arguments.flags, arguments.every, log)
    done = "model.keras" if arguments.training_only else "none"
    status = wait(start(recipe, whole, *options), enough=whole / done)
    if status:
        raise SystemExit(f"{recipe} ended with {status}:\n{log.read_text()[-2000:]}")
    seconds = time.monotonic() - begun
    jobs = ["SIGTERM"] * arguments.terms + ["SIGKILL"] * arguments.kills
    chance.shuffle(jobs)
    phases = collections.Counter()
    compared, amiss, killed = 0, [], scratch / recipe / "killed"
    end = begun + arguments.limit
    while jobs and time.monotonic() < end:
        job = jobs.pop()
        files = chance.randrange(1, 40) if job == "SIGKILL" and len(jobs) % 2 else None
        process = start(recipe, killed, *options, files)
        # Most of a resumed run is behind it: short times are the more telling.
        seconds_left = None if files else seconds * chance.random() ** 2
        status = wait(process, seconds_left, killed / done)
        if status is None:
            sent = signal.SIGTERM if job == "SIGTERM" else signal.SIGKILL
            os.kill(process, sent)
            status = wait(process)
        if status == 0:  # it came to its end before
            jobs.append(job)
        elif status != (143 if job == "SIGTERM" else -signal.SIGKILL):
            amiss.append(f"{job}: exit status {status}")
        else:
            phases[f"{job} {phase(killed)}"] += 1
        if status == 0 or not jobs or time.monotonic() > end:
            if status != 0 and wait(
                start(recipe, killed, *options), enough=killed / done
            ):
                amiss.append(f"it can't go on:\n{log.read_text()[-2000:]}")
                break
            compared += 1
            amiss += differences(whole, killed)
            shutil.rmtree(killed)
    return {
        "seconds of the whole run": round(seconds, 1),
        "processes ended": dict(phases),
        "runs compared": compared,
        "differences": amiss,
        "damaged": log.read_text().count("is damaged"),
        "tracebacks": log.read_text().count("Traceback"),
    }


def main():
    """Prints a table for each recipe, and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", default="next_word,translation,music_generation")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--terms", type=int, default=10)
    parser.add_argument("--training-only", action="store_true")
    parser.add_argument("--every", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=1e6, help="seconds a recipe")
    parser.add_argument("--out", default="runs/benchmarks/kills.json")
    parser.add_argument("flags", nargs="*", help="flags of the recipes, behind --")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in arguments.recipes.split(","):
            found[recipe] = measure(recipe, arguments, Path(scratch))
            print(recipe, json.dumps(found[recipe], indent=2), flush=True)
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
