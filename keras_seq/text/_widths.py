"""Beam searches as wide as each row asks, of a few widths that are compiled."""

from collections.abc import Callable, Mapping, Sequence

from keras_seq.typing import Tensor


def search_by_width(
    search: Callable[..., Mapping[str, Tensor]],
    widths: Sequence[int],
    width: Tensor,
    *inputs: Tensor,
) -> dict[str, Tensor]:
    """Searches for each row with the least of some widths that is wide enough.

    Args:
        search: Function `(max_width, *inputs) -> dict` of tensors (B, max_width).
        widths: Integers in ascending order, the last as large as any `width`.
        width: int32 tensor (B,).
        *inputs: Tensors with a leading B.

    Returns:
        The dict of all rows, each (B, widths[-1]), empty, 0 or False behind the
        width that was searched.
    """
    import tensorflow as tf

    groups, parts = [], []
    for narrower, max_width in zip((0, *widths), widths, strict=False):
        rows = tf.where((width > narrower) & (width <= max_width))[:, 0]
        behind = [[0, 0], [0, widths[-1] - max_width]]

        def some(rows: Tensor, max_width: int = max_width) -> dict[str, Tensor]:
            found = search(max_width, *(tf.gather(x, rows) for x in inputs))
            padding = behind  # noqa: B023, called before it changes
            return {name: tf.pad(value, padding) for name, value in found.items()}

        # Traced once, and told by its types what no rows give.
        traced = tf.function(some, autograph=False).get_concrete_function(rows)
        nothing = {
            name: tf.zeros([0, widths[-1]], like.dtype)
            for name, like in traced.structured_outputs.items()
        }
        groups.append(rows)
        parts.append(
            tf.cond(
                tf.size(rows) > 0,
                lambda: traced(rows),  # noqa: B023, called at once
                lambda: nothing,  # noqa: B023
            )
        )
    place = tf.math.invert_permutation(tf.concat(groups, 0))
    return {
        name: tf.gather(tf.concat([part[name] for part in parts], 0), place)
        for name in parts[0]
    }
