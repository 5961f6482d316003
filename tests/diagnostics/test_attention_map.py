"""The maps of whole models against weights computed from the equations."""

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import attention_map
from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    ExplicitGRUCell,
    ExplicitLSTM,
    LuongAttention,
    TransformerDecoder,
    TransformerEncoder,
)
from tests.diagnostics.attention_maps import (
    PAIRS,
    keras_layers,
    randomise,
    recurrent,
    transformer,
)
from tests.other_backend import run_module
from tests.reference import attention as reference
from tests.reference import transformer as reference_transformer

SOURCE, TARGET = PAIRS["source"], PAIRS["target"]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def named(layer):
    return {w.path.removeprefix(layer.path + "/"): w.numpy() for w in layer.weights}


def recurrent_weights(model):
    """Of the decoder, fed with the memory that the model computes."""
    decoder = model.decoder
    memory, mask, _ = (
        None if v is None else keras.ops.convert_to_numpy(v)
        for v in model.encode(SOURCE)
    )
    inputs = model.target_embedding.embeddings.numpy()[TARGET] * 2  # √dim
    cell, attention = decoder.cell, decoder.attention
    cells = [
        reference.Cell(
            "lstm",
            {
                "kernel": cell.kernel.numpy(),
                "recurrent_kernel": cell.recurrent_kernel.numpy(),
                "bias": cell.bias.numpy(),
            },
        )
    ]
    mechanism = reference.Mechanism("additive", named(attention))
    states = [[np.zeros((3, 5)), np.zeros((3, 5))]]
    options = {"attend": "before"}
    return reference.decode(
        inputs, cells, states, [mechanism], [memory], [mask], **options
    )["weights"][0]


def transformer_weights(model):
    """Self-attention of the encoder, and both of the decoder."""
    scale = model.dim**0.5
    x = model.source_embedding.embeddings.numpy()[SOURCE] * scale
    y = model.target_embedding.embeddings.numpy()[TARGET] * scale
    mask, options = SOURCE != 0, {"num_heads": 2}
    memory, own, _ = reference_transformer.run(
        x, model.encoder.get_weights(), num_layers=1, mask=mask, **options
    )
    _, read, crossed = reference_transformer.run(
        y,
        model.decoder.get_weights(),
        num_layers=2,
        causal=True,
        memory=memory,
        memory_mask=mask,
        **options,
    )
    return own, read, crossed


def softmax_rows(energies, seen):
    """Of (..., T, S), with 0 where nothing is seen."""
    weights = np.zeros(energies.shape)
    for place in np.ndindex(energies.shape[:-1]):
        weights[place] = reference.softmax(energies[place], seen[place])
    return weights


def keras_weights(model):
    """Of `keras_layers`, layer by layer, in float64."""
    q, m, plain = (
        model.get_layer(name).embeddings.numpy().astype("float64")[ids]
        for name, ids in (
            ("queries", TARGET),
            ("memories", SOURCE),
            ("unmasked", TARGET),
        )
    )
    q_mask, m_mask = TARGET != 0, SOURCE != 0
    causal = np.tril(np.ones((3, 3), bool))
    across = q_mask[:, :, None] & m_mask[:, None, :]
    within = q_mask[:, :, None] & q_mask[:, None, :] & causal
    scale = model.get_layer("additive").scale.numpy()
    sums = np.tanh(q[:, :, None] + q[:, None])
    dots = np.einsum("btd,bsd->bts", q, m) * model.get_layer("dot").scale.numpy()
    return {
        "heads": heads_of(model.get_layer("heads"), q, m, across, 5),
        "groups": heads_of(model.get_layer("groups"), plain, plain, causal[None], 3),
        "dot": softmax_rows(dots, across),
        "additive": softmax_rows((sums * scale).sum(axis=-1), within),
        "asked": heads_of(
            model.get_layer("asked"), m, m, m_mask[:, :, None] & m_mask[:, None], 3
        ),
    }


def heads_of(layer, query, memory, seen, size):
    """Weights (B, H, T, S) of a layer with heads of a size."""
    query_kernel, query_bias, key_kernel, key_bias = layer.get_weights()[:4]
    queries = np.einsum("btd,dhk->bhtk", query, query_kernel) + query_bias[:, None]
    keys = np.einsum("bsd,dhk->bhsk", memory, key_kernel) + key_bias[:, None]
    keys = np.repeat(keys, queries.shape[1] // keys.shape[1], axis=1)
    energies = np.einsum("bhtk,bhsk->bhts", queries, keys) / size**0.5
    seen = np.broadcast_to(seen[:, None], energies.shape)
    return softmax_rows(energies, seen)


def check_recurrent(found, model):
    right = recurrent_weights(model)
    close(found["recurrent"], right)
    close(found["recurrent/decoder"], right)


def check_transformer(found, model):
    own, read, crossed = transformer_weights(model)
    start = "transformer/encoder/layer_{}/self_attention"
    for number, weights in enumerate(own):
        close(found[start.format(number)], weights)
    for number, weights in enumerate(read):
        close(found[f"transformer/decoder/layer_{number}/self_attention"], weights)
    for number, weights in enumerate(crossed):
        close(found[f"transformer/decoder/layer_{number}/cross_attention"], weights)
    close(found["transformer"], crossed[-2].mean(axis=1))


def test_a_recurrent_encoder_decoder():
    model = recurrent()
    found = attention_map(model, PAIRS)
    assert set(found) == {"recurrent", "recurrent/decoder"}
    check_recurrent(found, model)


def test_a_transformer():
    model = transformer()
    found = attention_map(model, PAIRS)
    assert len(found) == 1 + 1 + 2 + 2
    assert {weights.dtype.name for weights in found.values()} == {"float32"}
    check_transformer(found, model)


def test_layers_of_keras():
    model = keras_layers()
    found = attention_map(model, PAIRS)
    expected = keras_weights(model)
    assert set(found) == set(expected)
    for path, weights in expected.items():
        close(found[path], weights)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend, tmp_path):
    file = tmp_path / "maps.npz"
    run_module(backend, "tests.diagnostics.attention_maps", file)
    with np.load(file) as arrays:
        found = {path.replace("|", "/"): arrays[path] for path in arrays}
    check_recurrent(found, recurrent())
    check_transformer(found, transformer())
    for path, weights in keras_weights(keras_layers()).items():
        close(found[path], weights)


