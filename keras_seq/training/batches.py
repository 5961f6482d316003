"""Batches of sequences of like length, as a function of the epoch."""

from collections.abc import Sequence

import numpy as np

from keras_seq.training._arguments import check_positive_integer, is_integer
from keras_seq.typing import ArrayLike, TokenIds


def batches_by_length(
    lengths: ArrayLike,
    batch_size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    spread: float = 0.1,
) -> list[np.ndarray]:
    """Groups sequences of like length, so that little of a batch is padding.

    The grouping depends on `seed` and `epoch` alone, so a training that is
    resumed sees what it would have seen.

    Args:
        lengths: Length of each sequence.
        batch_size: Sequences in a batch; the last may have fewer.
        seed: Seed of the shuffling, or None for no chance at all: batches in
            order of length.
        epoch: Number of the epoch, which shuffles differently.
        spread: How far chance may carry a sequence from its place, as a share
            of its length, in [0, 1): 0 keeps the sequences of a batch as even
            as can be, more mixes them more and pads more.

    Returns:
        List of integer arrays: the indices of each batch.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> [batch.tolist() for batch in batches_by_length([3, 9, 4, 8], 2)]
    [[0, 2], [3, 1]]
    """
    check_positive_integer("batch_size", batch_size)
    _check_spread(spread)
    lengths = _as_lengths(lengths)
    if seed is None:
        order = np.argsort(lengths, kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    generator = np.random.default_rng((seed, epoch))
    noise = 1 + generator.uniform(-spread, spread, len(lengths))
    order = np.argsort(lengths * noise, kind="stable")
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def batches_by_tokens(
    lengths: ArrayLike,
    tokens: float | None = None,
    *,
    count: int | None = None,
    seed: int | None = None,
    epoch: int = 0,
    spread: float = 0.1,
) -> list[np.ndarray]:
    """Groups sequences of like length, so that batches are of like size.

    The size of a batch is what it takes when padded: the number of its rows
    times the longest length, or, of pairs, times the sum of the longest source
    and the longest target. Either `tokens` limits the size, and the number of
    batches follows; or `count` gives the number, and the size is as small as
    can be. `fit` with `steps_per_epoch` needs the same number in every epoch,
    though chance groups otherwise and lengths may change:

    ```
    count = len(batches_by_tokens(lengths, 4000, seed=seed))
    batches = batches_by_tokens(lengths_now, count=count, seed=seed, epoch=epoch)
    ```

    The grouping depends on the lengths, `seed` and `epoch` alone.

    Args:
        lengths: Length of each sequence, shape (N,); or lengths of source and
            target, shape (N, 2).
        tokens: Largest size of a batch, padding included.
        count: Number of batches, from 1 to N.
        seed: Seed of the shuffling, or None for no chance at all.
        epoch: Number of the epoch, which shuffles differently.
        spread: How far chance may carry a sequence from its place, as for
            `batches_by_length`.

    Returns:
        List of integer arrays: the indices of each batch.

    Raises:
        ValueError: If not exactly one of `tokens` and `count` is given, if an
            argument is out of its range, or if a sequence is longer than
            `tokens`.

    Example:

    >>> lengths = [[3, 4], [9, 9], [4, 3], [2, 4]]
    >>> [batch.tolist() for batch in batches_by_tokens(lengths, 24)]
    [[2, 3, 0], [1]]
    >>> len(batches_by_tokens(lengths, count=3))
    3
    """
    if (tokens is None) == (count is None):
        raise ValueError(
            "exactly one of `tokens` and `count` must be given; received "
            f"{tokens!r} and {count!r}."
        )
    _check_spread(spread)
    lengths = _as_lengths(lengths, pairs=True)
    sizes = (lengths[:, None] if lengths.ndim == 1 else lengths).astype(int)
    generator = None if seed is None else np.random.default_rng((seed, epoch))
    order = _order(sizes, generator, spread)
    rows = sizes[order].tolist()
    if tokens is None:
        if count is None or not is_integer(count) or count > len(rows):
            raise ValueError(
                f"`count` must be an integer from 1 to {len(rows)}, the number of "
                f"sequences; received {count!r}."
            )
        starts = _cut_into(rows, count)
    else:
        longest = max(map(sum, rows), default=1)
        if tokens < max(longest, 1):
            raise ValueError(
                f"`tokens` must be at least {longest}, the size of the longest "
                f"sequence; received {tokens!r}."
            )
        starts = _cut(rows, tokens)
    batches = np.split(order, starts[1:]) if rows else []
    if generator is None:
        return batches
    return [batches[i] for i in generator.permutation(len(batches))]


def _order(
    sizes: np.ndarray, generator: np.random.Generator | None, spread: float
) -> np.ndarray:
    """Places of the sequences in order of length, with some chance."""
    if generator is not None:
        sizes = sizes * (1 + generator.uniform(-spread, spread, sizes.shape))
    if sizes.shape[1] == 1:
        return np.argsort(sizes[:, 0], kind="stable")
    # In steps of a tenth of the target, by source within them: of translations
    # 3 % is padding then, where sorting by the sum leaves 20 %.
    steps = np.floor(np.log(np.maximum(sizes[:, 1], 1)) / np.log(1.1))
    return np.lexsort((sizes[:, 0], steps))


def _cut(rows: list[list[int]], tokens: float) -> list[int]:
    """Where batches of at most so many tokens start; rows that fit alone."""
    starts, longest = [0], [0] * len(rows[0]) if rows else []
    for i, row in enumerate(rows):
        together = [max(pair) for pair in zip(longest, row, strict=True)]
        if (i + 1 - starts[-1]) * sum(together) > tokens:
            starts.append(i)
            together = row
        longest = together
    return starts


def _cut_into(rows: list[list[int]], count: int) -> list[int]:
    """Where so many batches start, the largest as small as can be."""
    low = max(max(map(sum, rows)), 1)
    high = max(len(rows) * sum(map(max, zip(*rows, strict=True))), 1)
    while low < high:  # the smallest limit that needs no more than `count`
        middle = (low + high) // 2
        if len(_cut(rows, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    starts = _cut(rows, low)
    while len(starts) < count:  # rows as long as each other can't be cut evenly
        ends = [*starts[1:], len(rows)]
        widest = max(range(len(starts)), key=lambda i: ends[i] - starts[i])
        starts.insert(widest + 1, (starts[widest] + ends[widest]) // 2)
    return starts


def _check_spread(spread: float) -> None:
    if not 0 <= spread < 1:
        raise ValueError(f"`spread` must be in [0, 1); received {spread!r}.")


def _as_lengths(lengths: ArrayLike, *, pairs: bool = False) -> np.ndarray:
    lengths = np.asarray(lengths, "float64")
    shaped = lengths.ndim == 1 or (
        pairs and lengths.ndim == 2 and lengths.shape[1] == 2
    )
    if not shaped or not (lengths >= 0).all():
        expected = "lengths or pairs of lengths" if pairs else "lengths"
        raise ValueError(
            f"`lengths` must be a sequence of {expected}; received {lengths!r}."
        )
    return lengths


def pad(sequences: Sequence[TokenIds], value: int = 0) -> np.ndarray:
    """Stacks integer sequences of unequal length, padded on the right.

    Args:
        sequences: Sequences of integers.
        value: Integer that fills the rest.

    Returns:
        int32 array of shape (B, T), T the longest length.

    Raises:
        ValueError: If something else than integers is in a sequence.

    Example:

    >>> pad([[1, 2, 3], [4]])
    array([[1, 2, 3],
           [4, 0, 0]], dtype=int32)
    """
    longest = max((len(sequence) for sequence in sequences), default=0)
    padded = np.full((len(sequences), longest), value, "int32")
    for row, sequence in zip(padded, sequences, strict=True):
        values = np.asarray(sequence)
        if values.size and (values.ndim != 1 or values.dtype.kind not in "iu"):
            raise ValueError(
                f"`sequences` must be sequences of integers; received {sequence!r} "
                "among them."
            )
        row[: len(sequence)] = values
    return padded
