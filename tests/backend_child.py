"""Computes with the backend that KERAS_BACKEND names; run by test_backends.py.

Usage: python backend_child.py PROBLEM.npz FOLDER. Reads a problem, writes
results.npz, model.keras and model.npz to the folder.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_seq.layers import ExplicitLSTM, ExplicitLSTMCell
from keras_seq.ops import lstm

ARGUMENTS = ("x", "h_0", "c_0", "kernel", "recurrent_kernel", "bias")
UNITS = 4


def gradients(function, arrays):
    """Gradients of `function(*arrays)[0]` and the dict that it returns beside."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        positions = tuple(range(len(arrays)))
        return jax.jit(jax.grad(function, positions, has_aux=True))(*arrays)
    if backend == "torch":
        tensors = [ops.convert_to_tensor(a).requires_grad_() for a in arrays]
        loss, results = function(*tensors)
        loss.backward()
        return [t.grad for t in tensors], results
    import tensorflow as tf

    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss, results = function(*tensors)
    return tape.gradient(loss, tensors), results


def recurrence(given):
    """Values and gradients of `lstm`, looped and unrolled, masked and not."""
    for unroll in (False, True):
        for masked in (False, True):

            def function(x, h_0, c_0, *weights, unroll=unroll, masked=masked):
                h, (h_T, c_T), gates = lstm(
                    x,
                    (h_0, c_0),
                    *weights,
                    mask=given["mask"] if masked else None,
                    unroll=unroll,
                    go_backwards=True,
                    return_gates=True,
                )
                results = {"h": h, "h_T": h_T, "c_T": c_T, **gates}
                loss = sum(
                    ops.sum(ops.multiply(given[f"factor_{name}"], y))
                    for name, y in results.items()
                )
                return loss, results

            arrays = [given[name] for name in ARGUMENTS]
            slopes, results = gradients(function, arrays)
            case = f"unroll={unroll} masked={masked}"
            yield case, results
            yield f"{case} gradient", dict(zip(ARGUMENTS, slopes, strict=True))


def layers(given):
    """Results of the layer, of its cell stepped by hand, and of no steps."""
    x, h_0, c_0, *weights = (given[name] for name in ARGUMENTS)
    layer = ExplicitLSTM(
        UNITS, return_sequences=True, return_state=True, return_gates=True
    )
    layer.build(x.shape)
    layer.set_weights(weights)
    y, h, c, gates = layer(x, initial_state=[h_0, c_0], mask=given["mask"])
    assert layer.units == layer.get_config()["units"] == UNITS
    yield "layer", {"y": y, "h_T": h, "c_T": c, **gates}

    cell = ExplicitLSTMCell(UNITS)
    cell.build(x[:, 0].shape)
    cell.set_weights(weights)
    h, c = h_0, c_0
    for t in range(x.shape[1]):
        h, (h, c), gates = cell(x[:, t], (h, c), return_gates=True)
    yield "by hand", {"h_T": h, "c_T": c, **gates}

    _, h, c, gates = layer(x[:, :0], initial_state=[h_0, c_0])
    yield "no steps", {"h_T": h, "c_T": c, **gates}


def train(folder):
    """Fits, saves and applies a model that has every part once."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 5, 2)).astype("float32")
    x[::2, 3:] = 0
    inputs = keras.Input((5, 2))
    first = ExplicitLSTM(3, return_sequences=True, return_gates=True, dropout=0.1)
    h, gates = first(keras.layers.Masking()(inputs))
    last = keras.layers.Bidirectional(ExplicitLSTM(3, recurrent_dropout=0.1))
    y = keras.layers.Dense(1, name="y")(last(h))
    gate = keras.layers.Identity(name="forget")(gates["forget"])
    model = keras.Model(inputs, {"y": y, "forget": gate})
    model.compile(keras.optimizers.Adam(0.03), loss={"y": "mse", "forget": "mse"})
    targets = {"y": x.sum((1, 2))[:, None], "forget": np.zeros((8, 5, 3), "float32")}
    before = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    model.fit(x, targets, epochs=10, verbose=0)
    after = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    assert after < 0.9 * before, (before, after)
    model.save(folder / "model.keras")
    np.savez(folder / "model.npz", x=x, **model.predict(x, verbose=0))

    stateful = ExplicitLSTM(3, stateful=True)
    start, end = stateful(x), stateful(x)
    assert float(ops.max(ops.abs(end - start))) > 1e-4
    stateful.reset_state()
    assert float(ops.max(ops.abs(stateful(x) - start))) < 1e-6


def main(problem, folder):
    given = dict(np.load(problem))
    results = {
        f"{case}/{name}": ops.convert_to_numpy(value)
        for part in (recurrence, layers)
        for case, values in part(given)
        for name, value in values.items()
    }
    np.savez(folder / "results.npz", **results)
    train(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
