"""Training data that can be begun in the middle of an epoch."""

import itertools
import sys
import types
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from keras_seq.training._checkpoint_chance import chance
from keras_seq.training.epochs import epoch_dataset

if TYPE_CHECKING:
    import tensorflow as tf

_POSITIONAL = ("x", "y", "batch_size")  # of `fit`, before `epochs`
# What a data set of ours takes the place of.
_OWN = ("x", "y", "sample_weight", "batch_size", "shuffle")


class EpochData(NamedTuple):
    """Training data, and how they are begun at any step of any epoch.

    Attributes:
        steps: Steps of an epoch.
        begin: Function of an epoch and a step to keyword arguments of `fit`. Data
            that go on without end begin at that epoch already.
    """

    steps: int
    begin: Callable[[int, int], dict[str, Any]]


class NotWithin(NamedTuple):
    """Training data that can only be begun with an epoch.

    Attributes:
        reason: Why, in words.
        options: Keyword arguments of `fit`.
    """

    reason: str
    options: dict[str, Any]


def epoch_data(
    arguments: Sequence[Any], options: Mapping[str, Any], seed: int, together: int = 1
) -> EpochData | NotWithin:
    """What the arguments of `fit` give, but `epochs` and `callbacks`.

    Args:
        arguments: Those without a name.
        options: Those with one.
        seed: Of the order of arrays that are shuffled.
        together: Steps that are done at once.

    Raises:
        TypeError: If there are more arguments without a name than can be told.
    """
    if len(arguments) > len(_POSITIONAL):
        raise TypeError(
            f"`fit` takes {', '.join(_POSITIONAL)} without a name, and the rest with "
            f"theirs; received {len(arguments)} without one."
        )
    named = dict(zip(_POSITIONAL, arguments, strict=False))
    if twice := sorted(named.keys() & options.keys()):
        raise TypeError(f"`fit` was given {', '.join(twice)} twice.")
    options = {**named, **options}
    data = _epoch_data(options, seed)
    if isinstance(data, EpochData) and data.steps % together:
        reason = f"{data.steps} steps can't be done in {together}s together"
        return NotWithin(reason, options)
    return data


def _epoch_data(options: dict[str, Any], seed: int) -> EpochData | NotWithin:
    x, steps = options.get("x"), options.get("steps_per_epoch")
    tf = sys.modules.get("tensorflow")
    if tf is not None and isinstance(x, tf.data.Dataset):
        options.setdefault("shuffle", False)  # of which Keras would warn
        return _of_dataset(x, steps, options)
    if isinstance(x, types.GeneratorType):
        options.setdefault("shuffle", False)
        if steps is None:
            return NotWithin("a generator needs `steps_per_epoch`", options)
        return EpochData(steps, lambda epoch, step: {**options, "x": _later(x, step)})
    leaves = keras.tree.flatten([options.get(n) for n in ("x", "y", "sample_weight")])
    if not all(leaf is None or _is_array(leaf) for leaf in leaves) or x is None:
        return NotWithin(
            f"of {type(x).__name__} it isn't known how to leave out batches: arrays, "
            "a tf.data.Dataset or a generator can be begun anywhere",
            options,
        )
    return _of_arrays(options, seed)


def check_begins(
    data: EpochData | NotWithin, place: str, step: int, steps: int, together: int
) -> None:
    """Refuses data with which a checkpoint within an epoch can't go on.

    Args:
        data: The data.
        place: Folder of the checkpoint.
        step: Steps of its epoch that are done.
        steps: Those that the epoch has.
        together: Steps that are done at once.
    """
    where = f"the checkpoint in {place!r} is of step {step} of an epoch of {steps}"
    if isinstance(data, NotWithin):
        raise ValueError(f"{where}, and can't be resumed there: {data.reason}.")
    if data.steps != steps:
        raise ValueError(f"{where}, and now it has {data.steps}: give the same data.")
    if step % together:
        raise ValueError(
            f"{where}, and can't be resumed there: the model does {together} steps at "
            f"once (`steps_per_execution`), of which {step} is no multiple."
        )


def order_seed() -> int:
    """A seed that follows from `keras.utils.set_random_seed`, if that was called."""
    state: Any = np.random.get_state()
    return zlib.crc32(state[1].tobytes())


def _of_dataset(
    data: "tf.data.Dataset", steps: int | None, options: dict[str, Any]
) -> EpochData | NotWithin:
    if reason := chance(data):
        return NotWithin(reason, options)
    size = int(data.cardinality())
    if size < 0 and steps is not None:  # it ends nowhere, or Keras will say so
        return EpochData(
            steps,
            lambda epoch, step: {**options, "x": data.skip(step) if step else data},
        )
    if size < 0 or steps not in (None, size):
        count = size if size >= 0 else "an unknown number of"
        return NotWithin(
            f"a data set of {count} batches with `steps_per_epoch={steps}` isn't the "
            "same in each epoch",
            options,
        )

    def begin(epoch: int, step: int) -> dict[str, Any]:
        if not step:
            return options
        rest = data.skip(step).concatenate(data.repeat())
        return {**options, "x": rest, "steps_per_epoch": size}

    return EpochData(size, begin)


