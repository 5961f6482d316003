"""Computes with the backend that KERAS_BACKEND names; run by test_backends.py.

Usage: python -m tests.backend_child FOLDER. The folder has a folder for each kind of
recurrence, with problem.npz; results.npz, model.keras and model.npz are written
beside it.
"""

import inspect
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.kinds import KINDS

UNITS = 4
TRAINED = ("lstm", "gru")


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


def named(kind, state, gates):
    return {**dict(zip(kind.states, state, strict=True)), **gates}


def recurrence(kind, given, mask):
    """Values and gradients of the function, looped and unrolled, masked and not."""
    names = ("x", *kind.states, "kernel", "recurrent_kernel", "bias")
    for unroll in (False, True):
        for masked in (False, True):

            def function(*arrays, unroll=unroll, masked=masked):
                h, state, gates = kind.run(
                    dict(zip(names, arrays, strict=True)),
                    mask=mask if masked else None,
                    unroll=unroll,
                    go_backwards=True,
                    return_gates=True,
                )
                results = {"h": h, **named(kind, state, gates)}
                loss = sum(
                    ops.sum(ops.multiply(given[f"factor_{name}"], y))
                    for name, y in results.items()
                )
                return loss, results

            slopes, results = gradients(function, [given[name] for name in names])
            case = f"unroll={unroll} masked={masked}"
            yield case, results
            yield f"{case} gradient", dict(zip(names, slopes, strict=True))


def second_derivatives(kind, given, mask):
    """Gradients of Σ (∂L/∂x)², where L is a loss on h."""
    names = ("x", *kind.states, "kernel", "recurrent_kernel", "bias")
    arrays = [given[name] for name in names]

    def loss(*arrays):
        h, _, _ = kind.run(dict(zip(names, arrays, strict=True)), mask=mask)
        return ops.sum(ops.multiply(given["factor_h"], h))

    if keras.backend.backend() == "jax":
        import jax

        first = jax.grad(loss)
        positions = tuple(range(len(arrays)))
        slopes = jax.grad(lambda *a: ops.sum(first(*a) ** 2), positions)(*arrays)
    else:
        import torch

        tensors = [ops.convert_to_tensor(a).requires_grad_() for a in arrays]
        (first,) = torch.autograd.grad(loss(*tensors), tensors[0], create_graph=True)
        slopes = torch.autograd.grad((first**2).sum(), tensors)
    yield "second", dict(zip(names, slopes, strict=True))


def layers(kind, given, mask):
    """Results of the layer, of its cell stepped by hand, and of no steps."""
    x, start = given["x"], kind.state(given)
    asked = ("return_sequences", "return_state", "return_gates")
    layer = kind.layer(UNITS, **dict.fromkeys(asked, True), **kind.options)
    layer.build(x.shape)
    layer.set_weights(kind.weights(given))
    y, *state, gates = layer(x, initial_state=start, mask=mask)
    assert layer.units == layer.get_config()["units"] == UNITS
    yield "layer", {"y": y, **named(kind, state, gates)}

    cell, state = kind.cell(UNITS, **kind.options), start
    cell.build(x[:, 0].shape)
    cell.set_weights(kind.weights(given))
    for t in range(x.shape[1]):
        _, state, gates = cell(x[:, t], state, return_gates=True)
    yield "by hand", named(kind, state, gates)

    _, *state, gates = layer(x[:, :0], initial_state=start)
    yield "no steps", named(kind, state, gates)


def without_gates(kind, given, mask):
    """What PyTorch's own kernel may compute: results, states and all gradients."""
    if keras.backend.backend() != "torch":
        return
    import torch

    names = ("x", *kind.states, "kernel", "recurrent_kernel", "bias")
    taken = []
    for go_backwards in (False, True):
        for masked in (False, True):
            layer = kind.layer(
                UNITS,
                return_sequences=True,
                return_state=True,
                go_backwards=go_backwards,
                **kind.options,
            )
            layer.build(given["x"].shape)
            layer.set_weights(kind.weights(given))
            x = np.where(mask[..., None] | (not masked), given["x"], np.nan)
            arrays = [x, *kind.state(given)]
            tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
            with torch.profiler.profile() as profile:
                h, *state = layer(
                    tensors[0],
                    initial_state=tensors[1:],
                    mask=mask if masked else None,
                )
            taken.append(bool(_KERNELS & {event.key for event in profile.events()}))
            results = {"h": h, **dict(zip(kind.states, state, strict=True))}
            loss = sum(
                ops.sum(ops.multiply(given[f"factor_{name}"], y))
                for name, y in results.items()
            )
            slopes = torch.autograd.grad(
                loss, [*tensors, *(w.value for w in layer.trainable_weights)]
            )
            case = f"without gates {go_backwards=} {masked=}"
            yield case, results
            yield f"{case} gradient", dict(zip(names, slopes, strict=True))
    assert taken == [kind.options.get("reset_after", True)] * 4, taken


