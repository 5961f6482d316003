"""What attention weights say of an alignment, and how right they are."""

import math
import typing
from collections.abc import Iterable

import numpy as np

from keras_seq.typing import ArrayLike


def attention_entropy(
    weights: ArrayLike,
    source_mask: ArrayLike | None = None,
    target_mask: ArrayLike | None = None,
) -> np.ndarray:
    """How spread out the attention of each target token is, in nats.

    ```
    p_ts = a_ts / Σ_s' a_ts'          over the source tokens that count
    H_t = -Σ_s p_ts ln p_ts           with 0 ln 0 = 0
    ```

    It is 0 where one token has all the weight, and ln n where n tokens share it
    evenly.

    Args:
        weights: Attention weights, of shape (..., T, S): (T, S) of one pair,
            (B, T, S), or (B, H, T, S) with heads. None may be negative.
        source_mask: True where a source token counts: of shape (B, S), or (S,) for
            one pair. None for all.
        target_mask: True where a target token counts: of shape (B, T), or (T,) for
            one pair. None for all.

    Returns:
        float64 array of shape (..., T). NaN where a target token is masked or has
        no weight on any source token that counts.

    Raises:
        ValueError: If a shape doesn't fit, or a weight is negative, infinite or
            NaN.

    Example:

    >>> attention_entropy([[1.0, 0.0], [0.5, 0.5]]).round(3).tolist()
    [0.0, 0.693]

    References:
        Vig and Belinkov (2019), Analyzing the structure of attention in a
        transformer language model.
    """
    array = _checked(weights)
    if source_mask is not None:
        array = array * _beside("source_mask", source_mask, array, -1)
    total = array.sum(axis=-1, keepdims=True)
    counts = total[..., 0] > 0
    if target_mask is not None:
        counts = counts & _beside("target_mask", target_mask, array, -2)[..., 0]
    share = array / np.where(total > 0, total, 1)
    # Adding 0 turns -0.0 into 0.0.
    entropy = -np.sum(share * np.log(np.where(share > 0, share, 1)), axis=-1) + 0.0
    return np.where(counts, entropy, np.nan)


def attention_coverage(
    weights: ArrayLike, target_mask: ArrayLike | None = None
) -> np.ndarray:
    """How much attention each source token gets in all.

    ```
    coverage_s = Σ_t a_ts             over the target tokens that count
    ```

    Near 0 says that a token was overlooked, far above 1 that it was looked at
    again and again: what under- and over-translation look like (Tu et al., 2016).

    Args:
        weights: Attention weights, of shape (..., T, S): (T, S) of one pair,
            (B, T, S), or (B, H, T, S) with heads. None may be negative.
        target_mask: True where a target token counts: of shape (B, T), or (T,) for
            one pair. None for all.

    Returns:
        float64 array of shape (..., S).

    Raises:
        ValueError: If a shape doesn't fit, or a weight is negative, infinite or
            NaN.

    Example:

    >>> attention_coverage([[1.0, 0.0], [0.75, 0.25]]).tolist()
    [1.75, 0.25]

    References:
        Tu et al. (2016), Modeling coverage for neural machine translation.
    """
    array = _checked(weights)
    if target_mask is not None:
        array = array * _beside("target_mask", target_mask, array, -2)
    return array.sum(axis=-2)


class AlignmentAgreement(typing.NamedTuple):
    """How well the links A, read off attention weights, agree with a reference.

    S are the sure links of the reference, P its sure and possible ones.

    Attributes:
        error_rate: Alignment error rate, 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|).
        precision: |A ∩ P| / |A|.
        recall: |A ∩ S| / |S|.
        pointing_accuracy: Of the target tokens that have a link in P, the share
            whose largest weight lies on one.
    """

    error_rate: float
    precision: float
    recall: float
    pointing_accuracy: float


