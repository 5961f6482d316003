"""The largest few of long rows."""

from keras import ops

from keras_seq.decoding._picking import pick, take
from keras_seq.typing import Tensor

# Numbers in a group; of some sizes tried on a processor the best are in between.
FEWEST, MOST = 16, 64


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As `ops.top_k`, and faster where rows are long and few are wanted.

    The `count` largest are in the `count` groups whose largest are largest: the
    others need not be put in order.

    Args:
        values: Shape (rows, V), V known.
        count: How many are wanted, at most V.

    Returns:
        The values, largest first, of equals the one of lower index, and their
        indices, int32: each of shape (rows, count).
    """
    size = values.shape[-1]
    group = _group_size(size, count)
    if group is None:
        found, index = ops.top_k(values, count)
        return found, ops.cast(index, "int32")
    rows, groups = ops.shape(values)[0], size // group
    grouped = ops.reshape(values, (rows * groups, group))
    highest = ops.reshape(ops.max(grouped, axis=-1), (rows, groups))
    _, chosen = ops.top_k(highest, count)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=-1)
    before = ops.expand_dims(ops.arange(rows, dtype="int32"), -1) * groups
    few = take(grouped, before + chosen)
    found, place = ops.top_k(ops.reshape(few, (rows, count * group)), count)
    place = ops.cast(place, "int32")
    chosen = pick(chosen, place // group)
    return found, chosen * group + place % group


def _group_size(size: int, count: int) -> int | None:
    """A size that the row is a multiple of, or None where groups don't pay."""
    if size < 4 * MOST or 4 * count * FEWEST > size:
        return None
    return next((n for n in range(FEWEST, MOST + 1) if size % n == 0), None)
