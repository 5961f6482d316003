"""Exports that end early: on a full disk, or killed."""

import json
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_seq.serving import Signature, export


def signature(value):
    spec = tf.TensorSpec([None], tf.float32)
    return {"serving_default": Signature(lambda x: {"y": x + value}, {"x": spec})}


def served(path, version=1):
    """What the export adds to 0."""
    model = tf.saved_model.load(str(path / str(version)))
    return float(model.signatures["serving_default"](x=tf.zeros([1]))["y"][0])


def names(path):
    return sorted(p.name for p in path.iterdir())


def run_child(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


# --- A full disk: no file may grow beyond a limit.

FULL = """
import json, resource, signal, sys
import numpy as np
import tensorflow as tf
from keras_seq.serving import Signature, export

path, limit, variables, requests = sys.argv[1], *map(int, sys.argv[2:])
module = tf.Module()
module.v = tf.Variable(np.random.default_rng(0).normal(size=variables))
signature = Signature(
    lambda x: {"y": x + 0 * tf.cast(module.v[0], tf.float32)},
    {"x": tf.TensorSpec([None], tf.float32)},
)
warmup = {"serving_default": [{"x": np.zeros(requests)}]} if requests else {}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for version in (1, 2):
    try:
        export(
            module, path, {"serving_default": signature},
            warmup=warmup, version=version, overwrite=True,
        )
    except OSError as error:
        cause = error.__cause__
        print(json.dumps([str(error), isinstance(cause, tf.errors.OpError)]))
"""


@pytest.mark.parametrize(
    ("limit", "variables", "requests", "file"),
    [
        (100_000, 100_000, 0, "variables"),
        (2_000, 1, 0, "saved_model.pb"),
        (100_000, 1, 50_000, "tf_serving_warmup_requests"),
    ],
    ids=["variables", "graph", "warm-up"],
)
def test_full_disk_is_an_os_error(tmp_path, limit, variables, requests, file):
    pytest.importorskip("resource")
    if requests:
        pytest.importorskip("tensorflow_serving")
    export([], tmp_path, signature(3.0))
    ran = run_child(FULL, tmp_path, limit, variables, requests)
    assert ran.returncode == 0, ran.stderr
    errors = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(errors) == 2
    for version, (message, from_tensorflow) in enumerate(errors, start=1):
        start = f"The export to {str(tmp_path / str(version))!r} could not be written: "
        assert message.startswith(start)
        assert file in message
        assert "File too large" in message
        assert "\n" not in message
        assert from_tensorflow
    assert names(tmp_path) == ["1"]
    assert served(tmp_path) == 3.0


# --- Killed exports.


def test_leftovers_of_the_version_are_removed(tmp_path):
    for name in (".1-0a1b2c3d.new", ".1-00000000.old", ".1-00000000.new"):
        (tmp_path / name / "variables").mkdir(parents=True)
    others = (".11-0a1b2c3d.new", ".2-0a1b2c3d.old", "1-0a1b2c3d.new", ".cache")
    for name in others:
        (tmp_path / name).mkdir()
    export([], tmp_path / "made", signature(1.0))
    (tmp_path / "made" / "1").rename(tmp_path / "1")
    (tmp_path / "made").rmdir()
    export([], tmp_path, signature(2.0), overwrite=True)
    assert names(tmp_path) == sorted(["1", *others])
    assert served(tmp_path) == 2.0


def test_a_version_that_was_moved_away_is_put_back(tmp_path):
    export([], tmp_path, signature(1.0))
    (tmp_path / "1").rename(tmp_path / ".1-0a1b2c3d.old")
    (tmp_path / ".1-0a1b2c3d.new").mkdir()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export([], tmp_path, signature(2.0))
    assert names(tmp_path) == ["1"]
    assert served(tmp_path) == 1.0


KILLED = """
import os, pathlib, signal, sys
import tensorflow as tf
from keras_seq.serving import Signature, export

path, moment = sys.argv[1:]
rename = pathlib.Path.rename

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Asset:
    def __fspath__(self):
        die()

def rename_or_die(self, to):
    return die() if self.suffix == ".new" else rename(self, to)

if moment == "between the renames":
    pathlib.Path.rename = rename_or_die
spec = tf.TensorSpec([None], tf.float32)
signature = Signature(lambda x: {"y": x + 2.0}, {"x": spec})
assets = {"file": Asset()} if moment == "writing" else {}
export([], path, {"serving_default": signature}, overwrite=True, assets=assets)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("moment", "left"),
    [("writing", ["1", ".new"]), ("between the renames", [".new", ".old"])],
)
def test_killed_export_is_cleared_up_by_the_next(tmp_path, moment, left):
    export([], tmp_path, signature(1.0))
    ran = run_child(KILLED, tmp_path, moment)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert sorted(p.suffix or p.name for p in tmp_path.iterdir()) == sorted(left)
    with pytest.raises(FileExistsError):
        export([], tmp_path, signature(3.0))
    assert names(tmp_path) == ["1"]
    assert served(tmp_path) == 1.0
    export([], tmp_path, signature(3.0), overwrite=True)
    assert names(tmp_path) == ["1"]
    assert served(tmp_path) == 3.0
