"""`layers` and `ops` give the oracle's numbers on every backend of Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_seq.layers  # noqa: F401
from tests.reference import lstm as reference
from tests.reference.complex_step import gradients

CHILD = Path(__file__).parent / "backend_child.py"
ROOT = CHILD.parent.parent
PROBLEM = {
    name: value.astype("float32")
    for name, value in reference.random_problem(seed=50).items()
}
MASK = reference.mask_patterns()["holes"]
SHAPES = {
    **dict.fromkeys(("h", "cell", *reference.GATES), (3, 5, 4)),
    **dict.fromkeys(("h_T", "c_T"), (3, 4)),
}
FACTORS = {
    name: np.random.default_rng(51).normal(size=shape).astype("float32")
    for name, shape in SHAPES.items()
}


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def folder(request, tmp_path_factory):
    """The folder into which a child process with that backend has written."""
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder = tmp_path_factory.mktemp(backend)
    factors = {f"factor_{name}": value for name, value in FACTORS.items()}
    np.savez(folder / "problem.npz", mask=MASK, **PROBLEM, **factors)
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    done = subprocess.run(
        [sys.executable, str(CHILD), str(folder / "problem.npz"), str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return folder


def computed(folder, case):
    results = np.load(folder / "results.npz")
    start = f"{case}/"
    return {
        name.removeprefix(start): results[name]
        for name in results
        if name.startswith(start)
    }


def oracle(**arguments):
    results = reference.lstm(**{**PROBLEM, **arguments})
    (h_T, c_T), cell = results.pop("state"), results.pop("c")
    return {**results, "cell": cell, "h_T": h_T, "c_T": c_T}


def assert_close(got, expected):
    assert sorted(got) == sorted(expected)
    for name, value in expected.items():
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_the_recurrence_and_its_gradients(folder, unroll, masked):
    options = {"go_backwards": True, "mask": MASK if masked else None}
    case = f"unroll={unroll} masked={masked}"
    assert_close(computed(folder, case), oracle(**options))

    def loss(**arguments):
        values = oracle(**arguments, **options)
        return sum((FACTORS[name] * values[name]).sum() for name in FACTORS)

    assert_close(computed(folder, f"{case} gradient"), gradients(loss, PROBLEM))


def test_the_layer(folder):
    expected = oracle(mask=MASK)
    expected["y"] = reference.layer_output(
        expected.pop("h"), MASK, zero_output_for_mask=False, return_sequences=True
    )
    assert_close(computed(folder, "layer"), expected)


def test_a_cell_stepped_by_hand(folder):
    expected = oracle()
    del expected["h"]
    last = {
        name: value if name.endswith("_T") else value[:, -1]
        for name, value in expected.items()
    }
    assert_close(computed(folder, "by hand"), last)


def test_no_steps(folder):
    empty = dict.fromkeys(("cell", *reference.GATES), np.zeros((3, 0, 4)))
    state = {"h_T": PROBLEM["h_0"], "c_T": PROBLEM["c_0"]}
    assert_close(computed(folder, "no steps"), {**empty, **state})


def test_a_model_trained_there_runs_here(folder):
    # The import of keras_seq.layers has registered what the model holds.
    model = keras.models.load_model(folder / "model.keras")
    saved = dict(np.load(folder / "model.npz"))
    shown = model.predict(saved.pop("x"), verbose=0)
    assert sorted(shown) == sorted(saved) == ["forget", "y"]
    for name, value in saved.items():
        np.testing.assert_allclose(shown[name], value, atol=1e-5)