def test_layers_by_themselves_and_one_query():
    memory = np.random.default_rng(4).normal(size=(2, 5, 3))

    class Looks(keras.layers.Layer):
        """A model of one's own, that wants no weights."""

        def __init__(self):
            super().__init__(name="looks")
            self.attention = LuongAttention(score="general", name="attention")

        def call(self, memory):
            return self.attention(memory[:, 0], memory)

    layer = Looks()
    layer(memory)
    randomise(layer, 5)
    mechanism = reference.Mechanism("general", named(layer.attention))
    _, right = reference.attend(mechanism, memory[:, :1], memory)
    found = attention_map(layer, memory)
    assert list(found) == ["looks/attention"]
    close(found["looks/attention"], right[:, 0])


def test_a_decoder_with_several_attentions_and_one_that_is_called_twice():
    rng = np.random.default_rng(6)
    x, memory, other = (rng.normal(size=(2, n, 3)) for n in (4, 5, 6))
    decoder = AttentionDecoder(
        ExplicitGRUCell(4), [BahdanauAttention(3), LuongAttention(score="general")]
    )
    given = [keras.Input((None, 3)) for _ in range(3)]
    outputs = decoder(given[0], given[1:])
    outputs = decoder(outputs[..., :3], given[1:])
    model = randomise(keras.Model(given, outputs), 7)
    first, right = decoder(x, [memory, other], return_attention_scores=True)
    _, later = decoder(first[..., :3], [memory, other], return_attention_scores=True)
    found = attention_map(model, [x, memory, other])
    path = decoder.path
    assert list(found) == [f"{path}/0", f"{path}/1", f"{path}/0:2", f"{path}/1:2"]
    for weights, expected in zip(found.values(), [*right, *later], strict=True):
        close(weights, expected)


def test_flash_attention_and_rows_that_see_nothing():
    layer = keras.layers.MultiHeadAttention(1, 4, flash_attention=True, name="flash")
    x = keras.Input((4, 3))
    mask = keras.Input((4,), dtype="bool")
    y = layer(x, x, value_mask=mask, use_causal_mask=True)
    model = keras.Model([x, mask], y)
    seen = np.array([[False, False, True, True]])
    data = np.random.default_rng(8).normal(size=(1, 4, 3))
    (weights,) = attention_map(model, [data, seen]).values()
    energies = heads_of(layer, data, data, np.ones((1, 4, 4), bool), 4)
    right = energies * (seen[:, None, None] & np.tril(np.ones((4, 4), bool)))
    right[:, :, 2:] /= right[:, :, 2:].sum(axis=-1, keepdims=True)
    close(weights, right)
    assert layer._flash_attention


def states_of(model):
    """All attributes of all layers that a map replaces."""
    return [
        {"call", "look", "_flash_attention"} & set(vars(layer))
        for layer in model._flatten_layers()
    ]


@pytest.mark.parametrize("make", [recurrent, transformer, keras_layers])
def test_the_model_is_left_as_it_was(make):
    model = make()
    before, outputs = states_of(model), model(PAIRS)
    attention_map(model, PAIRS)
    assert states_of(model) == before
    after = model(PAIRS)
    for one, other in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(after), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises((ValueError, TypeError, KeyError)):
        attention_map(model, {"source": SOURCE})
    assert states_of(model) == before


def test_stateful_layers_keep_their_states():
    x = keras.Input(batch_shape=(2, 3, 4))
    h = ExplicitLSTM(4, return_sequences=True, stateful=True)(x)
    model = keras.Model(x, keras.layers.Attention(name="looks")([h, h]))
    data = np.random.default_rng(9).normal(size=(2, 3, 4))
    first = attention_map(model, data)["looks"]
    np.testing.assert_array_equal(attention_map(model, data)["looks"], first)


def test_no_dropout():
    x = keras.Input((3, 4))
    encoder = TransformerEncoder(1, 2, 8, dropout=0.5)
    model = keras.Model(x, encoder(x))
    data = np.ones((1, 3, 4))
    one, other = (list(attention_map(model, data).values()) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert attention_map(encoder, data).keys() == attention_map(model, data).keys()


def test_refusals():
    with pytest.raises(ValueError, match="`model` must have been built"):
        attention_map(TransformerDecoder(1, 2, 8), np.ones((1, 3, 4)))
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="`model` must have a layer with attention"):
        attention_map(dense, np.ones((1, 3)))

    class Unused(keras.layers.Dense):
        def __init__(self, units):
            super().__init__(units)
            self.attention = keras.layers.Attention()

    unused = Unused(2)
    unused(np.ones((1, 3)))
    with pytest.raises(ValueError, match="`model` must call one of its layers"):
        attention_map(unused, np.ones((1, 3)))

    class Compiled(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention = keras.layers.Attention(name="looks")

        def call(self, x):
            import tensorflow as tf

            return tf.function(lambda x: self.attention([x, x]))(x)

    compiled = Compiled()
    compiled(np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match=r"'.*looks' outside of compiled functions"):
        attention_map(compiled, np.ones((1, 2, 3)))
