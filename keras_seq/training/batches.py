"""Batches of sequences of like length, as a function of the epoch."""

import numbers

import numpy as np


def batches_by_length(lengths, batch_size, *, seed=None, epoch=0, spread=0.1):
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
    if not isinstance(batch_size, numbers.Integral) or batch_size < 1:
        raise ValueError(
            f"`batch_size` must be a positive integer; received {batch_size!r}."
        )
    if not 0 <= spread < 1:
        raise ValueError(f"`spread` must be in [0, 1); received {spread!r}.")
    lengths = np.asarray(lengths, "float64")
    if lengths.ndim != 1 or not (lengths >= 0).all():
        raise ValueError(
            f"`lengths` must be a sequence of lengths; received {lengths!r}."
        )
    if seed is None:
        order = np.argsort(lengths, kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    generator = np.random.default_rng((seed, epoch))
    noise = 1 + generator.uniform(-spread, spread, len(lengths))
    order = np.argsort(lengths * noise, kind="stable")
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def pad(sequences, value=0):
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
