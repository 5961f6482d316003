"""Whether shapes agree, as far as their sizes are known."""

from collections.abc import Sequence


def fits(
    shape: Sequence[int | None], expected: Sequence[int | None], or_one: bool = False
) -> bool:
    """Whether a shape is the expected one; sizes that are None may be any.

    Args:
        shape: Sizes, each an integer or None.
        expected: Sizes, each an integer or None.
        or_one: Whether a size may be 1 instead.
    """
    return len(shape) == len(expected) and all(
        None in sizes or sizes[0] == sizes[1] or (or_one and sizes[0] == 1)
        for sizes in zip(shape, expected, strict=True)
    )
