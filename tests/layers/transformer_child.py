"""Computes with the backend that KERAS_BACKEND names; see the test that runs it.

Usage: python transformer_child.py FOLDER, into which results.npz, suffixes.npz,
model.keras and model.npz are written.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_seq.decoding import Greedy, generate
from keras_seq.layers import (
    PositionalEncoding,
    TransformerDecoder,
    TransformerEncoder,
)
from tests.layers import suffixes
from tests.layers.transformers import (
    MASKS,
    MEMORY,
    MEMORY_MASKS,
    B,
    D,
    T,
    X,
    decoder,
    encoder,
    random,
)

FACTOR = random(61, B, T, D)
TABLE, KERNEL = 2.0 * random(62, 9, D), random(63, D, 9)
START, LENGTH = np.array([1, 4, 7]), 5
GIVEN = {"mask": MASKS["holes"], "memory_mask": MEMORY_MASKS["row"]}


def layers():
    return {"encoder": encoder(norm_first=False), "decoder": decoder()}


def loss_and_results(name, layer):
    if name == "encoder":
        given, masks = (X,), {"mask": GIVEN["mask"]}
    else:
        given, masks = (X, MEMORY), GIVEN
    outputs, scores = layer(*given, return_attention_scores=True, **masks)
    results = {"outputs": outputs, **{f"scores {i}": s for i, s in enumerate(scores)}}
    return ops.sum(ops.multiply(outputs, FACTOR)), results


def slopes_and_results(name, layer):
    """Gradients by the weights' numbers, and results by name."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        def function(values):
            mapping = zip(layer.trainable_variables, values, strict=True)
            with keras.StatelessScope(state_mapping=list(mapping)):
                return loss_and_results(name, layer)

        values = [v.value for v in layer.trainable_variables]
        slopes, results = jax.jit(jax.grad(function, has_aux=True))(values)
    elif backend == "torch":
        loss, results = loss_and_results(name, layer)
        loss.backward()
        slopes = [v.value.grad for v in layer.trainable_variables]
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, results = loss_and_results(name, layer)
        slopes = tape.gradient(loss, layer.trainable_variables)
    return results, {f"slope {i}": slope for i, slope in enumerate(slopes)}


def generated(layer, memory):
    positions = PositionalEncoding()
    keys = layer.project_memory(memory)
    state = layer.get_initial_state(memory, max_length=LENGTH)

    def step(tokens, state):
        x = positions(ops.take(TABLE, tokens, axis=0), start=state.position)
        output, state, scores = layer.step(x, state, memory, keys, GIVEN["memory_mask"])
        return ops.matmul(output, KERNEL), state, {"output": output, "scores": scores}

    result = generate(step, state, START, max_length=LENGTH, strategy=Greedy())
    return {"ids": result.ids, **result.kept}


def train(folder):
    ids, source = keras.Input((4,), dtype="int32"), keras.Input((5, D))
    embed = keras.layers.Embedding(9, D, mask_zero=True)
    memory, own = TransformerEncoder(1, 2, 7, dropout=0.1)(
        source, return_attention_scores=True
    )
    x = PositionalEncoding(learned=True, max_length=6)(embed(ids))
    outputs, scores = TransformerDecoder(1, 4, 7, dropout=0.1)(
        x, memory, return_attention_scores=True
    )
    outputs = keras.layers.Dense(1, name="y")(outputs)
    model = keras.Model((ids, source), outputs)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    given = np.arange(64).reshape(16, 4) % 9, random(64, 16, 5, D)
    wanted = (given[0] % 2)[..., None].astype("float32")
    history = model.fit(given, wanted, epochs=12, verbose=0)
    first, *_, last = history.history["loss"]
    assert last < 0.7 * first, (first, last)
    shown = keras.Model(model.inputs, [outputs, *own, *scores])
    shown.save(folder / "model.keras")
    np.savez(folder / "model.npz", *given, *shown.predict(given, verbose=0))


def main(folder):
    keras.utils.set_random_seed(1)
    layer = decoder()

    def run(memory):
        return generated(layer, memory)

    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(run)  # far quicker than one compilation an operation
    results = {"generated": run(ops.convert_to_tensor(MEMORY))}
    for name, layer in layers().items():
        values, slopes = slopes_and_results(name, layer)
        results[name] = {**values, **slopes}
    flat = {}
    for name, values in results.items():
        for key, value in values.items():
            leaves = value if isinstance(value, (list, tuple)) else [value]
            for number, leaf in enumerate(leaves):
                flat[f"{name}/{key}/{number}"] = ops.convert_to_numpy(leaf)
    np.savez(folder / "results.npz", **flat)
    np.savez(folder / "suffixes.npz", **suffixes.results())
    train(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