def _of_arrays(options: dict[str, Any], seed: int) -> EpochData | NotWithin:
    """Arrays, whose order we draw for each epoch from the seed."""
    shuffle = options.get("shuffle", True)
    for name in ("validation_split", "steps_per_epoch"):
        if options.get(name):
            return NotWithin(f"arrays with `{name}` are left to Keras", options)
    if shuffle not in (True, False):
        return NotWithin(f"`shuffle={shuffle!r}` is left to Keras", options)
    names = ("x", "y", "sample_weight")
    given = [_standard(options.get(name)) for name in names]
    counts = {len(leaf) for leaf in keras.tree.flatten(given) if leaf is not None}
    if len(counts) != 1 or 0 in counts:
        return NotWithin("the arrays have several lengths, or none", options)
    if given[1] is None and given[2] is not None:
        return NotWithin("`sample_weight` without `y` is left to Keras", options)
    arrays = tuple(part for part in given if part is not None)
    (count,) = counts
    size = options.get("batch_size") or 32
    steps = -(-count // size)

    def order(epoch: int) -> np.ndarray:
        if not shuffle:
            return np.arange(count)
        return np.random.default_rng((seed, epoch)).permutation(count)

    in_graph = keras.backend.backend() == "tensorflow"
    if not in_graph and options.get("class_weight") is not None:
        return NotWithin("arrays with `class_weight` are left to Keras", options)
    rest = {name: value for name, value in options.items() if name not in _OWN}
    if rest.get("validation_batch_size") is None:  # as Keras has it
        rest["validation_batch_size"] = options.get("batch_size")
    made = _dataset_of_arrays if in_graph else _batches_of_arrays

    def begin(epoch: int, step: int) -> dict[str, Any]:
        x = made(arrays, order, count, size, epoch, step)
        return {**rest, "x": x, "steps_per_epoch": steps, "shuffle": False}

    return EpochData(steps, begin)


def _dataset_of_arrays(
    arrays: tuple[Any, ...],
    order: Callable[[int], np.ndarray],
    count: int,
    size: int,
    epoch: int,
    step: int,
) -> "tf.data.Dataset":
    import tensorflow as tf

    def orders(number: int) -> list[np.ndarray]:
        return [order(number)[step * size if number == epoch else 0 :]]

    with tf.device("CPU:0"):
        whole = tf.nest.map_structure(tf.convert_to_tensor, arrays)
    rows = epoch_dataset(
        orders, tf.TensorSpec([None], tf.int64), size=1, first_epoch=epoch
    ).flat_map(
        lambda chosen: tf.data.Dataset.from_tensor_slices(chosen).batch(
            size, drop_remainder=count % size == 0
        )
    )

    def chosen_rows(chosen: Any) -> Any:
        return tf.nest.map_structure(lambda part: tf.gather(part, chosen), whole)

    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return rows.map(chosen_rows).apply(endless).prefetch(2)


def _batches_of_arrays(
    arrays: tuple[Any, ...],
    order: Callable[[int], np.ndarray],
    count: int,
    size: int,
    epoch: int,
    step: int,
) -> Iterator[Any]:
    for number in itertools.count(epoch):
        chosen = order(number)
        first = step * size if number == epoch else 0
        for start in range(first, count, size):
            rows = chosen[start : start + size]
            yield keras.tree.map_structure(lambda part, r=rows: part[r], arrays)


def _later(batches: Iterator[Any], step: int) -> Iterator[Any]:
    for _ in range(step):
        next(batches)
    return batches


def _is_array(leaf: Any) -> bool:
    """Whether it is dense, and each of its rows can be taken."""
    if not (isinstance(leaf, np.ndarray) or keras.ops.is_tensor(leaf)):
        return False
    if type(leaf).__name__ in ("RaggedTensor", "SparseTensor", "BCOO", "BCSR"):
        return False
    told = ("is_sparse", "is_sparse_csr", "is_nested")  # by those of PyTorch
    if any(getattr(leaf, name, False) for name in told):
        return False
    return len(leaf.shape) > 0


def _standard(part: Any) -> Any:
    """As Keras takes arrays: of floats its own, and tuples for lists."""

    def standard(leaf: Any) -> Any:
        array = keras.ops.convert_to_numpy(leaf)
        if array.dtype.kind == "f" and array.dtype.name != keras.config.floatx():
            return array.astype(keras.config.floatx())
        return array

    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else standard(leaf),
        keras.tree.lists_to_tuples(part),
    )
