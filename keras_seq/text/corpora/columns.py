"""Which columns of a table hold what is wanted: by name, number or content."""

import re
from collections.abc import Collection, Sequence
from typing import TypeAlias

from keras_seq.text.corpora.encodings import cleaned
from keras_seq.text.corpora.tables import Row, Table, peeked, with_header

Column: TypeAlias = int | str
"""A column: its number from 0, or its name in the header."""

LOOKED_AT = 1000  # rows, to see what a column holds
_MANY_ROWS = 5  # that aren't alike, or codes of languages, by chance
_MANY_TIMES = 10  # that a language's name comes again beside others
# Numbers and scores, addresses, UUIDs and times: none is a sentence.
_NO_TEXT = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?|(?i:https?://|www\.)\S+|"
    r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?i:[+-]?inf|nan)|"
    r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}|"
    r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?"
)
# Names of one value each, as "sent_12": they may be codes that somebody translates.
_NAME = re.compile(r"[A-Za-z]{0,12}[-_.:#]?\d{1,18}(?:[-_.:]\d{1,18})*")
_IDENTIFIER = re.compile(r"[^\W\d][\w.:-]*")
_ENDS = (".", "!", "?", "\u3002")  # of sentences
_MISSING = frozenset(("na", "nan", "n/a", "null", "none", "-", "?"))
_DAY = re.compile(r"\d{4}-\d\d-\d\d")  # second, it is what dates are translated to


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SOURCES = _words("source src source_text input original sentence1 from")
TARGETS = _words(
    "target tgt trg reference target_text output ref translation translated sentence2 "
    "to"
)
LABELS = _words(
    "label labels sentiment class category polarity target label_text label_name "
    "intent topic emotion rating stars score airline_sentiment overall"
)
TEXTS = _words(
    "text review sentence tweet comment message content utterance question phrase "
    "document body reviewtext review_text comment_text headline title description"
)
SPLITS = ("split", "partition")
_OTHERS = _words(
    "id idx index date user licence license attribution name url lang language domain "
    "fold subset place part predicted notes note remarks source_lang target_lang "
    "src_lang tgt_lang source_language target_language"
)
# Codes of languages that aren't English words too, those that are, and names.
_CODES = frozenset(
    _words(
        "en fr de es pt ru zh ja ko ar hi tr pl nl sv da fi cs el he hu ro uk vi th "
        "bg hr sk sl lt lv et fa ur bn ta te km lo my af az ca cy eu ga gl gu hy ka kk "
        "kn ml mn mr ne sq sr sw uz yo zu eng fra fre deu ger spa por rus zho cmn jpn "
        "kor ara hin tur pol nld swe ita ukr vie tha kab epo ber ind nob heb ces dan "
        "fin ell hun ron bul"
    )
)
_CODES_AND_WORDS = frozenset(_words("it no id is ms am so as or"))
_NAMES = frozenset(
    _words(
        "english french german spanish italian portuguese russian chinese japanese "
        "korean arabic hindi turkish polish dutch swedish danish norwegian finnish "
        "czech greek hebrew hungarian romanian ukrainian vietnamese thai mandarin "
        "latin esperanto persian indonesian urdu bengali tamil khmer lao burmese "
        "afrikaans albanian amharic armenian azerbaijani basque bulgarian catalan "
        "croatian estonian filipino galician georgian gujarati hausa icelandic igbo "
        "irish kannada kazakh latvian lithuanian macedonian malay malayalam marathi "
        "mongolian nepali punjabi serbian sinhala slovak slovenian somali swahili "
        "tagalog telugu uzbek welsh xhosa yoruba zulu"
    )
)
_LANGUAGES = _CODES | _NAMES
_KNOWN = frozenset([*SOURCES, *TARGETS, *LABELS, *TEXTS, *SPLITS, *_OTHERS])
_KNOWN |= {"", "unnamed: 0"}  # as pandas writes its index


def is_known(name: str) -> bool:
    """Whether a column's name says what is in it."""
    return name.casefold() in _KNOWN


def is_language(name: str, *, beside: bool = False) -> bool:
    """Whether a column's name names a language, as "en", "en-GB", "English words".

    Args:
        name: In lower case.
        beside: Whether another language stands beside it: then "it" is Italian.
    """
    if re.split(r"[\s_-]", name)[0] in _LANGUAGES:
        return True
    return beside and re.split(r"[_-]", name)[0] in _CODES_AND_WORDS


def found_header(table: Table) -> Table:
    """The table with the header that its first row is seen to be, if it is one.

    Each of its fields then has a name that columns are wont to have, two at least, or
    is a word where all below it are numbers, times or the like. A title, alone in its
    row as merged cells are, may stand above it.
    """
    if table.header is not None:
        return table
    start, table = peeked(table, LOOKED_AT)
    if start and (_is_header(start[0]) or _stands_out(start)):
        return with_header(table)
    title = [cell for row in start[:1] for cell in row.cells if cell.strip()]
    if len(title) == 1 < len(start[0].cells) and any(map(_is_header, start[1:2])):
        next(table.rows)
        return with_header(table)
    return table


def _is_header(row: Row) -> bool:
    cells = [cleaned(cell).casefold() for cell in row.cells]
    if len(cells) == 1:
        return cells[0] in TEXTS
    beside = any(map(is_language, cells))
    known = [
        cell
        for cell in cells
        if cell in _KNOWN or (is_language(cell, beside=beside) and _is_name(cell))
    ]
    return len(set(known) - {""}) > 1 and len(known) == len(cells)


