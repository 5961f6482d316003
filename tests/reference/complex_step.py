"""Gradients of NumPy functions to machine precision.

The derivative of an analytic real function is Im f(x + ih) / h: no difference
is taken, so h may be 1e-30 and nothing cancels (Squire and Trapp, 1998, Using
complex variables to estimate derivatives of real functions).
"""

import numpy as np

_STEP = 1e-30


def gradients(loss, arrays):
    """The gradients of a scalar `loss(**arrays)`, one for each of `arrays`.

    Args:
        loss: Function of keyword arrays, made of analytic operations only.
        arrays: Dict of real arrays.

    Returns:
        A dict of float64 arrays of the same shapes.
    """
    result = {}
    for name, array in arrays.items():
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = array.astype("complex128")
            moved[index] += 1j * _STEP
            gradient[index] = loss(**{**arrays, name: moved}).imag / _STEP
        result[name] = gradient
    return result
