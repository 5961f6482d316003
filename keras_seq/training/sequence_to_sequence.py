"""Pairs of sequences as training data for an encoder and a decoder."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from keras_seq.extras import require
from keras_seq.training.batches import batches_by_tokens, pad
from keras_seq.training.epochs import epoch_dataset
from keras_seq.typing import TokenIds

if TYPE_CHECKING:
    import tensorflow as tf

_Pairs: TypeAlias = Sequence[tuple[TokenIds, TokenIds]]
_Batch: TypeAlias = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


def pair_batches(
    pairs: _Pairs,
    tokens: float | None = None,
    *,
    count: int | None = None,
    seed: int | None = None,
    epoch: int = 0,
) -> Iterator[_Batch]:
    """Batches of pairs of like length, with what the decoder reads and must say.

    Args:
        pairs: Pairs of lists of token ids, source and target, the target with
            its start and end marks. 0 is the padding.
        tokens: Largest size of a batch, as for `batches_by_tokens`: its rows
            times the sum of the longest source and of the longest target read.
        count: Number of batches, instead of `tokens`.
        seed: Seed of the shuffling; None for none.
        epoch: Number of the epoch, which shuffles differently.

    Yields:
        Tuples `(inputs, targets, weights)`: inputs a dict of `"source"`, int32
        of shape (B, S), and `"target"`, the tokens that the decoder reads, int32
        of shape (B, T); targets the tokens that come next, int32 of shape (B, T);
        weights float32 of shape (B, T): 1, and 0 for padding.

    Raises:
        ValueError: If a target has no start mark, or as `batches_by_tokens` does.

    Example:

    >>> inputs, targets, weights = next(pair_batches([([5, 6, 7], [1, 8, 2])], 5))
    >>> inputs["source"].tolist(), inputs["target"].tolist(), targets.tolist()
    ([[5, 6, 7]], [[1, 8]], [[8, 2]])
    """
    lengths = _lengths(pairs)
    batches = batches_by_tokens(lengths, tokens, count=count, seed=seed, epoch=epoch)
    for batch in batches:
        source = pad([pairs[i][0] for i in batch])
        target = pad([pairs[i][1] for i in batch])
        weights = np.arange(target.shape[1] - 1) < lengths[batch, 1:]
        inputs = {"source": source, "target": target[:, :-1]}
        yield inputs, target[:, 1:], weights.astype("float32")


def pair_dataset(
    pairs: _Pairs | Callable[[int], _Pairs],
    tokens: float | None = None,
    *,
    count: int | None = None,
    seed: int | None = None,
    first_epoch: int | None = None,
) -> "tf.data.Dataset":
    """The batches as a `tf.data.Dataset`.

    Args:
        pairs: Pairs of lists of token ids; or a function from the number of an
            epoch to such pairs, for data that change from epoch to epoch, such
            as sampled subwords. It is called once an epoch, from another thread.
        tokens: Largest size of a batch, as for `pair_batches`.
        count: Number of batches, instead of `tokens`.
        seed: Seed of the shuffling; None for none.
        first_epoch: None gives one pass, over the pairs of epoch 0. A number
            gives all epochs from it on, without end, for `fit` with
            `steps_per_epoch=count`: epoch for epoch the same, wherever it
            starts. It needs `count`, as the number of batches that a limit
            gives changes from epoch to epoch.

    Returns:
        Dataset of the tuples of `pair_batches`.

    Raises:
        ValueError: If `first_epoch` is given without `count`, or as
            `pair_batches` does.

    Example:

    >>> pairs = [([5, 6], [1, 7, 2]), ([5], [1, 2]), ([6, 6, 6], [1, 8, 8, 2])]
    >>> [inputs["source"].shape for inputs, *_ in pair_dataset(pairs, count=2)]
    [TensorShape([2, 2]), TensorShape([1, 3])]
    """
    tf = require("tensorflow", "recipes")
    if first_epoch is not None and count is None:
        raise ValueError(
            f"`count` must be given with `first_epoch`; received {tokens!r} for "
            "`tokens` and no `count`."
        )

    def current(epoch: int) -> _Pairs:
        return pairs(epoch) if callable(pairs) else pairs

    def batches(epoch: int) -> Iterator[_Batch]:
        return pair_batches(current(epoch), tokens, count=count, seed=seed, epoch=epoch)

    ids = tf.TensorSpec([None, None], tf.int32)
    weights = tf.TensorSpec([None, None], tf.float32)
    size = count
    if first_epoch is None and size is None:
        size = len(batches_by_tokens(_lengths(current(0)), tokens, seed=seed))
    return epoch_dataset(
        batches,
        ({"source": ids, "target": ids}, ids, weights),
        size=size,
        first_epoch=first_epoch,
    )


def _lengths(pairs: _Pairs) -> np.ndarray:
    """Tokens that encoder and decoder read of each pair, shape (N, 2)."""
    lengths = np.array([[len(source), len(target) - 1] for source, target in pairs])
    lengths = lengths.reshape(-1, 2)
    if (lengths[:, 1] < 0).any():
        raise ValueError(
            "`pairs` must have targets with a start mark at least; number "
            f"{lengths[:, 1].argmin()} is empty."
        )
    return lengths
