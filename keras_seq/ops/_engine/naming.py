"""The gates as users see them: by name, 0 at masked steps."""

from keras import ops


def named_gates(names, shown, mask, go_backwards, carried=()):
    """A dict of what a recurrence shows, or None if it shows nothing.

    Args:
        names: Names of the gates, which are 0 at masked steps.
        shown: The gates and then the states but h, each (B, T, units).
        mask: True where a step counts, shape (B, T), or None for all.
        go_backwards: Whether the steps ran from the last to the first.
        carried: Names of the states, which masked steps carry.
    """
    if not shown:
        return None
    named = dict(zip((*names, *carried), shown, strict=True))
    if mask is not None:
        mask = ops.flip(mask, axis=1) if go_backwards else mask
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        for name in names:
            named[name] = ops.where(mask, named[name], ops.zeros_like(named[name]))
    return named
