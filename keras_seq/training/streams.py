"""Documents as streams, read in windows: truncated backpropagation through time."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.training._arguments import check_positive_integer
from keras_seq.training.epochs import epoch_dataset
from keras_seq.typing import TokenIds

if TYPE_CHECKING:
    import tensorflow as tf


def stream_steps(documents: Sequence[TokenIds], batch_size: int, window: int) -> int:
    """Windows in an epoch of `stream_batches`.

    Args:
        documents: Lists of token ids.
        batch_size: Number of streams.
        window: Steps of a window.

    Returns:
        Integer: ceil(floor(tokens / batch_size) / window).

    Raises:
        ValueError: If an argument is out of its range, or there are fewer tokens
            than streams.

    Example:

    >>> stream_steps([[1, 7, 8, 2], [1, 9, 2]], batch_size=2, window=2)
    2
    """
    for name, value in (("batch_size", batch_size), ("window", window)):
        check_positive_integer(name, value)
    tokens = sum(map(len, documents))
    if tokens < batch_size:
        raise ValueError(
            f"`documents` must have a token for each of {batch_size} streams, "
            f"`batch_size`; received {tokens} tokens."
        )
    return -(-(tokens // batch_size) // window)


def stream_batches(
    documents: Sequence[TokenIds],
    batch_size: int,
    window: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    start: int | None = 1,
    fresh: float = 0.0,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Windows of parallel streams: each goes on where the one before ended.

    The documents, in an order drawn anew for each epoch, are joined to a ring,
    which is opened at a place drawn anew and cut into `batch_size` streams of one
    length; fewer than `batch_size` tokens are left over. Row by row the windows of
    a stream follow each other, so that a model that carries its state from batch
    to batch (`RecurrentLanguageModel`, or a stateful layer) reads on, while
    gradients end with the window. What is drawn depends on `seed` and `epoch` alone.

    A model that is to read texts from their start mark on hardly learns it here,
    where few windows begin with one. So in a share `fresh` of the windows, drawn row
    by row, and in the first of each stream, the first token read gives way to the
    start mark; `RecurrentLanguageModel` with `start_token` begins there from 0.

    Args:
        documents: Lists of token ids, start and end marks included.
        batch_size: B, the number of streams.
        window: T, steps of a window.
        seed: Seed of order and place; None for the order given.
        epoch: Number of the epoch.
        start: Id of the start mark, by default that of `keras_seq.text`, which nobody
            need foresee: as a target it has
            the weight 0. None if there is none.
        fresh: Share of the windows that begin anew, in [0, 1); above 0 it needs
            `seed` and `start`.

    Yields:
        Tuples of arrays of shape (B, T): the tokens read, int32; the token that
        comes next, int32; and its weight, float32: 1, and 0 for start marks and
        behind the end of the streams.

    Raises:
        ValueError: As `stream_steps` does.

    Example:

    >>> windows = stream_batches([[1, 7, 8, 2], [1, 9, 2]], batch_size=2, window=2)
    >>> for x, y, weight in windows:
    ...     print(x.tolist(), y.tolist(), weight.tolist())
    [[1, 7], [2, 1]] [[7, 8], [1, 9]] [[1.0, 1.0], [0.0, 1.0]]
    [[8, 0], [9, 0]] [[2, 0], [2, 0]] [[1.0, 0.0], [1.0, 0.0]]

    References:
        Williams and Peng (1990), An efficient gradient-based algorithm for on-line
        training of recurrent network trajectories.
    """
    steps = stream_steps(documents, batch_size, window)
    if not 0 <= fresh < 1 or (fresh and (seed is None or start is None)):
        raise ValueError(
            "`fresh` must be in [0, 1), and 0 without `seed` and `start`; received "
            f"{fresh!r}."
        )
    order, place = list(range(len(documents))), 0
    if seed is not None:
        generator = np.random.default_rng((seed, epoch))
        order = generator.permutation(len(documents)).tolist()
        place = int(generator.integers(sum(map(len, documents))))
    anew = np.zeros((steps, batch_size), bool)
    if fresh:
        anew = generator.random((steps, batch_size)) < fresh
        anew[0] = True
    ring = np.concatenate([np.asarray(documents[i], "int32") for i in order])
    ring = np.roll(ring, -place)
    length = len(ring) // batch_size

    def streams(values: np.ndarray) -> np.ndarray:
        rows = values[: length * batch_size].reshape(batch_size, length)
        return np.pad(rows, ((0, 0), (0, steps * window - length)))

    following = np.roll(ring, -1)
    counts = np.ones(len(ring), "float32")
    if start is not None:
        counts[following == start] = 0
    arrays = streams(ring), streams(following), streams(counts)
    for i in range(steps):
        here = slice(i * window, (i + 1) * window)
        x, y, weight = (array[:, here] for array in arrays)
        if anew[i].any():
            x = x.copy()
            x[anew[i], 0] = start
        yield x, y, weight


def stream_dataset(
    documents: Sequence[TokenIds],
    batch_size: int,
    window: int,
    *,
    seed: int | None = None,
    first_epoch: int | None = None,
    start: int | None = 1,
    fresh: float = 0.0,
) -> "tf.data.Dataset":
    """The windows as a `tf.data.Dataset`.

    Args:
        documents: As for `stream_batches`.
        batch_size: As for `stream_batches`.
        window: As for `stream_batches`.
        seed: As for `stream_batches`.
        first_epoch: None gives one pass. A number gives all epochs from it on,
            without end, for `fit` with `steps_per_epoch=stream_steps(...)`: epoch
            for epoch the same, wherever it starts.
        start: As for `stream_batches`.
        fresh: As for `stream_batches`.

    Returns:
        Dataset of the tuples of `stream_batches`.

    Raises:
        ValueError: As `stream_steps` does.

    Example:

    >>> dataset = stream_dataset([[1, 7, 8, 2], [1, 9, 2]], 2, 2)
    >>> [tuple(x.shape) for x, y, weight in dataset]
    [(2, 2), (2, 2)]
    """
    tf = require("tensorflow", "recipes")
    steps = stream_steps(documents, batch_size, window)

    def batches(epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        return stream_batches(
            documents,
            batch_size,
            window,
            seed=seed,
            epoch=epoch,
            start=start,
            fresh=fresh,
        )

    signature = tuple(
        tf.TensorSpec([batch_size, window], dtype)
        for dtype in (tf.int32, tf.int32, tf.float32)
    )
    return epoch_dataset(
        batches,
        signature,
        size=steps,
        first_epoch=first_epoch,
    )


class ResetState(keras.callbacks.Callback):
    """Lets every epoch start from the state 0, as `stream_batches` needs it.

    It calls `model.reset_state()`, which `RecurrentLanguageModel` has, or
    `reset_state()` of every stateful layer. So an epoch is the same whether or not
    the training was interrupted before it.

    Example:

    >>> from keras_seq.layers import RecurrentLanguageModel
    >>> model = RecurrentLanguageModel(10, dim=4, units=4, batch_size=2)
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> windows = stream_dataset([[1, 7, 8, 2], [1, 9, 2]], 2, 2)
    >>> options = {"epochs": 2, "shuffle": False, "verbose": 0}
    >>> _ = model.fit(windows, callbacks=[ResetState()], **options)
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Resets the state."""
        if hasattr(self.model, "reset_state"):
            self.model.reset_state()
            return
        for layer in self.model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()
