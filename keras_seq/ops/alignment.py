"""From energies to attention weights: how much each source position counts.

All functions take energies of any shape (..., S) and a mask that broadcasts to
it, True where a position may be attended to. Masked positions get weights of
exactly 0; where no position may be attended to, all weights are 0.
"""

import keras
from keras import ops


def masked_softmax(energies, mask=None):
    """Gives exp(e_j) / Σ_k exp(e_k), over the positions that count.

    Args:
        energies: e. Shape (..., S).
        mask: True where a position counts. Shape (..., S), or None for all.

    Returns:
        Weights, shape (..., S), that sum to 1, or to 0 where none counts.

    Example:

    >>> import numpy as np
    >>> energies = np.array([[0.0, 0.0, 5.0]])
    >>> masked_softmax(energies, np.array([[True, True, False]])).numpy()
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    energies = ops.convert_to_tensor(energies)
    if mask is None:
        return ops.softmax(energies, axis=-1)
    return _zero_masked(ops.softmax(_lowest_masked(energies, mask), axis=-1), mask)


def sparsemax(energies, mask=None):
    """The weights nearest to the energies: many of them are exactly 0.

    ```
    a = argmin_p |p - e|²   over all p ≥ 0 with Σ_j p_j = 1
      = max(e - τ, 0)       with τ such that Σ_j a_j = 1
    ```

    Args:
        energies: e. Shape (..., S).
        mask: True where a position counts. Shape (..., S), or None for all.

    Returns:
        Weights, shape (..., S), that sum to 1, or to 0 where none counts.

    Example:

    >>> import numpy as np
    >>> sparsemax(np.array([[2.0, 1.5, 0.0]])).numpy()
    array([[0.75, 0.25, 0.  ]], dtype=float32)

    References:
        Martins and Astudillo (2016), From softmax to sparsemax.
    """
    e = ops.convert_to_tensor(energies)
    if mask is not None:
        e = _lowest_masked(e, mask)
    e = e - ops.max(e, axis=-1, keepdims=True)
    # A position less than max - 1 has no weight: so none of them need be large.
    e = ops.maximum(e, -2.0)
    ranked = ops.sort(e, axis=-1)
    ranked = ops.flip(ranked, axis=-1)
    rank = ops.cast(ops.arange(1, ops.shape(e)[-1] + 1), e.dtype)
    total = ops.cumsum(ranked, axis=-1)
    in_support = ops.cast(1 + rank * ranked > total, e.dtype)
    size = ops.sum(in_support, axis=-1, keepdims=True)
    threshold = (ops.sum(ranked * in_support, axis=-1, keepdims=True) - 1) / size
    return _zero_masked(ops.maximum(e - threshold, 0.0), mask)


def monotonic(choice, previous):
    """Expected weights of an attention that only moves on.

    Reading from where it stopped before, the attention stops at position j with
    probability p_j. The weights are the probabilities of stopping there:

    ```
    q_j = (1 - p_{j-1}) q_{j-1} + previous_j     it comes to j
    a_j = p_j q_j                                and stops
    ```

    They sum to less than 1 where it may run off the end.

    Args:
        choice: p, in [0, 1], 0 where a position is masked. Shape (..., S).
        previous: The weights of the step before; for the first step 1 at the
            first position and 0 elsewhere. Shape (..., S).

    Returns:
        Weights, shape (..., S).

    Example:

    >>> import numpy as np
    >>> monotonic(np.array([[0.5, 0.5, 1.0]]), np.array([[1.0, 0.0, 0.0]])).numpy()
    array([[0.5 , 0.25, 0.25]], dtype=float32)

    References:
        Raffel et al. (2017), Online and linear-time attention by enforcing
        monotonic alignments.
    """
    choice = ops.convert_to_tensor(choice)
    previous = ops.convert_to_tensor(previous)
    passed = 1 - choice
    passed = ops.concatenate(
        [ops.zeros_like(passed[..., :1]), passed[..., :-1]], axis=-1
    )

    # The paper divides by a cumulative product, which vanishes. Linear functions
    # q -> a q + b compose to such functions, so nothing need be divided.
    def compose(first, second):
        return first[0] * second[0], second[0] * first[1] + second[1]

    _, reached = ops.associative_scan(compose, (passed, previous), axis=-1)
    return choice * reached


def hard_monotonic(choice, previous):
    """Where an attention that only moves on stops: at the first p_j > 1/2.

    Args:
        choice: p, 0 where a position is masked. Shape (..., S).
        previous: The result of the step before; for the first step 1 at the
            first position and 0 elsewhere. Shape (..., S).

    Returns:
        1 at the position and 0 elsewhere; 0 everywhere, now and from now on,
        where the attention ran off the end. Shape (..., S).

    Example:

    >>> import numpy as np
    >>> p = np.array([[0.9, 0.2, 0.7]])
    >>> hard_monotonic(p, np.array([[0.0, 1.0, 0.0]])).numpy()
    array([[0., 0., 1.]], dtype=float32)
    """
    previous = ops.convert_to_tensor(previous)
    stops = ops.cast(ops.convert_to_tensor(choice) > 0.5, previous.dtype)
    stops = stops * ops.cumsum(previous, axis=-1)
    return stops * ops.cast(ops.cumsum(stops, axis=-1) == stops, previous.dtype)


def _lowest_masked(energies, mask):
    lowest = ops.full_like(energies, _lowest(energies.dtype))
    return ops.where(mask, energies, lowest)


def _lowest(dtype):
    """A number below all energies that no subtraction takes to infinity."""
    return -1e4 if keras.backend.standardize_dtype(dtype) == "float16" else -1e30


def _zero_masked(weights, mask):
    return weights if mask is None else ops.where(mask, weights, 0.0 * weights)
