"""Objects of JSON, in the forms that programs write tables in."""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from keras_seq.files import unique_object
from keras_seq.runs._reading import tell_of_parsing

Object: TypeAlias = dict[str, Any]

_SPLIT = ("columns", "data")  # pandas's orient="split"


def json_objects(
    name: str, lines: Iterable[str], *, lines_apart: bool
) -> Iterator[tuple[int, Object]]:
    r"""The rows of a table in JSON, each an object, with their numbers.

    It is JSON Lines, or a list of objects, alone or under the one name of an object
    around it; or what pandas writes: `{"a": {"0": 1}}`, `{"a": [1]}`, or
    `{"columns": ["a"], "data": [[1]]}`. Numbers are strings, as they were written, and
    NaN, which is no JSON, is null.

    Args:
        name: Of the file, for messages.
        lines: Its lines.
        lines_apart: Whether each line is expected to be an object; what isn't as
            expected is read as the other.

    Yields:
        The line, or the number of the row, from 1; and the object.

    Raises:
        ValueError: If it is no JSON of these forms, with the line.

    Example:

    >>> list(json_objects("x.json", ['{"a": [1, 2.50]}'], lines_apart=False))
    [(1, {'a': '1'}), (2, {'a': '2.50'})]
    """
    iterator = iter(lines)
    head: list[str] = []
    for line in iterator:
        head.append(line)
        if line.strip():
            break
    whole = (
        head[-1].lstrip().startswith("[") if head and lines_apart else not lines_apart
    )
    iterator = itertools.chain(head, iterator)
    if not whole:
        yield from _of_lines(name, iterator)
        return
    text = "\n".join(iterator)  # held once: the lines are gone
    tell_of_parsing(name, len(text))
    try:
        found = _parsed(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and error.lineno > 1:  # JSON Lines after all
            yield from _of_lines(name, text.split("\n"))
            return
        raise ValueError(f"{name}:{error.lineno}: is no JSON: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}:1: is no JSON: {error}.") from error
    for number, value in enumerate(_rows(name, found), start=1):
        yield number, _checked(name, number, value)


def _of_lines(name: str, lines: Iterable[str]) -> Iterator[tuple[int, Object]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                value = _parsed(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{name}:{number}: is no JSON: {error}.") from error
            yield number, _checked(name, number, value)


def _parsed(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=unique_object,
        parse_int=str,
        parse_float=str,
        parse_constant=lambda name: None if name == "NaN" else name,
    )


def _checked(name: str, number: int, value: Any) -> Object:
    if not isinstance(value, dict):
        raise ValueError(
            f"{name}:{number}: expected an object, {{...}}; received "
            f"{type(value).__name__}, {str(value)[:60]!r}."
        )
    return value


def _rows(name: str, found: Any) -> list[Any]:
    """The rows of what was read whole."""
    if isinstance(found, list):
        return found
    values = list(found.values()) if isinstance(found, dict) else []
    columns, data = (found.get(key) for key in _SPLIT) if values else (None, None)
    if isinstance(columns, list) and isinstance(data, list) and _all(data, list):
        if all(len(row) == len(columns) for row in data):
            return [dict(zip(columns, row, strict=True)) for row in data]
    elif len(values) == 1 and _all(values[0], dict):
        return values[0]
    for kind in (list, dict):
        if values and all(isinstance(column, kind) for column in values):
            keys = [list(c) if kind is dict else range(len(c)) for c in values]
            if all(some == keys[0] for some in keys):
                return [
                    {column: inside[key] for column, inside in found.items()}
                    for key in keys[0]
                ]
    raise ValueError(
        f"{name}:1: expected a list of objects, a row each; received "
        f"{type(found).__name__}, {str(found)[:60]!r}."
    )


def _all(found: Any, kind: type) -> bool:
    return isinstance(found, list) and bool(found) and {*map(type, found)} == {kind}
