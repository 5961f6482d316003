"""The attention layers, each with its mechanism in the oracle."""

import keras
import numpy as np

from keras_seq.layers import BahdanauAttention, LuongAttention, MonotonicAttention
from keras_seq.ops import masked_softmax
from tests.reference import attention as reference

UNITS = 3
# By name: functions of the layers' dtype. Queries and memories have size 4.
ATTENTIONS = {
    "bahdanau": lambda **o: BahdanauAttention(UNITS, **o),
    "bahdanau-sparsemax": lambda **o: BahdanauAttention(
        UNITS, probability="sparsemax", use_bias=False, **o
    ),
    "bahdanau-normalize": lambda **o: BahdanauAttention(UNITS, normalize=True, **o),
    "bahdanau-previous": lambda **o: BahdanauAttention(
        UNITS, location="previous", location_filters=2, location_kernel_size=3, **o
    ),
    "bahdanau-cumulative": lambda **o: BahdanauAttention(
        UNITS, location="cumulative", location_filters=2, location_kernel_size=7, **o
    ),
    "luong-dot": lambda **o: LuongAttention(score="dot", scale="fixed", **o),
    "luong-general": lambda **o: LuongAttention(scale="learned", **o),
    "luong-general-fixed": lambda **o: LuongAttention(scale="fixed", **o),
    "luong-concat": lambda **o: LuongAttention(UNITS, score="concat", **o),
    "luong-concat-fixed": lambda **o: LuongAttention(
        UNITS, score="concat", scale="fixed", probability="sparsemax", **o
    ),
    "monotonic": lambda **o: MonotonicAttention(
        BahdanauAttention(UNITS, normalize=True, **o), energy_bias=-0.5, **o
    ),
    "monotonic-expected": lambda **o: MonotonicAttention(
        LuongAttention(**o), hard=False, **o
    ),
    "monotonic-cumulative": lambda **o: MonotonicAttention(
        BahdanauAttention(UNITS, location="cumulative", location_kernel_size=3, **o),
        hard=False,
        **o,
    ),
}


@keras.saving.register_keras_serializable(package="tests")
def halves(energies, mask):
    return masked_softmax(0.5 * energies, mask)


def randomise(layer, seed=0):
    """Gives a built layer weights that are all different."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, 0.8, w.shape) for w in layer.get_weights()])
    return layer


def mechanism_of(layer, features=4):
    """The oracle's mechanism with a built layer's weights."""
    if isinstance(layer, MonotonicAttention):
        inner = mechanism_of(layer.attention, features)
        inner.probability = "hard" if layer.hard else "expected"
        inner.energy_bias = float(layer.bias)
        return inner
    names = ["kernel", "query_kernel", "memory_kernel", "energy_kernel", "bias"]
    names += ["energy_gain", "filters", "location_kernel"]
    weights = {
        name: np.asarray(getattr(layer, name))
        for name in names
        if getattr(layer, name, None) is not None
    }
    scale, score = 1.0, "additive"
    if isinstance(layer, LuongAttention):
        score = layer.score
        if layer.scale == "fixed":
            scale = 1 / np.sqrt(layer.units if score == "concat" else features)
        if layer.scale == "learned":
            scale = float(weights.pop("energy_gain"))
    return reference.Mechanism(
        score,
        weights,
        layer.probability,
        getattr(layer, "location", None),
        scale,
    )
