"""PyTorch's own modules are the oracle of what is made of their weights."""

import numpy as np
import pytest

from keras_seq.layers import from_torch

torch = pytest.importorskip("torch")

D, UNITS, B, T = 3, 5, 2, 7
KINDS = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}


def module(kind, **options):
    torch.manual_seed(3)
    made = KINDS[kind](D, UNITS, batch_first=True, **options)
    with torch.no_grad():  # far from 0, and all different
        for weight in made.parameters():
            weight.normal_(0, 0.7)
    return made


@pytest.fixture
def x():
    return np.random.default_rng(5).normal(size=(B, T, D)).astype("float32")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_outputs(kind, depth, bidirectional, bias, x):
    peer = module(kind, num_layers=depth, bidirectional=bidirectional, bias=bias)
    expected, _ = peer(torch.tensor(x))
    found = from_torch(peer.state_dict())(x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)


def test_relu(x):
    peer = module("RNN", nonlinearity="relu")
    expected, _ = peer(torch.tensor(x))
    found = from_torch(peer.state_dict(), nonlinearity="relu")(x)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_dropout_stands_between_the_layers():
    model = from_torch(module("GRU", num_layers=3).state_dict(), dropout=0.25)
    names = [type(layer).__name__ for layer in model.layers]
    assert names == ["ExplicitGRU", "Dropout", "ExplicitGRU", "Dropout", "ExplicitGRU"]
    assert [model.layers[k].rate for k in (1, 3)] == [0.25, 0.25]


def test_arrays_will_do(x):
    peer = module("LSTM")
    arrays = {name: weight.numpy() for name, weight in peer.state_dict().items()}
    expected, _ = peer(torch.tensor(x))
    np.testing.assert_allclose(
        from_torch(arrays)(x), expected.detach().numpy(), atol=1e-5
    )


def without(state, *names):
    return {name: weight for name, weight in state.items() if name not in names}


STATE = module("LSTM", num_layers=2, bidirectional=True).state_dict()
WRONG = {
    "a projection of a GRU": (
        {**module("GRU").state_dict(), "weight_hr_l0": np.ones((UNITS, UNITS))},
        "'weight_hr_l0', a projection, must belong to an LSTM",
    ),
    "of a whole model": ({"rnn.weight_ih_l0": np.ones((4, 1))}, "rnn.weight_ih_l0"),
    "empty": ({}, "received none"),
    "a weight missing": (without(STATE, "weight_hh_l1"), "'weight_hh_l1'"),
    "the first missing": (without(STATE, "weight_ih_l0"), "'weight_ih_l0'"),
    "one of two biases": (without(STATE, "bias_hh_l0_reverse"), "bias_hh_l0_reverse"),
    "a direction that others lack": (
        {k: v for k, v in STATE.items() if not k.endswith("l0_reverse")},
        r"differs in \['l0_reverse'\]",
    ),
    "another shape": (
        {**STATE, "weight_ih_l1": np.ones((4 * UNITS, D))},
        rf"'weight_ih_l1' must have shape \({4 * UNITS}, {2 * UNITS}\)",
    ),
    "a layer far above": (
        {**STATE, "weight_ih_l4000000000": STATE["weight_ih_l0"]},
        "differs in .*'l4000000000'",
    ),
    "no matrix": (
        {**STATE, "weight_hh_l1": np.float32(3)},
        r"'weight_hh_l1' .*2 axes.*shape \(\)",
    ),
    "a matrix for a bias": (
        {**STATE, "bias_ih_l0": np.ones((4 * UNITS, 1))},
        "'bias_ih_l0' .*1 axis",
    ),
    "text": ({**STATE, "weight_ih_l0": np.full((4, 4), "a")}, "'weight_ih_l0' .*<U1"),
    "no shape of gates": (
        {"weight_ih_l0": np.ones((10, 3)), "weight_hh_l0": np.ones((10, 5))},
        "1, 3 or 4 gates",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named(case):
    state, expected = WRONG[case]
    with pytest.raises(ValueError, match=expected):
        from_torch(state)


def test_bfloat16(x):
    made = module("LSTM")
    state = made.bfloat16().state_dict()
    expected = from_torch({name: value.float() for name, value in state.items()})
    np.testing.assert_array_equal(from_torch(state)(x), expected(x))


def test_a_module_is_no_mapping():
    with pytest.raises(TypeError, match=r"`module.state_dict\(\)`.* a LSTM"):
        from_torch(module("LSTM"))


def test_arguments_out_of_range():
    with pytest.raises(ValueError, match="dropout"):
        from_torch(STATE, dropout=1.0)
    with pytest.raises(ValueError, match="nonlinearity"):
        from_torch(STATE, nonlinearity="gelu")
