"""Methods of the layers in functional models: states, keys and steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    EncoderDecoder,
    ExplicitGRU,
    LuongAttention,
    MonotonicAttention,
    RecurrentLanguageModel,
    TransformerDecoder,
)
from tests.kinds import KINDS
from tests.layers.attentions import randomise
from tests.layers.decoders import (
    FEATURES,
    INPUTS,
    MEMORY,
    ORDERS,
    ROWS,
    SIZE,
    SOURCE,
    STEPS,
    UNITS,
    assert_close,
    cell_of,
    made,
    oracle,
)

RNG = np.random.default_rng(64)
LENGTHS = np.array([SOURCE, 0, 2])
ATTENTIONS = {
    "additive": BahdanauAttention,
    "location": lambda units, **options: BahdanauAttention(
        units, location="cumulative", **options
    ),
    "general": lambda _, **options: LuongAttention(score="general", **options),
    "monotonic": lambda units, **options: MonotonicAttention(
        BahdanauAttention(units, **options), **options
    ),
}


def given(*shape, dtype="float64"):
    return keras.Input(shape, dtype=dtype)


@pytest.mark.parametrize("attention", list(ATTENTIONS))
@pytest.mark.parametrize("cell", [*KINDS, "keras lstm", "stacked"])
def test_the_first_state_of_a_symbolic_memory(cell, attention):
    if cell == "stacked":
        cells = [cell_of("lstm"), cell_of(next(iter(KINDS)))]
    else:
        cells = cell_of(cell.split()[-1], keras_cell=cell.startswith("keras"))
    order, feeding = ORDERS[RNG.integers(len(ORDERS))]
    decoder = made(
        cells,
        ATTENTIONS[attention](3, dtype="float64"),
        attend=order,
        input_feeding=feeding,
    )
    memory, lengths = given(None, SIZE), keras.Input((), dtype="int32")
    state = decoder.get_initial_state(memory, memory_sequence_length=lengths)
    known = decoder.get_initial_state(MEMORY, memory_sequence_length=LENGTHS)
    model = keras.Model([memory, lengths], keras.tree.flatten(state))
    found = keras.tree.flatten(model([MEMORY, LENGTHS]))
    for one, expected in zip(found, keras.tree.flatten(known), strict=True):
        assert one.dtype == expected.dtype
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_from_it_is_as_from_zeros(jit_compile):
    decoder = made(
        cell_of("lstm", dtype="float32"),
        BahdanauAttention(3, dtype="float32"),
        dtype="float32",
        attend="after",
    )
    weights = decoder.get_weights()
    inputs, memory = (x.astype("float32") for x in (INPUTS, MEMORY))
    wanted = RNG.normal(size=(ROWS, STEPS, UNITS + SIZE)).astype("float32")
    with tf.GradientTape() as tape:
        loss = ops.mean((decoder(inputs, memory) - wanted) ** 2)
    gradients = tape.gradient(loss, [v.value for v in decoder.trainable_weights])

    places = [given(n, size, dtype="float32") for n, size in ((STEPS, 2), (SOURCE, 4))]
    state = decoder.get_initial_state(places[1])
    model = keras.Model(places, decoder(*places, initial_state=state))
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=jit_compile)
    model.train_on_batch([inputs, memory], wanted)
    for after, before, gradient in zip(
        decoder.get_weights(), weights, gradients, strict=True
    ):
        np.testing.assert_allclose(after, before - 0.5 * gradient, atol=1e-6)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(
        twin([inputs, memory]), model([inputs, memory]), atol=1e-6
    )


def test_a_state_of_one_row_for_all():
    decoder = made(cell_of("gru"), BahdanauAttention(3, dtype="float64"))
    one = RNG.normal(size=(1, UNITS))
    memory = given(None, SIZE)
    state = decoder.get_initial_state(memory, cell_state=[one])
    (found,) = keras.tree.flatten(keras.Model(memory, state.cell)(MEMORY))
    np.testing.assert_array_equal(found, np.repeat(one, ROWS, axis=0))


def test_a_cell_that_makes_its_own_first_state():
    class Starts(keras.layers.GRUCell):
        def get_initial_state(self, batch_size=None):
            return [ops.ones((batch_size, self.units))]

    decoder = AttentionDecoder(Starts(4, name="mine"), BahdanauAttention(3))
    with pytest.raises(ValueError, match=r"`cell_state` must be given.*'mine'"):
        decoder.get_initial_state(keras.Input((None, 4)))


def stepping_model(decoder):
    """One step as a functional model, as Keras's sequence-to-sequence guides have."""
    x_t, h, c, memory = given(FEATURES), given(UNITS), given(UNITS), given(None, SIZE)
    state = decoder.get_initial_state(memory, cell_state=[h, c])
    keys = decoder.project_memory(memory)
    output, after, weights = decoder.step(x_t, state, memory, keys)
    return keras.Model([x_t, h, c, memory], [output, *after.cell, weights])


