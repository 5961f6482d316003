"""Documents as training data for next-token prediction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from keras_seq.extras import require
from keras_seq.training.batches import batches_by_length, pad
from keras_seq.training.epochs import epoch_dataset
from keras_seq.training.ngram import NgramModel
from keras_seq.typing import TokenIds

if TYPE_CHECKING:
    import tensorflow as tf


def next_token_batches(
    documents: Sequence[TokenIds],
    batch_size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of documents of like length, each with what comes next.

    Args:
        documents: Lists of token ids, start and end marks included.
        batch_size: Documents in a batch.
        seed: Seed of the shuffling; None for none.
        epoch: Number of the epoch, which shuffles differently.

    Yields:
        Tuples of arrays of shape (B, T): the tokens read, int32; the token
        that comes next, int32; and its weight, float32: 1, and 0 for padding.

    Example:

    >>> x, y, weight = next(next_token_batches([[1, 7, 8, 2], [1, 9, 2]], 2))
    >>> y.tolist(), weight.tolist()
    ([[9, 2, 0], [7, 8, 2]], [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    """
    lengths = [len(document) for document in documents]
    for batch in batches_by_length(lengths, batch_size, seed=seed, epoch=epoch):
        ids = pad([documents[i] for i in batch])
        weight = np.arange(1, ids.shape[1]) < np.array([[lengths[i]] for i in batch])
        yield ids[:, :-1], ids[:, 1:], weight.astype("float32")


@overload
def next_token_dataset(
    documents: Sequence[TokenIds],
    batch_size: int,
    *,
    seed: int | None = None,
    first_epoch: int | None = None,
) -> "tf.data.Dataset": ...


@overload
def next_token_dataset(
    documents: Callable[[int], Sequence[TokenIds]],
    batch_size: int,
    *,
    seed: int | None = None,
    first_epoch: int,
) -> "tf.data.Dataset": ...


def next_token_dataset(
    documents: Sequence[TokenIds] | Callable[[int], Sequence[TokenIds]],
    batch_size: int,
    *,
    seed: int | None = None,
    first_epoch: int | None = None,
) -> "tf.data.Dataset":
    """The batches as a `tf.data.Dataset`.

    Args:
        documents: Lists of token ids; or a function from the number of an
            epoch to such lists, for data that change from epoch to epoch.
        batch_size: Documents in a batch.
        seed: Seed of the shuffling; None for none.
        first_epoch: None gives one pass over lists. A number gives all epochs
            from it on, without end, for `fit` with `steps_per_epoch`: epoch
            for epoch the same, wherever it starts.

    Returns:
        Dataset of the tuples of `next_token_batches`.

    Example:

    >>> dataset = next_token_dataset([[1, 7, 8, 2], [1, 9, 2], [1, 2]], 2)
    >>> [tuple(x.shape) for x, y, weight in dataset]
    [(2, 2), (1, 3)]
    """
    tf = require("tensorflow", "recipes")

    def batches(epoch: int) -> Iterable[tuple[np.ndarray, ...]]:
        current = documents(epoch) if callable(documents) else documents
        return next_token_batches(current, batch_size, seed=seed, epoch=epoch)

    signature = tuple(
        tf.TensorSpec([None, None], dtype) for dtype in (tf.int32, tf.int32, tf.float32)
    )
    size = None
    if first_epoch is None and not callable(documents):
        size = -(-len(documents) // batch_size)
    return epoch_dataset(batches, signature, size=size, first_epoch=first_epoch)


def ngram_nats(
    train: Sequence[TokenIds],
    test: Sequence[TokenIds],
    orders: Iterable[int],
    vocabulary_size: int,
) -> dict[int, list[np.ndarray]]:
    """-ln p of every token of `test` under n-gram models of `train`.

    Args:
        train: Lists of token ids, start mark first.
        test: Lists of token ids, start mark first.
        orders: Orders of the models: 0 is uniform, 1 unigram.
        vocabulary_size: Number of tokens that could come.

    Returns:
        Dict from order to a list of arrays, one a document, without the start
        mark.

    Example:

    >>> nats = ngram_nats([[1, 5, 5, 2]], [[1, 5, 2]], orders=(0, 1), vocabulary_size=8)
    >>> nats[0][0].round(3).tolist(), nats[1][0].round(3).tolist()
    ([2.079, 2.079], [0.799, 1.386])
    """
    models = {n: NgramModel(n, vocabulary_size).fit(train) for n in orders}
    return {
        n: [np.array(model.nats(document)[1:]) for document in test]
        for n, model in models.items()
    }
