"""Transformers with random weights, and the oracle's answers to them."""

import numpy as np

from keras_seq.layers import TransformerDecoder, TransformerEncoder
from tests.reference import transformer as reference

B, T, S, D, E, H, L = 3, 5, 7, 8, 6, 2, 2
SIZES = {"num_layers": L, "num_heads": H, "intermediate_dim": 11}


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


X = random(1, B, T, D)
MEMORY = random(2, B, S, E)
# Padding on the right, holes, a whole row; each mask another.
MASKS = {
    "none": None,
    "right": np.arange(T) < np.array([[5], [3], [1]]),
    "left": np.arange(T) >= np.array([[0], [2], [4]]),
    "holes": random(3, B, T) > -0.3,
    "row": np.array([[True] * T, [False] * T, [True] * T]),
}
MEMORY_MASKS = {
    "none": None,
    "right": np.arange(S) < np.array([[7], [2], [4]]),
    "left": np.arange(S) >= np.array([[0], [2], [4]]),
    "holes": random(4, B, S) > -0.3,
    "row": np.array([[False] * S, [True] * S, [True] * S]),
}


def with_random_weights(layer, seed=5):
    """The built layer, its weights random and distinct, gains around 1."""
    rng = np.random.default_rng(seed)
    weights = []
    for weight in layer.weights:
        gain = 1.0 if weight.path.endswith("gamma") else 0.0
        spread = weight.shape[0] ** -0.5 if len(weight.shape) == 2 else 0.3
        weights.append(rng.normal(gain, spread, weight.shape))
    layer.set_weights(weights)
    return layer


def encoder(**options):
    layer = TransformerEncoder(**{**SIZES, **options})
    layer.build((None, None, D))
    return with_random_weights(layer)


def decoder(memory=True, memory_features=E, **options):
    layer = TransformerDecoder(**{**SIZES, **options})
    layer.build((None, None, D), (None, None, memory_features) if memory else None)
    return with_random_weights(layer)


def oracle(layer, x=X, **given):
    """Outputs, self-attention's and cross-attention's weights by the oracle."""
    return reference.run(
        x,
        layer.get_weights(),
        num_layers=layer.num_layers,
        num_heads=layer.num_heads,
        norm_first=layer.norm_first,
        causal=isinstance(layer, TransformerDecoder),
        epsilon=layer.layer_norm_epsilon,
        **given,
    )


def assert_close(got, expected, atol=2e-5):
    assert len(got) == len(expected) > 0
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=atol)
