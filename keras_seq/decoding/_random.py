"""Random numbers that depend on a row's own key and step, and on nothing else.

A row of a batch must draw the same numbers alone as in company, in a loop, on
every backend and in a served graph; the backends' generators give no such
promise. A counter-based generator does.
"""

from typing import TypeAlias

import numpy as np
from keras import ops

from keras_seq.typing import Integers, Tensor

Pair: TypeAlias = tuple[Tensor, Tensor]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key: Pair, counter: Pair) -> Pair:
    """Threefry-2x32 with 20 rounds: hashes `counter` under `key`.

    Args:
        key: Pair of int32 tensors of one shape.
        counter: Pair of int32 tensors of the same shape.

    Returns:
        Pair of int32 tensors of that shape, 64 random bits.

    References:
        Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy
        as 1, 2, 3.
    """
    k_0, k_1 = key
    keys = (k_0, k_1, ops.bitwise_xor(ops.bitwise_xor(k_0, k_1), _PARITY))
    x_0, x_1 = counter[0] + keys[0], counter[1] + keys[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            x_0 = x_0 + x_1
            x_1 = ops.bitwise_xor(_rotate_left(x_1, rotation), x_0)
        x_0 = x_0 + keys[(block + 1) % 3]
        x_1 = x_1 + keys[(block + 2) % 3] + np.int32(block + 1)
    return x_0, x_1


def row_keys(seed: Integers, batch: int | Tensor) -> Pair:
    """A key for each row: from its own seed, or from the seed and its place.

    Args:
        seed: Integer or integer tensor, of shape () or (B,).
        batch: B.

    Returns:
        Pair of int32 tensors of shape (B,).
    """
    own = ops.cast(ops.convert_to_tensor(seed), "int32")
    if len(own.shape) == 0:
        return ops.broadcast_to(own, (batch,)), ops.arange(batch, dtype="int32")
    return own, ops.zeros_like(own)


def uniform(key: Pair, step: int | Tensor, stream: int = 0) -> Tensor:
    """One number in [0, 1) for each row (of each step), a multiple of 2⁻²⁴.

    Args:
        key: Pair of int32 tensors, e.g. of shape (B,).
        step: int32 tensor, the step of the loop, or steps (T, 1).
        stream: Integer: which of the independent numbers of a step.

    Returns:
        float32 tensor of the shape that both broadcast to: (B,), or (T, B).
    """
    step = step + ops.zeros_like(key[0])
    bits, _ = threefry(key, (step, ops.full_like(step, stream)))
    return ops.cast(_shift_right(bits, 8), "float32") * np.float32(2.0**-24)


def _rotate_left(x: Tensor, distance: int) -> Tensor:
    return ops.bitwise_or(ops.left_shift(x, distance), _shift_right(x, 32 - distance))


def _shift_right(x: Tensor, distance: int) -> Tensor:
    # On int32 the shift drags the sign along; the mask takes it off.
    shifted = ops.right_shift(x, distance)
    return ops.bitwise_and(shifted, np.int32(2 ** (32 - distance) - 1))
