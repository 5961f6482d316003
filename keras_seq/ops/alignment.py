"""From energies to attention weights: how much each source position counts.

All functions take energies of any shape (..., S) and a mask that broadcasts to
it, True where a position may be attended to. Masked positions get weights of
exactly 0; where no position may be attended to, all weights are 0.
"""

from typing import Any

import keras
from keras import ops

from keras_seq.typing import Tensor


def masked_softmax(energies: Tensor, mask: Tensor | None = None) -> Tensor:
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
    array([[0.5, 0.5, 0. ]])
    """
    e: Tensor = ops.convert_to_tensor(energies)
    if mask is None:
        return _softmax(e)
    return _zero_masked(_softmax(_lowest_masked(e, mask)), mask)


def sparsemax(energies: Tensor, mask: Tensor | None = None) -> Tensor:
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
    array([[0.75, 0.25, 0.  ]])

    References:
        Martins and Astudillo (2016), From softmax to sparsemax.
    """
    given: Tensor = ops.convert_to_tensor(energies)
    e: Tensor = given if mask is None else _lowest_masked(given, mask)
    # In numbers of 16 bits a long source cannot be counted, much less summed.
    e = ops.cast(e, keras.backend.result_type(e.dtype, "float32"))
    # A source of no position has no maximum.
    e = e - ops.max(e, axis=-1, keepdims=True, initial=_lowest(e.dtype))
    # A position less than max - 1 has no weight: so none of them need be large.
    e = ops.maximum(e, -2.0)
    ranked = ops.flip(ops.sort(e, axis=-1), axis=-1)
    rank = ops.cast(ops.arange(1, ops.shape(e)[-1] + 1), e.dtype)
    total = ops.cumsum(ranked, axis=-1)
    in_support = ops.cast(1 + rank * ranked > total, e.dtype)
    size = ops.sum(in_support, axis=-1, keepdims=True)
    threshold = (ops.sum(ranked * in_support, axis=-1, keepdims=True) - 1) / size
    weights = ops.cast(ops.maximum(e - threshold, 0.0), given.dtype)
    return _zero_masked(weights, mask)


def monotonic(choice: Tensor, previous: Tensor) -> Tensor:
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
    array([[0.5 , 0.25, 0.25]])

    References:
        Raffel et al. (2017), Online and linear-time attention by enforcing
        monotonic alignments.
    """
    stops: Tensor = ops.convert_to_tensor(choice)
    before: Tensor = ops.convert_to_tensor(previous)
    passed = 1 - stops
    passed = ops.concatenate(
        [ops.zeros_like(passed[..., :1]), passed[..., :-1]], axis=-1
    )

    return stops * _reached(passed, before)


def hard_monotonic(choice: Tensor, previous: Tensor) -> Tensor:
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
    array([[0., 0., 1.]])
    """
    before: Tensor = ops.convert_to_tensor(previous)
    stops = ops.cast(ops.convert_to_tensor(choice) > 0.5, before.dtype)
    stops = stops * ops.cumsum(before, axis=-1)
    return stops * ops.cast(ops.cumsum(stops, axis=-1) == stops, before.dtype)


def _softmax(energies: Tensor) -> Tensor:
    # Keras warns about the softmax of a single number.
    if energies.shape[-1] == 1:
        return 0 * energies + 1
    return ops.softmax(energies, axis=-1)


def _reached(passed: Tensor, entered: Tensor) -> Tensor:
    """Gives q with q_j = passed_j q_{j-1} + entered_j, q before the first being 0.

    The paper divides by a cumulative product, which vanishes. But the functions
    q -> a q + b compose to such functions: those of 1, 2, 4 ... positions are made
    of one another, and nothing need be divided.
    """

    def doubled(by: int, passed: Tensor, entered: Tensor) -> tuple[int, Tensor, Tensor]:
        earlier = _moved(entered, by) * passed
        return 2 * by, _moved(passed, by) * passed, earlier + entered

    source, by = passed.shape[-1], 1
    if source is None:
        # XLA differentiates a loop only if it knows how often it turns at most:
        # 31 doublings are more positions than an array can have.
        return ops.while_loop(
            lambda by, *_: by < ops.shape(passed)[-1],
            doubled,
            (1, passed, entered),
            maximum_iterations=31,
        )[2]
    while by < source:
        by, passed, entered = doubled(by, passed, entered)
    return entered


def _moved(x: Tensor, by: int) -> Tensor:
    """Moves what x holds to later positions."""
    if isinstance(by, int):
        return ops.concatenate([ops.zeros_like(x[..., :by]), x[..., :-by]], axis=-1)
    # Known only in the loop: no slice, whose size XLA must know when it compiles.
    earlier = ops.arange(ops.shape(x)[-1]) - by
    moved = ops.take(x, ops.maximum(earlier, 0), axis=-1)
    return ops.where(earlier >= 0, moved, ops.zeros_like(moved))


def _lowest_masked(energies: Tensor, mask: Tensor) -> Tensor:
    return ops.where(mask, energies, ops.full_like(energies, _lowest(energies.dtype)))


def _lowest(dtype: Any) -> float:
    """A number below all energies: with 16 bits they may be large themselves."""
    return -65504.0 if keras.backend.standardize_dtype(dtype) == "float16" else -3e38


def _zero_masked(weights: Tensor, mask: Tensor | None) -> Tensor:
    return (
        weights if mask is None else ops.where(mask, weights, ops.zeros_like(weights))
    )
