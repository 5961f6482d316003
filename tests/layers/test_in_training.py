"""In training the layer takes another path: it must give Keras's gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS, each_kind
from tests.reference.recurrence import mask_patterns

MASKS = mask_patterns(4, 6)


def gradients(layer, x, states, mask):
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        results = layer(x, initial_state=states, mask=mask, training=True)
        loss = sum(
            tf.reduce_sum(
                (number + 1.3) * tf.cast(y, "float32") + tf.cast(y, "float32") ** 3
            )
            for number, y in enumerate(results[: 1 + len(states)])
        )
    return tape.gradient(loss, [x, *states, *layer.trainable_variables])


@pytest.mark.parametrize(
    ("kind", "mask"),
    [
        pytest.param(kind, mask, id=f"{name}-{mask}")
        for name, kind in KINDS.items()
        for mask in (MASKS if name == "lstm" else ("none", "holes"))
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {"return_sequences": True},
        {"go_backwards": True},
        {"return_sequences": True, "return_gates": True, "use_bias": False},
        {"return_sequences": True, "recurrent_dropout": 0.3, "dropout": 0.4},
        {"return_sequences": True, "dropout": 0.4, "seed": 3},
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
    ],
    ids=lambda options: "-".join(options),
)
def test_gradients_are_those_of_keras(kind, options, mask):
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(4, 6, 3)), "float32")
    states = [tf.constant(rng.normal(size=(4, 5)), "float32") for _ in kind.states]
    options = {**kind.options, **kind.accepted(**options)}
    shared = {k: v for k, v in options.items() if k != "return_gates"}
    shared = {"return_state": True, "seed": 1, **shared}
    theirs = kind.keras_layer(5, **shared)
    ours = kind.layer(5, **{**options, **shared})
    for layer in (theirs, ours):
        layer.build(x.shape)
        layer.set_weights(
            [np.random.default_rng(2).normal(size=w.shape) for w in layer.get_weights()]
        )
        layer.cell.seed_generator.state.assign([5, 0])
    found = gradients(ours, x, states, MASKS[mask])
    expected = gradients(theirs, x, states, MASKS[mask])
    for ours_, theirs_ in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours_, theirs_, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_kind()
def test_mixed_precision(kind, policy):
    x = tf.constant(np.random.default_rng(1).normal(size=(4, 6, 3)), "float32")
    options = {"return_state": True, "return_sequences": True, **kind.options}
    full, mixed = kind.layer(5, **options), kind.layer(5, dtype=policy, **options)
    full.build(x.shape)
    mixed.build(x.shape)
    rng = np.random.default_rng(2)
    full.set_weights([rng.normal(0, 0.4, w.shape) for w in full.get_weights()])
    mixed.set_weights(full.get_weights())
    states = [tf.zeros((4, 5))] * len(kind.states)
    found = gradients(mixed, x, states, None)
    expected = gradients(full, x, states, None)
    tolerance = 0.02 if policy == "mixed_float16" else 0.15
    for half, single in zip(found[-3:], expected[-3:], strict=True):
        assert half.dtype == tf.float32
        error = np.linalg.norm(half - single) / np.linalg.norm(single)
        assert error < tolerance


@each_kind()
def test_weights_of_16_bits_start_as_those_of_32(kind):
    cell = kind.cell(4, dtype="bfloat16", seed=1, **kind.options)
    cell.build((None, 3))
    kernel = np.asarray(cell.recurrent_kernel, "float64")
    assert cell.recurrent_kernel.dtype == "bfloat16"
    # Orthogonal, as far as 8 bits behind the point can be.
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(4), atol=0.02)
