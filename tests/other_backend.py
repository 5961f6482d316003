"""Running a module of the tests in a process with another of Keras's backends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_module(backend, module, path):
    """Runs `python -m MODULE PATH` with a backend; it must end well.

    The test is skipped where the backend is not installed.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        # It compiles sooner, and the tests ask for right numbers alone.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    done = subprocess.run(
        [sys.executable, "-m", module, str(path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-6000:]