_KERNELS = {"aten::lstm", "aten::gru", "aten::rnn_tanh", "aten::rnn_relu"}


def demanded(kind):
    """`use_cudnn=True` is the kernel or a refusal that says why."""
    x = np.ones((2, 3, 2), "float32")
    if "use_cudnn" not in inspect.signature(kind.layer).parameters:
        return
    if keras.backend.backend() != "torch":
        expect_refusal("PyTorch", lambda: kind.layer(2, use_cudnn=True))
        return
    if not kind.options:
        layer = kind.layer(2, use_cudnn=True)
        assert layer(x).shape == (2, 2)
        assert layer(x[:0]).shape == (0, 2)
    for name, value in {
        "return_gates": True,
        "unroll": True,
        "recurrent_activation": "hard_sigmoid",
        "zoneout": 0.1,
        "dtype": "mixed_bfloat16",
    }.items():
        layer = kind.layer(2, use_cudnn=True, **{**kind.options, name: value})
        expect_refusal("use_cudnn", lambda layer=layer: layer(x))


def expect_refusal(words, call):
    with pytest.raises(ValueError, match=words):
        call()


def train(kind, folder):
    """Fits, saves and applies a model that has every part once."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 5, 2)).astype("float32")
    x[::2, 3:] = 0
    inputs = keras.Input((5, 2))
    first = kind.layer(3, return_sequences=True, return_gates=True, dropout=0.1)
    h, gates = first(keras.layers.Masking()(inputs))
    last = keras.layers.Bidirectional(kind.layer(3, recurrent_dropout=0.1))
    y = keras.layers.Dense(1, name="y")(last(h))
    gate = keras.layers.Identity(name="gate")(gates[kind.gates[0]])
    model = keras.Model(inputs, {"y": y, "gate": gate})
    model.compile(keras.optimizers.Adam(0.03), loss={"y": "mse", "gate": "mse"})
    targets = {"y": x.sum((1, 2))[:, None], "gate": np.zeros((8, 5, 3), "float32")}
    before = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    model.fit(x, targets, epochs=10, verbose=0)
    after = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    assert after < 0.9 * before, (before, after)
    model.save(folder / "model.keras")
    np.savez(folder / "model.npz", x=x, **model.predict(x, verbose=0))

    stateful = kind.layer(3, stateful=True)
    start, end = stateful(x), stateful(x)
    assert float(ops.max(ops.abs(end - start))) > 1e-4
    if keras.backend.backend() == "torch":
        # Its variables change in place: the gradient must know what they were.
        fixed = kind.layer(3)
        fixed.build(x.shape)
        fixed.set_weights(stateful.get_weights())
        state = [ops.copy(variable) for variable in stateful.states]
        ops.sum(stateful(x, training=True)).backward()
        ops.sum(fixed(x, initial_state=state, training=True)).backward()
        for weights in zip(
            stateful.trainable_weights, fixed.trainable_weights, strict=True
        ):
            got, expected = (w.value.grad.numpy() for w in weights)
            np.testing.assert_allclose(got, expected, atol=1e-6)
    stateful.reset_state()
    assert float(ops.max(ops.abs(stateful(x) - start))) < 1e-6


def main(folder):
    """Reads the problem of each kind from its folder, and writes there."""
    keras.utils.set_random_seed(1)
    for name, kind in KINDS.items():
        given = dict(np.load(folder / name / "problem.npz"))
        mask = given.pop("mask")
        results = {
            f"{case}/{result}": ops.convert_to_numpy(value)
            for part in (recurrence, second_derivatives, layers, without_gates)
            for case, values in part(kind, given, mask)
            for result, value in values.items()
        }
        np.savez(folder / name / "results.npz", **results)
        demanded(kind)
        if name in TRAINED:
            train(kind, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
