"""The attention decoder in models: saved, trained, generated with, exported."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, generate
from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
    MonotonicAttention,
)
from keras_seq.serving import Signature, check, export
from tests.layers.attentions import mechanism_of, randomise
from tests.layers.decoders import (
    FEATURES,
    HOLES,
    INPUTS,
    MEMORY,
    ROWS,
    SIZE,
    UNITS,
    assert_close,
    cell_of,
    made,
)
from tests.reference import attention as reference

RNG = np.random.default_rng(62)


def model_of(decoder):
    given = [keras.Input((None, FEATURES)), keras.Input((None, SIZE))]
    outputs, state, weights = decoder(
        *given, return_state=True, return_attention_scores=True
    )
    again = decoder(given[0], given[1], initial_state=state)
    return keras.Model(given, [outputs, *keras.tree.flatten(state), weights, again])


DECODERS = {
    "bahdanau": lambda: BahdanauDecoder(UNITS, 3),
    "bahdanau-gru": lambda: BahdanauDecoder(
        UNITS, 3, cell="gru", dropout=0.1, normalize=True, output_units=5
    ),
    "luong": lambda: AttentionDecoder(
        [ExplicitLSTMCell(UNITS), ExplicitGRUCell(3)],
        LuongAttention(),
        attend="after",
        output_units=5,
    ),
    "monotonic": lambda: AttentionDecoder(
        keras.layers.SimpleRNNCell(UNITS),
        MonotonicAttention(BahdanauAttention(3, location="previous")),
        input_feeding=False,
    ),
}
each_decoder = pytest.mark.parametrize("name", DECODERS)


@each_decoder
def test_saving(name, tmp_path):
    model = model_of(DECODERS[name]())
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded([INPUTS, MEMORY]), model([INPUTS, MEMORY]), 0)
    # Shapes are lists in a file.
    configs = [json.dumps(m.layers[-1].get_config()) for m in (loaded, model)]
    assert configs[0] == configs[1]


@keras.saving.register_keras_serializable(package="tests")
class Translator(keras.Model):
    def __init__(self, cells=2, **kwargs):
        super().__init__(**kwargs)
        self.cells = cells
        self.embedding = keras.layers.Embedding(9, FEATURES, mask_zero=True)
        self.decoder = AttentionDecoder(
            [ExplicitLSTMCell(UNITS) for _ in range(cells)], BahdanauAttention(3)
        )
        self.logits = keras.layers.Dense(9)

    def call(self, inputs, training=False):
        tokens, source = inputs
        memory = self.embedding(source)
        outputs = self.decoder(self.embedding(tokens), memory, training=training)
        return self.logits(outputs)

    def get_config(self):
        return {**super().get_config(), "cells": self.cells}


def test_a_model_of_ones_own(tmp_path):
    model = Translator()
    tokens, source = RNG.integers(1, 9, (4, 3)), RNG.integers(1, 9, (4, 5))
    source[:, 3:] = 0
    model.compile(
        keras.optimizers.Adam(0.03),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit([tokens, source], tokens, epochs=8, verbose=0).history
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    logits = model([tokens, source])
    np.testing.assert_allclose(logits, model([tokens, source[:, :3]]), atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded([tokens, source]), logits, 0)


def test_generating_with_it():
    """Greedy in the compiled loop against the oracle, token by token."""
    decoder = made(cell_of("lstm"), BahdanauAttention(3, dtype="float64"))
    embedding, head = RNG.normal(size=(7, FEATURES)), RNG.normal(size=(UNITS + SIZE, 7))
    table = tf.constant(embedding)
    keys = decoder.project_memory(MEMORY)

    def step(tokens, state):
        x = tf.gather(table, tokens)
        output, state, weights = decoder.step(x, state, MEMORY, keys, HOLES)
        return tf.matmul(output, head), state, weights

    found = generate(
        step,
        decoder.get_initial_state(MEMORY, HOLES),
        np.zeros(ROWS, "int32"),
        max_length=5,
        strategy=Greedy(),
    )
    mechanism = mechanism_of(decoder.attention)
    names = "kernel", "recurrent_kernel", "bias"
    cell = dict(zip(names, map(np.asarray, decoder.cell.weights), strict=True))
    ids = np.zeros((ROWS, 1), int)
    for _ in range(5):
        expected = reference.decode(
            embedding[ids],
            [reference.Cell("lstm", cell)],
            [[np.zeros((ROWS, UNITS))] * 2],
            [mechanism],
            [MEMORY],
            [HOLES],
            attend="before",
        )
        chosen = (expected["outputs"][:, -1] @ head).argmax(-1)
        ids = np.concatenate([ids, chosen[:, None]], 1)
    np.testing.assert_array_equal(found.ids, ids[:, 1:])
    assert len(np.unique(ids)) > 2
    np.testing.assert_allclose(found.kept, expected["weights"][0], rtol=1e-8)


def test_exporting_it(tmp_path):
    model = model_of(BahdanauDecoder(UNITS, 3))

    def serve(inputs, memory):
        outputs, *_, weights, _ = model([inputs, memory])
        return {"outputs": outputs, "alignment": weights}

    shapes = {"inputs": (None, None, FEATURES), "memory": (None, None, SIZE)}
    signature = Signature(
        serve, {n: tf.TensorSpec(shape, tf.float32) for n, shape in shapes.items()}
    )
    request = {"inputs": INPUTS.tolist(), "memory": MEMORY.tolist()}
    export(
        model,
        tmp_path,
        {"serving_default": signature},
        warmup={"serving_default": [request]},
    )
    report = check(tmp_path, live={"serving_default": signature})
    assert report.signatures["serving_default"].rows == ROWS
