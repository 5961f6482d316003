"""The gates as users see them: by name, 0 at masked steps."""

from keras import ops

from keras_seq.ops._masking import zero_where_masked


def named_gates(shown, mask, go_backwards, carried=()):
    """A dict of what a recurrence shows, or None if it shows nothing.

    Args:
        shown: `equations.Shown` or a dict, each (B, T, units); or None.
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether the steps ran from the last to the first.
        carried: Names of what masked steps carry; all else is 0 there.
    """
    if shown is None:
        return None
    named = shown if isinstance(shown, dict) else shown._asdict()
    if mask is None:
        return named
    mask = ops.flip(mask, axis=1) if go_backwards else mask
    mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
    return {
        name: value if name in carried else zero_where_masked(mask, value)
        for name, value in named.items()
    }
