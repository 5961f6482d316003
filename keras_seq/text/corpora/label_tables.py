"""Texts with labels from tables, and from fastText's files."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from keras_seq.text.corpora.columns import (
    LABELS,
    LOOKED_AT,
    TEXTS,
    Column,
    described,
    found_header,
    is_known,
    named,
    places,
    textless_columns,
    width,
)
from keras_seq.text.corpora.encodings import cleaned
from keras_seq.text.corpora.label_folders import Labelled
from keras_seq.text.corpora.parts import split_of
from keras_seq.text.corpora.sources import Source
from keras_seq.text.corpora.tables import (
    SUFFIXES,
    Row,
    Table,
    is_csv,
    peeked,
    read_table,
    readable,
    with_header,
)

_FASTTEXT = "__label__"
_FEWEST = 12  # rows that tell a header of unknown names
_NAME = re.compile(r"[^\W\d][\w.#-]*")


def table_texts(
    source: Source,
    part: str,
    columns: tuple[Column, Column] | None,
    encoding: str | None,
    notes: list[str],
) -> Iterator[Labelled]:
    """The texts of a file.

    Args:
        source: The file.
        part: The part that they are of, or "" if the file may say that itself.
        columns: Of label and text, or None for what the file says.
        encoding: Of the file; None for UTF-8.
        notes: Gets a note of the columns that were chosen.

    Raises:
        ValueError: If a row has no label or no text, with the line; or if it isn't
            clear which columns are meant.
    """
    notes += [n for n in source.encoding_note(encoding) if n not in notes]
    if source.suffix not in SUFFIXES or source.suffix == ".tsv":
        first = next((x for x in source.lines(encoding) if x.strip()), "")
        if first.startswith(_FASTTEXT):
            yield from _fasttext(source, part, encoding)
            return
    table = read_table(source, encoding)
    label, text, table = _chosen(table, columns, notes)
    unsaid = columns is None and table.header is None
    part_in, bounded = split_of(table), is_csv(table) and (text is None or unsaid)
    for row in table.rows:
        cells, place = row.cells, f"{table.name}:{row.line}"
        if not any(cell.strip() for cell in cells):
            yield Labelled("", "", place, part)
            continue
        if bounded and len(cells) > 2:
            raise ValueError(
                f"{place}: expected a label and a text; received {len(cells)} fields, "
                "as where commas aren't quoted: `columns` says which are read, "
                "whatever follows."
            )
        last = label if text is None else max(label, text)
        missing = len(cells) <= last or (text is None and len(cells) < 2)
        if missing or not cells[label].strip():
            wanted = "a label, a tab and a text"
            if table.header is not None:
                both = [label] if text is None else [label, text]
                wanted = f"a label and a text in {described(both, table)}"
            raise ValueError(
                f"{place}: expected {wanted}; received {_short(chr(9).join(cells))!r}."
            )
        # Without columns to choose from, the text is all behind the first tab.
        words = " ".join(cells[1:]) if text is None else readable(cells[text])
        yield Labelled(words, readable(cells[label]), place, part or part_in(row))


def _chosen(
    table: Table, columns: tuple[Column, Column] | None, notes: list[str]
) -> tuple[int, int | None, Table]:
    """The columns of label and text, the latter None for all behind the first tab."""
    if columns is not None:
        (label, text), table = places(table, columns, 2)
        return label, text, table
    table = found_header(table)
    start, table = peeked(table, LOOKED_AT)
    if table.header is not None:
        return *_by_header(table, table.header, start, notes), table
    if _is_unknown_header(start):
        note = f"the first row, {start[0].cells}, is taken for a header"[:200]
        notes += [note] if note not in notes else []
        table = with_header(table)
        start, table = peeked(table, LOOKED_AT)
    count = width(start)
    if count > 2 and len(start) > 1:
        raise ValueError(
            f"{table.name}: expected a label and a text in each row; received {count} "
            "columns, and no header that is known: `columns` says which are label and "
            f"text. The first row is {_short(str(start[0].cells))}."
        )
    if count == 2 and _is_label_last(start):
        notes.append("labels are in the second column: the first is never the same")
        return 1, 0, table
    if is_csv(table) and table.header is None and start:
        notes.append(f"no header is known: the first row is {start[0].cells}"[:200])
    return 0, None, table


def _is_unknown_header(rows: Sequence[Row]) -> bool:
    """Whether the first of the rows with two fields has names: one that is no label of
    any other row, where each other label comes again; and beside it a word alone.
    """
    full = [row.cells for row in rows if any(cell.strip() for cell in row.cells)]
    if len(full) < _FEWEST or any(len(cells) != 2 for cells in full):
        return False
    for label, text in ((0, 1), (1, 0)):
        labels = Counter(cleaned(cells[label]) for cells in full[1:])
        several = 1 < len(labels) <= len(full) / 4 and min(labels.values()) > 1
        phrases = sum(len(cells[text].split()) > 1 for cells in full[1:])
        if several and 2 * phrases > len(full):
            name, word = map(cleaned, (full[0][label], full[0][text]))
            return name not in labels and bool(_NAME.fullmatch(word))
    return False


def _is_label_last(rows: Sequence[Row]) -> bool:
    """Whether the second of two columns alone has what labels have: few values."""
    full = [row.cells for row in rows if any(cell.strip() for cell in row.cells)]
    first, second = ([cells[i] for cells in full] for i in range(2))
    several = 2 <= len(set(second)) <= len(second) / 2
    return several and len(set(first)) > 0.9 * len(first)


def _by_header(
    table: Table, header: Sequence[str], start: Sequence[Row], notes: list[str]
) -> tuple[int, int]:
    label, text = named(table, LABELS), named(table, TEXTS)
    # Of two columns the other, unless its name says that it is something else.
    if len(header) == 2 and text is not None and not is_known(header[1 - text]):
        label = 1 - text
    elif len(header) == 2 and label is not None and not is_known(header[1 - label]):
        text = 1 - label
        if what := textless_columns(start).get(text):
            raise ValueError(
                f"{table.name}: expected texts in {described([text], table)}, beside "
                f"the labels in {described([label], table)}; received {what}, as "
                "identifiers are: `columns` says which columns are read."
            )
    if label is None or text is None:
        hint = ""
        if text is not None:
            hint = " Where labels are hidden, name the file alone that has them."
        raise ValueError(
            f"{table.name}: expected columns of labels and of texts; received "
            f"{', '.join(map(repr, header[:20])) or 'none'}: `columns` says which."
            f"{hint}"
        )
    note = f"labels and texts are in the columns {described([label, text], table)}"
    if note not in notes:
        notes.append(note)
    return label, text


def _fasttext(source: Source, part: str, encoding: str | None) -> Iterator[Labelled]:
    for number, line in enumerate(source.lines(encoding), start=1):
        place = f"{source.name}:{number}"
        words = line.split()
        labels = list(itertools.takewhile(lambda x: x.startswith(_FASTTEXT), words))
        if not words:
            yield Labelled("", "", place, part)
        elif len(labels) != 1 or labels[0] == _FASTTEXT:
            raise ValueError(
                f"{place}: expected one label, {_FASTTEXT} with its name, and a text; "
                f"received {_short(line)!r}."
            )
        else:
            text = line.lstrip()[len(labels[0]) :]
            yield Labelled(text, labels[0].removeprefix(_FASTTEXT), place, part)


def _short(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:57]}..."
