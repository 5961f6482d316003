"""Quantised models: their numbers by hand from the integers; saved and loaded."""

import warnings

import keras
import numpy as np
import pytest

from keras_seq.layers import (
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    PositionalEncoding,
    RecurrentLanguageModel,
    TransformerDecoder,
    TransformerEncoder,
)
from keras_seq.layers._tied_logits import tied_logits

VOCABULARY, DIM = 23, 16


def language_model():
    return RecurrentLanguageModel(VOCABULARY, dim=DIM, units=12, depth=2, seed=1)


def recurrent():
    encoder = ExplicitGRU(8, return_sequences=True)
    return EncoderDecoder(
        encoder, BahdanauDecoder(8, 6), VOCABULARY, source_vocabulary=9, dim=DIM
    )


def transformer():
    sizes = {"num_layers": 1, "num_heads": 2, "intermediate_dim": 24}
    return EncoderDecoder(
        TransformerEncoder(**sizes),
        TransformerDecoder(**sizes),
        VOCABULARY,
        source_vocabulary=VOCABULARY,
        share_embeddings=True,
        dim=DIM,
        positions=PositionalEncoding(),
        readout=False,
    )


KINDS = {f.__name__: f for f in (language_model, recurrent, transformer)}


def given():
    rng = np.random.default_rng(3)
    return rng.integers(1, 9, (3, 5)), rng.integers(1, VOCABULARY, (3, 4))


def built(kind):
    keras.utils.set_random_seed(4)
    model, (source, target) = KINDS[kind](), given()
    inputs = target
    if kind != "language_model":
        inputs = {"source": source, "target": target}
    model(inputs)
    rng = np.random.default_rng(5)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model, inputs


def quantised(model, mode):
    with warnings.catch_warnings():
        # Keras warns of every layer that has nothing to quantise.
        warnings.filterwarnings("ignore", ".*does not have a `quantize`.*")
        model.quantize(mode)
    return model


def table_by_hand(embedding):
    """E (vocabulary, D) in float64, from the integers and LoRA's two matrices."""
    numbers = np.asarray(embedding._embeddings, "float64")
    scale = np.asarray(embedding.embeddings_scale, "float64").reshape(-1, 1)
    table = numbers / scale
    if embedding.lora_enabled:
        a, b = (
            np.asarray(w, "float64")
            for w in (embedding.lora_embeddings_a, embedding.lora_embeddings_b)
        )
        table = table + embedding.lora_alpha / embedding.lora_rank * a @ b
    return table


def an_embedding(lora):
    embedding = keras.layers.Embedding(VOCABULARY, DIM, "random_normal")
    embedding.build()
    if lora:
        embedding.enable_lora(3, lora_alpha=5)
        rng = np.random.default_rng(6)
        for weight in (embedding.lora_embeddings_a, embedding.lora_embeddings_b):
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return embedding


@pytest.mark.parametrize("lora", [False, True])
def test_tied_logits_of_integers(lora):
    embedding = an_embedding(lora)
    rng = np.random.default_rng(7)
    r, bias = rng.normal(size=(2, 3, DIM)), rng.normal(size=VOCABULARY)
    embedding.quantize("int8")
    expected = r @ table_by_hand(embedding).T + bias
    found = tied_logits(keras.ops.cast(r, "float32"), embedding, bias)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_tied_logits_with_lora():
    embedding = an_embedding(True)
    rng = np.random.default_rng(8)
    r, bias = rng.normal(size=(3, DIM)), rng.normal(size=VOCABULARY)
    a, b = (
        np.asarray(weight, "float64")
        for weight in (embedding.lora_embeddings_a, embedding.lora_embeddings_b)
    )
    table = np.asarray(embedding._embeddings, "float64") + 5 / 3 * a @ b
    found = tied_logits(keras.ops.cast(r, "float32"), embedding, bias)
    np.testing.assert_allclose(found, r @ table.T + bias, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lost_is_little(kind):
    model, inputs = built(kind)
    before = np.asarray(model(inputs))
    after = np.asarray(quantised(model, "int8")(inputs))
    assert 0 < np.abs(after - before).max() < 0.05 * np.abs(before).max()


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded(kind, mode, tmp_path):
    model, inputs = built(kind)
    expected = np.asarray(quantised(model, mode)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), expected, atol=1e-6)
    modes = [layer.quantization_mode for layer in loaded._flatten_layers()]
    assert modes == [layer.quantization_mode for layer in model._flatten_layers()]
    assert mode in modes


def test_a_transformer_within_a_model(tmp_path):
    x = keras.Input((None, DIM))
    y = TransformerEncoder(num_layers=1, num_heads=2, intermediate_dim=24)(x)
    model = keras.Model(x, keras.layers.Dense(3)(y))
    values = np.random.default_rng(9).normal(size=(2, 5, DIM)).astype("float32")
    expected = np.asarray(quantised(model, "int8")(values))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(values), expected, atol=1e-6)


def test_stepped_as_it_is_read():
    model, tokens = built("language_model")
    quantised(model, "int8")
    whole = model(tokens)
    state = model.initial_state(len(tokens))
    for t in range(tokens.shape[1]):
        logits, state = model.step(tokens[:, t], state)
        np.testing.assert_allclose(logits, whole[:, t], atol=1e-4)
