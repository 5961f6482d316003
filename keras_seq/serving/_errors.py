"""The error that export and check raise."""

from collections.abc import Iterable


class ServingError(ValueError):
    """What keeps a model from being served, all of it at once.

    Args:
        heading: What failed, in one line.
        problems: The reasons, one a line.

    Attributes:
        problems: The reasons, as a tuple of strings.

    Example:

    >>> error = ServingError("The export was refused", ["no serving_default"])
    >>> print(error)
    The export was refused:
    - no serving_default
    >>> error.problems
    ('no serving_default',)
    """

    def __init__(self, heading: str, problems: Iterable[str]):
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join([heading + ":", *(f"- {p}" for p in self.problems)]))