def _is_name(cell: str) -> bool:
    """Whether what begins with a language is a name, not a text: "mr" is Marathi, and
    begins "Mr Brown" as well.
    """
    first, *others = cell.split()
    sure = first in _NAMES or re.search(r"[_-]", first)
    return not others or (len(others) < 3 and bool(sure or others[0] in _KNOWN))


def _stands_out(rows: Sequence[Row]) -> bool:
    """Whether the first row has words, and all others numbers, times or the like in a
    column, as below names that nobody knows; or a known one among names as programs
    have them, where hardly another row is of such alone.
    """
    first, *others = [[cell.strip() for cell in row.cells] for row in rows]
    names = [name for name in first if name]
    if (
        len(set(names)) < 2
        or any(map(_NO_TEXT.fullmatch, names))
        or _MISSING & {name.casefold() for name in names}
        or any(name.endswith(_ENDS) for name in names)
    ):
        return False
    if len(names) > 2 and _KNOWN & {name.casefold() for name in names}:
        alike = sum(all(map(_IDENTIFIER.fullmatch, filter(None, x))) for x in others)
        if all(map(_IDENTIFIER.fullmatch, names)) and 10 * alike < len(others):
            return True
    for i, name in enumerate(first):
        below = [cells[i] for cells in others if len(cells) > i and cells[i]]
        if name and len(below) > 2 and all(map(_NO_TEXT.fullmatch, below)):
            return True
    return False


def places(
    table: Table, columns: Sequence[Column], count: int
) -> tuple[list[int], Table]:
    """The numbers of columns that were asked for, and the table.

    Args:
        table: A `Table`.
        columns: Numbers, from 0, or names in the header.
        count: How many are needed.

    Raises:
        ValueError: If they are no such, or there is none of a name.
    """
    given = tuple(columns)
    numbers = [column for column in given if not isinstance(column, str)]
    if (
        len(given) != count
        or len(set(given)) != count
        or any(not isinstance(n, int) or n < 0 for n in numbers)
    ):
        kind = "a number" if count == 1 else f"{_NUMERALS[count]} different numbers"
        raise ValueError(
            f"`columns` must be {kind} from 0 on, or names; received {given!r}."
        )
    if len(numbers) == count:
        return list(numbers), found_header(table)
    table = with_header(table)
    names = table.header or []
    folded = [name.casefold() for name in names]
    found = []
    for column in given:
        if isinstance(column, str):
            name = cleaned(column).casefold()
            if folded.count(name) != 1:
                raise ValueError(
                    f"{table.name}: expected one column {column!r}; its columns are "
                    f"{', '.join(map(repr, names[:20]))}."
                )
            column = folded.index(name)
        found.append(column)
    return found, table


def named(table: Table, names: Sequence[str]) -> int | None:
    """The column with the first of these names that there is; None if there is none.

    Raises:
        ValueError: If several have it.
    """
    folded = [name.casefold() for name in table.header or ()]
    found = next((name for name in names if name in folded), None)
    if found is None:
        return None
    if folded.count(found) > 1:
        raise ValueError(
            f"{table.name}: expected one column {found!r}; received "
            f"{folded.count(found)}: `columns` says which, by number."
        )
    return folded.index(found)


def textless_columns(rows: Collection[Row]) -> dict[int, str]:
    """The columns that hold identifiers, scores, addresses, times, codes of languages
    or one value alone, what surely is no text; and what each holds, in words.
    """
    full = [row.cells for row in rows if any(cell.strip() for cell in row.cells)]
    width = min(map(len, full), default=0)
    columns = [{cells[i].strip() for cells in full} for i in range(width)]
    found = {}
    for i, known in enumerate(columns):
        if i == 1 and all(map(_DAY.fullmatch, known)):
            continue
        if (
            all(map(_NO_TEXT.fullmatch, known))
            or _are_languages(known, len(full))
            or (len(known) == 1 and len(full) >= _MANY_ROWS)
        ):
            example = f"{full[0][i].strip()[:60]!r} and its like"
            whole = all(name.lstrip("+-").isdecimal() for name in known)
            found[i] = "whole numbers" if whole else example
    return found


def are_names(fields: Collection[str]) -> bool:
    """Whether fields are names of their rows, as "sent_12": no days, but numbered."""
    stripped = [field.strip() for field in fields]
    days = all(map(_DAY.fullmatch, stripped))
    return all(map(_NAME.fullmatch, stripped)) and not days


def _are_languages(known: set[str], count: int) -> bool:
    """Whether the different fields of a column say of what language its rows are.

    Sources of a dictionary may be languages' names, and "hi" and "he" are words: what
    says of which language a row is comes again, or has many codes and nothing else.
    """
    folded = {name.casefold().replace("_", "-").partition("-")[0] for name in known}
    if not folded <= _LANGUAGES | _CODES_AND_WORDS or not folded & _LANGUAGES:
        return False
    if folded & _NAMES:
        return (2 if len(known) == 1 else _MANY_TIMES) * len(known) <= count
    return 2 * len(known) <= count or (count >= _MANY_ROWS and folded <= _CODES)


def width(rows: Collection[Row]) -> int:
    """How many columns all of these rows have; 0 if they differ."""
    widths = {len(row.cells) for row in rows if any(cell.strip() for cell in row.cells)}
    return widths.pop() if len(widths) == 1 else 0


def described(columns: Sequence[int], table: Table) -> str:
    """Columns in words, counted from 1."""
    if table.header:
        return " and ".join(
            repr(table.header[i]) if i < len(table.header) else str(i + 1)
            for i in columns
        )
    return " and ".join(str(i + 1) for i in columns)


_NUMERALS = {1: "one", 2: "two", 3: "three"}
