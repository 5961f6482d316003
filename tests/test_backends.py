"""`layers` and `ops` give the oracle's numbers on Keras's other backends too."""

import keras
import numpy as np
import pytest

from tests.backend_child import TRAINED
from tests.kinds import KINDS, each_kind
from tests.other_backend import run_module
from tests.reference.complex_step import gradients
from tests.reference.recurrence import layer_output, mask_patterns

MASK = mask_patterns()["holes"]


def problem(kind):
    given = kind.problem(seed=50).items()
    return {name: value.astype("float32") for name, value in given}


def factors(kind):
    """What the results are multiplied by in the loss: different everywhere."""
    rng = np.random.default_rng(51)
    shapes = {
        **dict.fromkeys(("h", *kind.gates), (3, 5, 4)),
        **dict.fromkeys(kind.states, (3, 4)),
    }
    return {
        name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()
    }


@pytest.fixture(scope="module", params=["jax", "torch"])
def folder(request, tmp_path_factory):
    """The folder into which a child process with that backend has written."""
    backend = request.param
    folder = tmp_path_factory.mktemp(backend)
    for name, kind in KINDS.items():
        (folder / name).mkdir()
        weighed = {f"factor_{result}": value for result, value in factors(kind).items()}
        np.savez(folder / name / "problem.npz", mask=MASK, **problem(kind), **weighed)
    run_module(backend, "tests.backend_child", folder)
    return folder


def folder_of(folder, kind):
    (name,) = (name for name, other in KINDS.items() if other is kind)
    return folder / name


def computed(folder, kind, case):
    results = np.load(folder_of(folder, kind) / "results.npz")
    start = f"{case}/"
    return {
        name.removeprefix(start): results[name]
        for name in results
        if name.startswith(start)
    }


def oracle(kind, **arguments):
    """The results by name, the final states under the names of the initial ones."""
    results = kind.oracle(**{**problem(kind), **arguments})
    return {
        **dict(zip(kind.states, results.pop("state"), strict=True)),
        **{name: results[name] for name in ("h", *kind.gates)},
    }


def assert_close(got, expected):
    assert sorted(got) == sorted(expected)
    for name, value in expected.items():
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
@each_kind()
def test_the_recurrence_and_its_gradients(folder, kind, unroll, masked):
    options = {"go_backwards": True, "mask": MASK if masked else None}
    case = f"unroll={unroll} masked={masked}"
    assert_close(computed(folder, kind, case), oracle(kind, **options))
    weighed = factors(kind)

    def loss(**arguments):
        values = oracle(kind, **arguments, **options)
        return sum((weighed[name] * values[name]).sum() for name in weighed)

    expected = gradients(loss, problem(kind))
    assert_close(computed(folder, kind, f"{case} gradient"), expected)


@each_kind()
def test_second_derivatives(folder, kind):
    given = {name: value.astype("float64") for name, value in problem(kind).items()}
    weighed = factors(kind)["h"]

    def slopes(x):
        return gradients(
            lambda **arguments: (
                weighed * oracle(kind, **arguments, mask=MASK)["h"]
            ).sum(),
            {**given, "x": x},
        )

    x = given["x"]
    first = slopes(x)["x"]
    step = 1e-4 * first
    after, before = slopes(x + step), slopes(x - step)
    # d/dθ Σ (∂L/∂x)² = 2 ∂²L/∂θ∂x ∂L/∂x, along the first derivative
    expected = {name: (after[name] - before[name]) / 1e-4 for name in after}
    assert_close(computed(folder, kind, "second"), expected)


@each_kind()
def test_the_layer(folder, kind):
    expected = oracle(kind, mask=MASK)
    expected["y"] = layer_output(
        expected.pop("h"), MASK, zero_output_for_mask=False, return_sequences=True
    )
    assert_close(computed(folder, kind, "layer"), expected)


@pytest.mark.parametrize("folder", ["torch"], indirect=True)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@each_kind()
def test_the_layer_without_gates(folder, kind, go_backwards, masked):
    names = ("h", *kind.states)
    mask = MASK if masked else np.ones_like(MASK)
    run = mask[:, ::-1] if go_backwards else mask
    begun = run.cumsum(1) > 0
    weighed = factors(kind)

    def shown(**arguments):
        found = oracle(kind, **arguments, mask=mask, go_backwards=go_backwards)
        found["h"] = np.where(begun[..., None], found["h"], 0)
        return {name: found[name] for name in names}

    def loss(**arguments):
        values = shown(**arguments)
        return sum((weighed[name] * values[name]).sum() for name in names)

    case = f"without gates {go_backwards=} {masked=}"
    assert_close(computed(folder, kind, case), shown())
    expected = gradients(loss, problem(kind))
    assert_close(computed(folder, kind, f"{case} gradient"), expected)


@each_kind()
def test_a_cell_stepped_by_hand(folder, kind):
    expected = oracle(kind)
    del expected["h"]
    last = {
        name: value if name in kind.states else value[:, -1]
        for name, value in expected.items()
    }
    assert_close(computed(folder, kind, "by hand"), last)


@each_kind()
def test_no_steps(folder, kind):
    expected = dict.fromkeys(kind.gates, np.zeros((3, 0, 4)))
    expected.update({name: problem(kind)[name] for name in kind.states})
    assert_close(computed(folder, kind, "no steps"), expected)


@each_kind(*TRAINED)
def test_a_model_trained_there_runs_here(folder, kind):
    # The import of the kinds has registered what the model holds.
    model = keras.models.load_model(folder_of(folder, kind) / "model.keras")
    saved = dict(np.load(folder_of(folder, kind) / "model.npz"))
    shown = model.predict(saved.pop("x"), verbose=0)
    assert sorted(shown) == sorted(saved) == ["gate", "y"]
    for name, value in saved.items():
        np.testing.assert_allclose(shown[name], value, atol=1e-5)
