"""What a `Stepper` refuses: by name, rather than step it wrongly."""

import keras
import numpy as np
import pytest

from keras_seq.decoding import Stepper
from keras_seq.layers import (
    AttentionPooling,
    ExplicitLSTM,
    RecurrentLanguageModel,
    TransformerEncoder,
)

BOTH = {"return_sequences": True, "return_state": True}


@pytest.mark.parametrize("layer", [ExplicitLSTM, keras.layers.LSTM, keras.layers.GRU])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("return_sequences", False),
        ("return_state", False),
        ("go_backwards", True),
        ("stateful", True),
    ],
)
def test_a_layer_that_cannot_be_stepped(layer, name, value):
    with pytest.raises(
        ValueError, match=rf"'mine'.*{name}={not value}.*{name}={value}"
    ):
        Stepper([layer(4, name="mine", **{**BOTH, name: value})])


def test_a_bidirectional_layer():
    layer = keras.layers.Bidirectional(keras.layers.LSTM(3, **BOTH), name="both")
    with pytest.raises(ValueError, match="'both' is bidirectional"):
        Stepper([layer])


TWO = [lambda: ExplicitLSTM(4, **BOTH), lambda: keras.layers.GRU(4, **BOTH)]
MIXING = {
    "Conv1D": lambda: keras.layers.Conv1D(3, 2, padding="causal", name="mine"),
    "SeparableConv1D": lambda: keras.layers.SeparableConv1D(3, 2, name="mine"),
    "MaxPooling1D": lambda: keras.layers.MaxPooling1D(2, name="mine"),
    "GlobalAveragePooling1D": lambda: keras.layers.GlobalAveragePooling1D(name="mine"),
    "Flatten": lambda: keras.layers.Flatten(name="mine"),
    "Reshape": lambda: keras.layers.Reshape((2, -1), name="mine"),
    "MultiHeadAttention": lambda: keras.layers.MultiHeadAttention(2, 2, name="mine"),
    "LayerNormalization": lambda: keras.layers.LayerNormalization(axis=1, name="mine"),
    "BatchNormalization": lambda: keras.layers.BatchNormalization(axis=1, name="mine"),
}


@pytest.mark.parametrize("kind", MIXING)
def test_a_layer_that_puts_steps_together(kind):
    with pytest.raises(ValueError, match=f"'mine', a {kind}, puts steps together"):
        Stepper([keras.layers.Embedding(5, 4), MIXING[kind]()])


def in_a_model(layer):
    """The layer, built by a model: it is tried when a `Stepper` is made."""
    return keras.Sequential([keras.Input((None, 4)), layer]).layers


def running_sum(z):
    return keras.ops.cumsum(z, axis=1)


SIZES = {"num_layers": 1, "num_heads": 2, "intermediate_dim": 3, "name": "mine"}
TRIED = {
    "Lambda": lambda: keras.layers.Lambda(running_sum, name="mine"),
    "EinsumDense": lambda: keras.layers.EinsumDense("abc,bd->adc", (3, 4), name="mine"),
    "TransformerEncoder": lambda: TransformerEncoder(**SIZES),
    "Functional": lambda: keras.Model(
        x := keras.Input((None, 4)), keras.ops.flip(x, axis=1), name="mine"
    ),
}


@pytest.mark.parametrize("kind", TRIED)
def test_a_layer_is_tried_when_it_is_read(kind):
    stepper = Stepper([keras.layers.Embedding(5, 4), TRIED[kind]()])
    with pytest.raises(ValueError, match=f"'mine', a {kind}, puts steps together"):
        stepper.read(np.array([[1, 2, 3], [2, 1, 1]]))


@pytest.mark.parametrize("kind", ["Lambda", "TransformerEncoder"])
def test_a_layer_that_is_built_is_tried_at_once(kind):
    layers = in_a_model(TRIED[kind]())
    with pytest.raises(ValueError, match=f"'mine', a {kind}, puts steps together"):
        Stepper(layers)


def test_what_acts_on_each_step_passes_the_trial():
    draws = keras.random.SeedGenerator(1)
    for act in (
        lambda z: keras.ops.tanh(3 * z),
        lambda z: z * keras.random.uniform((1, 1, 4), seed=draws),
    ):
        layer = keras.layers.Lambda(act)
        assert Stepper(in_a_model(layer)).layers == [layer]


INSIDE = {
    "convolution in a Sequential": (
        lambda: keras.Sequential([keras.layers.Conv1D(4, 2, padding="causal")]),
        r"'conv1d\w*', a Conv1D, puts steps together",
    ),
    "convolution in a wrapper": (
        lambda: keras.layers.SpectralNormalization(keras.layers.Conv1D(4, 2)),
        r"'conv1d\w*' in 'spectral_norm\w*', a Conv1D, puts steps together",
    ),
    "a recurrent layer in a model": (
        lambda: RecurrentLanguageModel(5, dim=4, units=4, name="mine"),
        r"'lstm_0' in 'mine' \(ExplicitLSTM\) has a state",
    ),
    "a cell": (
        lambda: keras.layers.LSTMCell(4, name="mine"),
        r"'mine' \(LSTMCell\) has a state",
    ),
    "several inputs": (
        lambda: keras.layers.Add(name="mine"),
        r"'mine' \(Add\) takes several inputs",
    ),
}


@pytest.mark.parametrize("case", INSIDE)
def test_what_is_within_a_layer_is_seen(case):
    make, message = INSIDE[case]
    with pytest.raises(ValueError, match=message):
        Stepper([keras.layers.Embedding(5, 4), make()])


def test_one_output_for_the_whole_sequence():
    stepper = Stepper([keras.layers.Embedding(5, 4), AttentionPooling(3, name="mine")])
    with pytest.raises(ValueError, match=r"'mine' .*one tensor .*received shape"):
        stepper.read(np.array([[1, 2, 3]]))
    with pytest.raises(ValueError, match=r"'mine' .*one tensor .*received shape"):
        stepper.step(np.array([1]), [])


def test_states_and_tokens_that_do_not_fit():
    stepper = Stepper([keras.layers.Embedding(5, 4), *(LSTM() for LSTM in TWO)])
    state, ids = stepper.initial_state(2), np.array([[1, 2], [3, 4]])
    for wrong in (state[:1], [*state, state[0]], None, state[0][0]):
        with pytest.raises(ValueError, match=r"`state` .*the states of 2 layers"):
            stepper.step(ids[:, 0], wrong)
    with pytest.raises(ValueError, match=r"`initial_state` .*the states of 2 layers"):
        stepper.read(ids, initial_state=state[:1])
    with pytest.raises(ValueError, match=r"`tokens` .*\(B,\).*\(2, 2\)"):
        stepper.step(ids, state)
    with pytest.raises(ValueError, match=r"`tokens` .*\(B, T\).*\(2,\)"):
        stepper.read(ids[:, 0])


def test_what_is_no_layer():
    with pytest.raises(TypeError, match="`layers` must be Keras layers"):
        Stepper([keras.layers.Embedding(5, 4), lambda x: x])


def test_gates_alone_are_no_state():
    layer = ExplicitLSTM(3, return_sequences=True, return_gates=True, name="shows")
    with pytest.raises(ValueError, match=r"'shows' must have return_state=True"):
        Stepper([layer])
