"""What is wrong with a tune, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

Severity = Literal["error", "warning"]
Place = tuple[int, int]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a tune, and where it stands.

    Args:
        line: Line number in the text given, from 1.
        column: Column in that line, from 1.
        severity: `"error"` where the text is malformed (it breaks the ABC
            standard and cannot be read as written), `"warning"` where it can
            be read but is doubtful, such as a bar of the wrong length.
        code: Stable kebab-case name of the kind of problem.
        message: What was expected and what came.
    """

    line: int
    column: int
    severity: Severity
    code: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.line}:{self.column}: {self.severity}: {self.message} [{self.code}]"
        )


class AbcError(ValueError):
    r"""ABC text that cannot be read.

    Args:
        problem: The first error of the text.

    Example:

    >>> from keras_seq.music.abc import parse
    >>> try:
    ...     parse("X:1\nK:D\nABc d]|")
    ... except AbcError as error:
    ...     print(error.line, error.column, error.problem.code)
    3 6 unexpected
    """

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.problem)

    @property
    def line(self) -> int:
        """Line of the error, from 1."""
        return self.problem.line

    @property
    def column(self) -> int:
        """Column of the error, from 1."""
        return self.problem.column


class Problems:
    """Gathers problems while a tune is read. A place is a line and a column."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._left_out: set[str] = set()

    def error(self, place: Place, code: str, message: str) -> None:
        """Notes that the text is malformed."""
        self.found.append(Problem(*place, "error", code, message))

    def warning(self, place: Place, code: str, message: str) -> None:
        """Notes that the text is readable but doubtful."""
        self.found.append(Problem(*place, "warning", code, message))

    def left_out(self, place: Place, what: str, where: str) -> None:
        """Notes, once a tune, what is missing where it is drawn or played."""
        if what not in self._left_out:
            self._left_out.add(what)
            self.warning(
                place,
                f"not-{where}",
                f"expected what can be {where}, came {what}, left out here and below",
            )

    def attempt(
        self,
        place: Place,
        code: str,
        read: Callable[[str], Value],
        text: str,
        default: Value,
    ) -> Value:
        """Reads `text`; a ValueError becomes an error and gives the default."""
        try:
            return read(text)
        except ValueError as error:
            self.error(place, code, str(error))
            return default


def shortened(text: str, limit: int = 40) -> str:
    """Quotes text for a message, cut where it is long."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
