"""Checks of arguments, which may be anything."""

import numbers


def is_integer(value: object, least: int = 1) -> bool:
    """Whether it is an integer, NumPy's too, of at least so much."""
    return isinstance(value, numbers.Integral) and int(value) >= least


def check_positive_integer(name: str, value: object) -> None:
    """Refuses anything else, by name."""
    if not is_integer(value):
        raise ValueError(f"`{name}` must be a positive integer; received {value!r}.")
