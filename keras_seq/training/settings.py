"""Checks of a recipe's settings."""


def check_settings(config, *, at_least_1=(), shares=(), above_0=(), seeds=()):
    """Refuses settings out of their range, by name.

    Args:
        config: Object with the settings as attributes; None passes.
        at_least_1: Names of those that must be 1 or more.
        shares: Names of those that must be in [0, 1).
        above_0: Names of those that must be above 0.
        seeds: Names of those that must be in [0, 2³¹).

    Raises:
        ValueError: If one is out of its range.

    Example:

    >>> import types
    >>> check_settings(types.SimpleNamespace(units=0), at_least_1=["units"])
    Traceback (most recent call last):
    ValueError: `units` must be at least 1; received 0.
    """
    ranges = (
        (at_least_1, "at least 1", lambda value: value >= 1),
        (shares, "in [0, 1)", lambda value: 0 <= value < 1),
        (above_0, "above 0 and finite", lambda value: 0 < value < float("inf")),
        (seeds, "in [0, 2**31)", lambda value: 0 <= value < 2**31),
    )
    for names, expected, accepts in ranges:
        for name in names:
            value = getattr(config, name)
            if value is not None and not accepts(value):
                raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
