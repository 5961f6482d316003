"""Layer normalisation inside a recurrence."""

import dataclasses
from typing import Any

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class LayerNorm:
    """LN(x) = γ ⊙ (x - mean(x)) / sqrt(var(x) + ε) + β, over the last axis.

    Numbers of 16 bits are normalised with the digits of 32.

    Attributes:
        gain: γ. Shape (K,).
        shift: β. Shape (K,).
        epsilon: ε.
    """

    gain: Any
    shift: Any
    epsilon: float

    def __call__(self, x):
        dtype = x.dtype
        if keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16"):
            x = ops.cast(x, "float32")
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(centred * centred, axis=-1, keepdims=True)
        normalised = centred / ops.sqrt(variance + self.epsilon)
        return ops.cast(normalised, dtype) * self.gain + self.shift

    def parts(self, sizes):
        """A LayerNorm for each part of the last axis, of the given sizes."""
        places = [sum(sizes[:k]) for k in range(1, len(sizes))]
        gains, shifts = (ops.split(w, places) for w in (self.gain, self.shift))
        return [
            LayerNorm(gain, shift, self.epsilon)
            for gain, shift in zip(gains, shifts, strict=True)
        ]


def unchanged(x):
    """Stands where a LayerNorm does, where there is none."""
    return x
