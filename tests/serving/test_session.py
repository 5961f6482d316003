"""The bare process is bare."""

import subprocess
import sys

import pytest

from keras_seq.serving import _session


@pytest.mark.parametrize(
    "module", ["keras", "keras.layers", "tf_keras", "keras_seq", "keras_seq.serving"]
)
def test_blocked_modules_cannot_be_imported(module):
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import runpy\nrunpy.run_path({_session.__file__!r})['block_imports']()\n"
            f"import {module}",
        ],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    name = module.partition(".")[0]
    assert f"ModuleNotFoundError: {name} is not on a server" in ran.stderr


def test_tensorflow_works_without_keras():
    code = (
        "import runpy, sys\n"
        f"probe = runpy.run_path({_session.__file__!r})\n"
        "probe['block_imports']()\n"
        "import tensorflow as tf\n"
        "assert tf.strings.upper('a') == b'A'\n"
        "for name in ('keras', 'keras_seq'):\n"
        "    try:\n"
        "        __import__(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        print(error)\n"
        "print([m for m in sys.modules if m.split('.')[0] in probe['BLOCKED']])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.splitlines() == [
        "keras is not on a server",
        "keras_seq is not on a server",
        "[]",
    ], ran.stderr
