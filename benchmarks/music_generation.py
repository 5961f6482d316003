"""The music recipe beside the usual lab configuration, on the same tunes.

    python benchmarks/music_generation.py --data FILE [--run DIR]

The lab configuration (MIT 6.S191, lab 1): embedding 256, one Keras LSTM of 1024
units, batches of 8 random windows of 100 characters of the joined training
tunes, Adam at 5e-3. It reads the very documents that the recipe reads, is judged
on the same test tunes, each from its start mark, and its best figure on them is
taken, which the recipe, stopped by its validation tunes, does not get.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_seq import music
from keras_seq.runs import RunDirectory
from keras_seq.text import END, START
from recipes.music_generation import recipe


def lab_model(size):
    """The lab's model, with a state that `TuneWriter` can carry."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(size, 256)(ids)
    x, _, _ = keras.layers.LSTM(1024, return_sequences=True, return_state=True)(x)
    return keras.Model(ids, keras.layers.Dense(size)(x))


def train_lab(data, iterations, every):
    """Trains and judges every so often: list of (iteration, seconds, nats)."""
    keras.utils.set_random_seed(1)
    model = lab_model(len(data.vocabulary))
    model.compile(
        keras.optimizers.Adam(5e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    stream = np.array(
        [
            token
            for document in data.train
            for token in (START, *data.vocabulary.encode(document), END)
        ],
        "int32",
    )
    chance = np.random.default_rng(1)
    writer = music.TuneWriter(model, data.vocabulary)
    seconds, results = 0.0, []
    for iteration in range(1, iterations + 1):
        starts = chance.integers(len(stream) - 101, size=8)
        windows = np.stack([stream[s : s + 101] for s in starts])
        started = time.perf_counter()
        model.train_on_batch(windows[:, :-1], windows[:, 1:])
        seconds += time.perf_counter() - started
        if iteration % every == 0:
            nats = float(np.concatenate(writer.nats(data.test)).mean())
            results.append((iteration, round(seconds, 1), nats))
            print(f"lab, iteration {iteration}: {nats:.4f} after {seconds:.0f} s")
    return results


def main():
    """Reads the command line, measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="oneills")
    parser.add_argument("--run", help="a finished run on the same data and seed")
    parser.add_argument("--out", default="runs/benchmarks/music_generation.json")
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--every", type=int, default=125)
    arguments = parser.parse_args()
    if arguments.run is None:
        arguments.run = "runs/benchmarks/music_generation"
        recipe.main(
            recipe.Config(data=arguments.data, out=arguments.run, overwrite=True)
        )
    run = RunDirectory(arguments.run)
    config = run.read_config(recipe.Config)
    data = recipe.load_data(config)
    if data.corpus.digest != run.metrics["data"]["digest"]:
        raise SystemExit("the run was trained on other tunes")
    lab = train_lab(data, arguments.iterations, arguments.every)
    best = min(lab, key=lambda row: row[2])
    ours = run.metrics["test"]["nats_per_character"]
    result = {
        "data": arguments.data,
        "lab": {"best": best, "all": lab},
        "recipe": {
            "nats_per_character": ours,
            "train_seconds": run.metrics["train_seconds"],
        },
        "ratio_of_perplexities": float(np.exp(best[2] - ours)),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "machine": {"cores": os.cpu_count(), "processor": platform.processor()},
    }
    print(
        f"lab: {best[2]:.4f} nats per character at best (iteration {best[0]}, "
        f"{best[1]:.0f} s of training)\n"
        f"recipe: {ours:.4f} ({run.metrics['train_seconds']:.0f} s)"
    )
    Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