def alignment_agreement(
    weights: Iterable[ArrayLike],
    sure: Iterable[Iterable[tuple[int, int]]],
    possible: Iterable[Iterable[tuple[int, int]]] | None = None,
    *,
    threshold: float | None = None,
) -> AlignmentAgreement:
    """How well attention weights agree with reference alignments.

    Links are read off the weights: for each target token the source token with the
    largest weight, the first of equals; or all with a weight of at least
    `threshold`. A target token without any weight has no link. The figures are
    those of all pairs together: links are counted, not figures averaged.

    Args:
        weights: A list of arrays of shape (T, S), one for each pair. End marks and
            padding are best cut off before: each row counts.
        sure: A list with the sure links of each pair: a set of (target, source),
            both from 0.
        possible: A list with the possible links of each pair, the sure ones
            included or not; or None if there are only sure ones.
        threshold: Least weight of a link, in (0, 1]; None for one link a target
            token.

    Returns:
        `AlignmentAgreement`; a figure is NaN where there is nothing to count.

    Raises:
        ValueError: If the lists differ in length, an array isn't (T, S), a weight
            is negative, infinite or NaN, a link lies outside its pair, or
            `threshold` is out of its range.

    Example:

    >>> weights = [[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.6, 0.0, 0.4]]
    >>> agreement = alignment_agreement([weights], [{(0, 0), (1, 1), (2, 2)}])
    >>> agreement.error_rate == 1 - (2 + 2) / (3 + 3)
    True
    >>> alignment_agreement([weights], [{(0, 0), (2, 2)}], [{(1, 1)}]).recall
    0.5

    References:
        Och and Ney (2003), A systematic comparison of various statistical alignment
        models.
    """
    weights, sure = list(weights), list(sure)
    possible = [()] * len(sure) if possible is None else list(possible)
    if not len(weights) == len(sure) == len(possible):
        raise ValueError(
            "`weights`, `sure` and `possible` must have one entry for each pair; "
            f"received {len(weights)}, {len(sure)} and {len(possible)}."
        )
    if threshold is not None and not 0 < threshold <= 1:
        raise ValueError(
            f"`threshold` must be in (0, 1], or None; received {threshold!r}."
        )
    links, certain, right, surely_right, pointing, pointed = 0, 0, 0, 0, 0, 0
    for pair, (array, sure_links, others) in enumerate(
        zip(weights, sure, possible, strict=True)
    ):
        array = _checked(array, f"weights[{pair}]")
        if array.ndim != 2:
            raise ValueError(
                f"`weights[{pair}]` must have shape (T, S); received shape "
                f"{array.shape}."
            )
        sure_links = _within(f"sure[{pair}]", sure_links, array.shape)
        allowed = sure_links | _within(f"possible[{pair}]", others, array.shape)
        largest = _largest(array)
        found = largest if threshold is None else _at_least(array, threshold)
        links += len(found)
        certain += len(sure_links)
        right += len(found & allowed)
        surely_right += len(found & sure_links)
        pointing += len({target for target, _ in allowed})
        pointed += len(largest & allowed)
    return AlignmentAgreement(
        error_rate=1 - _ratio(surely_right + right, links + certain),
        precision=_ratio(right, links),
        recall=_ratio(surely_right, certain),
        pointing_accuracy=_ratio(pointed, pointing),
    )


def _largest(array: np.ndarray) -> set[tuple[int, int]]:
    """The link of each row that has any weight."""
    rows = np.flatnonzero(array.sum(axis=1) > 0)
    return {(int(row), int(array[row].argmax())) for row in rows}


def _at_least(array: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(array >= threshold)}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _within(
    name: str, links: Iterable[typing.Any], shape: tuple[int, ...]
) -> set[tuple[int, int]]:
    """The links as a set of pairs of int, each of which lies in the array."""
    links = {tuple(link) if np.iterable(link) else link for link in links}
    for link in links:
        if (
            not isinstance(link, tuple)
            or len(link) != 2
            or not all(
                place in range(size) for place, size in zip(link, shape, strict=True)
            )
        ):
            raise ValueError(
                f"`{name}` must be links (target, source) in a pair with (T, S) = "
                f"{shape}, from 0; received {link!r}."
            )
    return {(int(target), int(source)) for target, source in links}


def _checked(weights: ArrayLike, name: str = "weights") -> np.ndarray:
    weights = np.asarray(weights, "float64")
    if weights.ndim < 2:
        raise ValueError(
            f"`{name}` must have shape (..., T, S); received shape {weights.shape}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            f"`{name}` must be finite and not negative; received values from "
            f"{weights.min()} to {weights.max()}."
        )
    return weights


def _beside(name: str, mask: ArrayLike, weights: np.ndarray, axis: int) -> np.ndarray:
    """A mask of one axis of the weights, (B, ·), in the shape that it acts in."""
    mask = np.asarray(mask).astype(bool)
    batch = weights.shape[:1] if weights.ndim > 2 else ()
    expected = (*batch, weights.shape[axis])
    if mask.shape != expected:
        raise ValueError(
            f"`{name}` must have shape {expected}, beside weights of shape "
            f"{weights.shape}; received shape {mask.shape}."
        )
    shape = [*batch, *[1] * (weights.ndim - len(batch))]
    shape[axis] = weights.shape[axis]
    return mask.reshape(shape)
