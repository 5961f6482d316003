"""Tables from objects, as of JSON and Parquet: their fields as text."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

from keras_seq.runs import reading
from keras_seq.text import json_objects

Record: TypeAlias = tuple[int, list[str]]
"""A line's number, and its fields."""

MOST_FIELDS = 2**28  # of objects with names of their own, or of Parquet
HALF = re.compile("[\ud800-\udfff]")  # JSON's \u may write one alone
STRANGE = (dict, list, bytes)  # what a field can't be


def json_records(
    text: str, place: str, notes: list[str] | None, *, lines: bool
) -> tuple[list[str], list[Record]]:
    """Objects, one a line or in a list."""
    texts = (found[1] for found in re.finditer(r"([^\n]*)(?:\n|\Z)", text))
    objects = json_objects(place, texts, lines_apart=lines)
    return object_records(objects, place, notes)


def object_records(
    objects: Iterable[tuple[int, dict[str, Any]]],
    place: str,
    notes: list[str] | None,
) -> tuple[list[str], list[Record]]:
    """The records of objects; a name that one lacks is missing in it."""
    found: list[tuple[int, dict[str, str]]] = []
    filled: Counter[str] = Counter()
    strange: dict[str, tuple[int, str]] = {}  # where first, and what
    data: Counter[str] = Counter()  # bytes that are no text
    for number, value in reading(objects, place):
        fields = {name.strip(): _field(part) for name, part in value.items()}
        if len(fields) < len(value):
            raise ValueError(
                f"{place}:{number}: expected names that differ in more than space; "
                f"received {list(value)[:20]}."
            )
        for name, field in fields.items():
            if not field.isascii() and (half := HALF.search(field)):
                raise ValueError(
                    f"{place}:{number}: expected text in {name!r}; received "
                    f"U+{ord(half[0]):04X}, half of a character."
                )
        for name, part in value.items():
            if isinstance(part, STRANGE):
                strange.setdefault(name.strip(), (number, str(part)[:60]))
                data[name.strip()] += isinstance(part, bytes)
        filled.update(name for name, field in fields.items() if field)
        found.append((number, fields))
    for name, (number, shown) in strange.items():
        # Some bytes are text by chance.
        if filled[name] and filled[name] >= data[name]:
            raise ValueError(
                f"{place}:{number}: expected text, a number, true, false or null for "
                f"{name!r}; received {shown}."
            )
        if notes is not None:
            notes.append(
                f"column {name!r} is left out: its fields are no text, numbers, true "
                f"or false, but such as {shown}."
            )
    names = dict.fromkeys(name for _, fields in found for name in fields)
    header = [name for name in names if name not in strange]
    if not header:
        if strange:
            raise ValueError(
                f"{place}:{number}: expected text, numbers, true, false or null in the "
                f"fields; received {shown} and its like alone."
            )
        raise ValueError(f"{place} is empty; expected objects.")
    if len(header) * len(found) > MOST_FIELDS:
        raise ValueError(
            f"{place}: expected {MOST_FIELDS} fields at most; it has {len(found)} "
            f"objects with {len(header)} different names."
        )
    records = [(line, [f.get(name, "") for name in header]) for line, f in found]
    return header, records


def _field(value: Any) -> str:
    if value is None or isinstance(value, STRANGE):
        return ""
    return str(value).strip()
