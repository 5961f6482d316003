"""Which two columns of a table hold the sentences of pairs."""

from collections.abc import Sequence
from typing import NoReturn

from keras_seq.text.corpora.columns import (
    LOOKED_AT,
    SOURCES,
    TARGETS,
    Column,
    are_names,
    described,
    found_header,
    is_language,
    named,
    places,
    textless_columns,
    width,
)
from keras_seq.text.corpora.tables import Row, Table, is_csv, peeked


def pair_columns(
    table: Table, columns: tuple[Column, Column] | None
) -> tuple[list[int], Table, str]:
    """The columns of source and target, the table, and a note of the choice."""
    if columns is not None:
        chosen, table = places(table, columns, 2)
        return chosen, table, ""
    table = found_header(table)
    if table.header is not None:
        chosen = _by_header(table, table.header)
        return chosen, table, f"columns {described(chosen, table)} of the header"
    start, table = peeked(table, LOOKED_AT)
    textless, count = textless_columns(start), width(start)
    note = ""
    if is_csv(table) and start:
        first = next((row for row in start if any(row.cells)), start[0])
        note = f"no header is known: the first row is {first.cells}"
        ragged = [row.line for row in start if len(row.cells) > len(first.cells)]
        if ragged:
            raise ValueError(
                f"{table.name}:{ragged[0]}: expected {len(first.cells)} columns, as "
                "the first row has; received more, as where commas aren't quoted: "
                "`columns` says which are read, whatever follows."
            )
    if count < 3:
        return [0, 1], table, note[:200]
    full = [row for row in start if len(row.cells) == count]
    chosen = [0, 1]
    if textless.keys() & {0, 1}:
        chosen = [i for i in range(count) if i not in textless]
        if len(chosen) != 2 or any(_repeats(full, i) for i in chosen):
            _refuse(table, count, min(textless), textless[min(textless)])
    for i in chosen:
        if are_names([row.cells[i] for row in full]):
            _refuse(table, count, i, f"{full[0].cells[i]!r} and its like")
    chosen_note = f"columns {described(chosen, table)} of {count}"
    return chosen, table, f"{chosen_note}; {note}"[:200] if note else chosen_note


def _refuse(table: Table, count: int, column: int, what: str) -> NoReturn:
    raise ValueError(
        f"{table.name}: expected sentences in columns 1 and 2; received {what} in "
        f"column {column + 1}, as identifiers are, and {count} columns: `columns` says "
        "which."
    )


def _repeats(rows: Sequence[Row], column: int) -> bool:
    """Whether most of what a column holds comes several times."""
    return 2 * len({row.cells[column] for row in rows}) <= len(rows) > 1


def _by_header(table: Table, header: Sequence[str]) -> list[int]:
    sides = named(table, SOURCES), named(table, TARGETS)
    if sides[0] is not None and sides[1] is not None:
        return [sides[0], sides[1]]
    for beside in (False, True):
        languages = [
            i
            for i, name in enumerate(header)
            if is_language(name.casefold(), beside=beside and name.casefold() != "id")
        ]
        if len(languages) == 2:
            return languages
    if len(header) == 2:
        return [0, 1]
    raise ValueError(
        f"{table.name}: expected columns of source and target; received "
        f"{', '.join(map(repr, header[:20])) or 'none'}: `columns` says which."
    )