def test_steps_are_trained_and_saved(tmp_path):
    decoder = made(cell_of("lstm"), BahdanauAttention(3, dtype="float64"))
    model = stepping_model(decoder)
    owned = {id(weight) for weight in model.trainable_weights}
    assert owned == {id(weight) for weight in decoder.trainable_weights}

    nothing = np.zeros((ROWS, UNITS))
    expected = oracle(decoder, ["lstm"], [MEMORY], [None], [[nothing, nothing]])
    state, outputs = [nothing, nothing], []
    model.save(tmp_path / "step.keras")
    loaded = keras.models.load_model(tmp_path / "step.keras")
    for t in range(STEPS):
        arrays = map(ops.convert_to_tensor, (INPUTS[:, t], *state, MEMORY))
        output, *state, _ = (model if t % 2 else loaded)(list(arrays))
        outputs.append(output)
    assert_close(np.stack(outputs, 1), expected["outputs"])


def test_each_method_belongs_to_its_model(tmp_path):
    language = RecurrentLanguageModel(11, dim=4, units=6)
    language(np.array([[1, 2]]))
    translator = EncoderDecoder(
        ExplicitGRU(8, return_sequences=True),
        AttentionDecoder(KINDS["gru"].cell(8), LuongAttention(score="general")),
        11,
        source_vocabulary=9,
        dim=4,
    )
    translator({"source": np.array([[5, 6, 7]]), "target": np.array([[1, 4]])})
    transformer = TransformerDecoder(1, 2, 8)
    transformer(np.ones((1, 3, 8)), np.ones((1, 4, 6)))
    token, tokens = given(dtype="int32"), given(None, dtype="int32")
    h, memory, x = (given(*s, dtype="float32") for s in ((6,), (None, 6), (8,)))
    models = {
        "step": (language, [token, h], language.step(token, [[h, h]])),
        "read": (language, [tokens], language.logits(language.read(tokens)[0])),
        "encode": (translator, [tokens], translator.encode(tokens)[:2]),
    }
    begun, constants = translator.begin(tokens, 5)
    models["begin"] = (
        translator,
        [token, tokens],
        translator.step(token, begun, constants),
    )
    state = transformer.get_initial_state(memory, max_length=4)
    keys = transformer.project_memory(memory)
    models["transformer"] = (
        transformer,
        [x, memory],
        transformer.step(x, state, keys=keys)[0],
    )
    for name, (layer, places, results) in models.items():
        model = keras.Model(places, keras.tree.flatten(results))
        owned = {id(weight) for weight in model.trainable_weights}
        assert owned == {id(weight) for weight in layer.trainable_weights}, name
        model.save(tmp_path / f"{name}.keras")
        randomise(layer)
        model.save(tmp_path / f"{name}.keras")
        loaded = keras.models.load_model(tmp_path / f"{name}.keras")
        given_ones = [
            np.full([size or 3 for size in place.shape], 2, place.dtype)
            for place in model.inputs
        ]
        found, expected = (keras.tree.flatten(m(given_ones)) for m in (loaded, model))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_no_other_method_is_called_by_a_file():
    from keras_seq.layers._symbolic import MethodOf

    for name in ("save", "get_config", "nothing", "__init__"):
        with pytest.raises(ValueError, match="`method` must be one that can stand"):
            MethodOf(RecurrentLanguageModel(11, dim=4, units=6), name)


@pytest.mark.parametrize("state", [None, 3, "h", [np.zeros((ROWS, UNITS))] * 2])
def test_what_is_no_state_of_a_decoder(state):
    decoder = made(cell_of("lstm"), BahdanauAttention(3, dtype="float64"))
    with pytest.raises(ValueError, match="`state` must be a DecoderState"):
        decoder.step(INPUTS[:, 0], state, MEMORY)
    transformer = TransformerDecoder(1, 2, 8)
    transformer(np.ones((1, 3, 8)))
    with pytest.raises(ValueError, match="`state` must be a TransformerState"):
        transformer.step(np.ones((1, 8)), state)


def test_methods_drop_in_training_as_calls_do():
    ids = keras.Input((None,), dtype="int32")
    language = RecurrentLanguageModel(7, dim=4, units=5, input_dropout=0.5, seed=1)
    h, _ = language.read(ids)
    model = keras.Model(ids, h)
    tokens = np.ones((2, 6), "int32")
    still = model(tokens)
    np.testing.assert_array_equal(model(tokens, training=False), still)
    assert np.abs(model(tokens, training=True) - still).max() > 1e-3
