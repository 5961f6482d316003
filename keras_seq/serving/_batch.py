"""`batch`: a file of rows is answered, a JSON object in each line."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from keras_seq.files import replacing
from keras_seq.serving import _rest
from keras_seq.serving._errors import ServingError
from keras_seq.serving._limits import MOST_BYTES
from keras_seq.serving._served import RefusedError, ServedModel

SECONDS = 86_400.0  # for one batch: who waits sees that it goes on
STANDARD = "-"  # standard input and output


class _Row(NamedTuple):
    """The inputs of a row, or why it has none."""

    inputs: dict[str, Any]
    error: str = ""


class Batches:
    """Answers rows with one signature of a model.

    Args:
        model: The loaded model.
        signature: The signature's name.
        size: Rows that are asked at once; fewer if the signature takes no more.

    Raises:
        ServingError: If there is no such signature.
    """

    def __init__(self, model: ServedModel, signature: str, size: int):
        self._model = model
        self._version = version = model.versions[-1]
        self._signature = signature
        known = sorted(model.signatures(version))
        if signature not in known:
            message = f"there is no signature {signature!r}; there are {known}"
            raise ServingError("Nothing was answered", [message])
        self._names = list(model.input_dtypes(version, signature))
        self._size = min(size, model.limits(version, signature).get("rows", size))

    def answers(self, lines: Iterator[str]) -> Iterator[object]:
        """An answer to each line, in their order."""
        rows: list[_Row] = []
        characters = 0
        for line in lines:
            rows.append(self._read(line))
            characters += len(line)
            if len(rows) == self._size or characters > MOST_BYTES:
                yield from self._answered(rows)
                rows, characters = [], 0
        yield from self._answered(rows)

    def _read(self, line: str) -> _Row:
        try:
            if len(line) > MOST_BYTES:
                raise _rest.RestError(f"a line may have {MOST_BYTES} characters")
            # Without its end, which a message would count as another line.
            row = _rest.read_json(line.rstrip("\r\n"))
            return _Row(_rest.named(row, self._names))
        except _rest.RestError as error:
            return _Row({}, str(error))

    def _answered(self, rows: list[_Row]) -> Iterator[object]:
        """One bad row has an error, and the others are asked together."""
        good = [row for row in rows if not row.error]
        found = iter(self._asked(good) if good else [])
        for row in rows:
            yield {"error": row.error} if row.error else next(found)

    def _asked(self, rows: list[_Row]) -> list[object]:
        """An answer to each row; where they fail together, to each alone."""
        request = {
            "signature_name": self._signature,
            "instances": [row.inputs for row in rows],
        }
        try:
            name, inputs, _ = _rest.parse_object(
                request,
                lambda name: self._model.input_dtypes(self._version, name),
            )
            outputs = self._model.run(self._version, name, inputs)
            answers = _rest.format_response(outputs, True)["predictions"]
            if len(answers) != len(rows):
                raise ValueError(
                    f"expected an answer to each of {len(rows)} rows; received "
                    f"{len(answers)}"
                )
            return answers
        except (ValueError, TypeError, RefusedError) as error:
            if len(rows) == 1:
                return [{"error": str(error)}]
            return [answer for row in rows for answer in self._asked([row])]


def answer_file(
    directory: Path, rows: str, out: str, *, signature: str, size: int
) -> int:
    """Answers a file of rows.

    Args:
        directory: The version folder.
        rows: File with a JSON object, of the inputs, in each line.
        out: File for the answers, one in each line.
        signature: The signature that answers.
        size: Rows that are asked at once.

    Returns:
        How many rows have an error.

    Raises:
        ServingError: If there is no such signature, the rows are no text, `out` is
            where they are, or can't be written.
        OSError: If the rows can't be read.
    """
    failed = 0
    with _reading(rows) as file:
        if _same(rows, out):
            message = f"the answers would take the place of the rows in {rows}"
            raise ServingError("Nothing was answered", [message])
        model = ServedModel([directory], "model", labels={}, seconds=SECONDS)
        batches = Batches(model, signature, size)
        with _writing(out) as written:
            for answer in batches.answers(_lines(file, rows)):
                failed += bool(isinstance(answer, dict) and answer.get("error"))
                written.write(_rest.as_json(answer) + b"\n")
    return failed


def _same(rows: str, out: str) -> bool:
    return (
        STANDARD not in (rows, out)
        and os.path.isfile(out)
        and os.path.samefile(rows, out)
    )


def _reading(name: str) -> TextIO:
    standard = name == STANDARD
    return open(0 if standard else name, encoding="utf-8-sig", closefd=not standard)


@contextlib.contextmanager
def _writing(name: str) -> Iterator[BinaryIO]:
    """A file that is there when all is answered; a pipe or a device is written to."""
    try:
        if name == STANDARD:
            with open(1, "wb", closefd=False) as out:
                yield out
        elif os.path.exists(name) and not os.path.isfile(name):
            with open(name, "wb") as out:
                yield out
        else:
            with replacing(Path(name)) as temporary, open(temporary, "wb") as out:
                yield out
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        message = f"{name} could not be written: {error.strerror}"
        raise ServingError("There are no answers", [message]) from error


def _lines(file: TextIO, name: str) -> Iterator[str]:
    """The lines; of one that is too long the beginning, which is too long too."""
    try:
        while line := file.readline(MOST_BYTES + 1):
            yield line
            while len(line) > MOST_BYTES and not line.endswith("\n"):
                line = file.readline(MOST_BYTES + 1)
    except UnicodeDecodeError as error:
        raise ServingError(
            "Nothing was answered", [f"{name} is not UTF-8: {error}"]
        ) from error
