"""Tunes as documents to learn from, and the header lines that start them."""

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping

from keras_seq.music.abc import validate
from keras_seq.music.abc._tokens import TOKEN

# What a document's header holds, in this order. K: must come last, so a
# document whose K: line is given has its whole header given.
FIELDS = "TRMLK"

_MUSIC_FIELDS = "MLK"
_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")


def to_document(tune: str) -> str:
    r"""Brings a normalised tune into the form that a model learns.

    The X: line goes, since a number is no music; the header has the fields T,
    R, M, L and K, one line each and in that order, the others before K. In the
    music, what is layout alone goes: space beside bar lines and at the ends of
    lines, space after space, and the backslash that joins two lines, which are
    joined. A newline stands at the end.

    Args:
        tune: A tune as `normalise` gives it.

    Returns:
        The document.

    Example:

    >>> to_document("X:7\nT:The Hag\nM:6/8\nL:1/8\nR:jig\nK:G\nG3 A3|")
    'T:The Hag\nR:jig\nM:6/8\nL:1/8\nK:G\nG3 A3|\n'
    """
    header, body = split_document(tune)
    lines = dict.fromkeys(FIELDS, "")
    others = []
    for line in header.splitlines():
        field = line[:1]
        if field in lines:
            lines[field] = lines[field] or line
        elif field != "X":
            others.append(line)
    ordered = [lines[field] for field in "TRML"] + others + [lines["K"]]
    music = "\n".join(map(_without_layout, _joined(body.split("\n"))))
    return "\n".join(line for line in ordered if line) + f"\n{music.rstrip()}\n"


def _joined(lines: Iterable[str]) -> list[str]:
    """The lines, those that end in a backslash joined with the next music."""
    joined: list[str] = []
    open_line = False
    for line in lines:
        field = _FIELD.match(line)
        if open_line and not field:
            joined[-1] += " " + line
        else:
            joined.append(line)
        open_line = not field and joined[-1].rstrip().endswith("\\")
        if open_line:
            joined[-1] = joined[-1].rstrip()[:-1]
    return joined


def _without_layout(line: str) -> str:
    if _FIELD.match(line):
        return line
    tokens = list(TOKEN.finditer(line))
    parts = []
    for i, token in enumerate(tokens):
        if not token["space"]:
            parts.append(token[0])
        elif 0 < i < len(tokens) - 1:
            before, after = tokens[i - 1], tokens[i + 1]
            # Between two bar lines the space keeps them apart.
            if bool(before["bar"]) == bool(after["bar"]):
                parts.append(" ")
    return "".join(parts)


def from_document(document: str, reference: int = 1) -> str:
    r"""Makes a tune of a document: puts the X: line back, ends the last line.

    Example:

    >>> from_document("T:Scale\nK:C\nCDEF|\n", reference=3)
    'X:3\nT:Scale\nK:C\nCDEF|\n'
    """
    end = "" if document.endswith("\n") else "\n"
    return f"X:{reference}\n{document}{end}"


def split_document(text: str) -> tuple[str, str]:
    r"""Parts a tune or document behind its first K: line: header and body.

    Example:

    >>> split_document("T:Scale\nK:C\nCDEF|\n")
    ('T:Scale\nK:C\n', 'CDEF|\n')
    """
    match = re.search(r"^K:.*(\n|$)", text, flags=re.MULTILINE)
    end = match.end() if match else len(text)
    return text[:end], text[end:]


class HeaderStyle:
    r"""How the training tunes write their headers.

    A user asks for "D major" or "4/4"; the model has read `K:Dmaj` or `M:C`
    and knows no other way to say it. This finds the spelling that the model
    knows.

    Args:
        counts: Dict from field to dict from value to the number of training
            documents that have it.

    Example:

    >>> style = HeaderStyle.fit(["T:A\nM:C\nK:D Major\n", "T:B\nM:C\nK:G\n"])
    >>> style.spell("K", "D"), style.spell("M", "4/4")
    ('D Major', 'C')
    """

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self.counts: dict[str, dict[str, int]] = {
            field: dict(values) for field, values in counts.items()
        }
        self._known = {
            field: _spellings(field, self.counts.get(field, {}))
            for field in _MUSIC_FIELDS
        }

    @classmethod
    def fit(cls, documents: Iterable[str]) -> "HeaderStyle":
        """Counts the header values (titles apart) of documents."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for document in documents:
            for line in split_document(document)[0].splitlines():
                if line[:1] in FIELDS[1:] and line[1:2] == ":":
                    counts[line[0]][line[2:]] += 1
        return cls(counts)

    def spell(self, field: str, value: str) -> str:
        """The value as the training documents spell it.

        Args:
            field: One of T, R, M, L, K.
            value: What the user asks for.

        Returns:
            The commonest equivalent value of the training documents, or
            `value` where none has it.

        Raises:
            ValueError: If `value` isn't a meter, length or key, has more than
                one line, or is a rhythm that no training document has.
        """
        value = value.strip()
        name = _NAMES[field]
        if not value or len(value.splitlines()) > 1:
            raise ValueError(f"`{name}` must be one line of text; received {value!r}.")
        if field == "R":
            return self._spell_rhythm(value)
        if field == "T":
            # A bare % would start a comment.
            return re.sub(r"(?<!\\)%", r"\\%", value)
        return self._known[field].get(_meaning(field, value), value)

    def _spell_rhythm(self, value: str) -> str:
        known = self.counts.get("R", {})
        same = [name for name in known if name.casefold() == value.casefold()]
        if same:
            return max(same, key=known.__getitem__)
        if not known:
            raise ValueError(
                f"`type` {value!r}: the training tunes name no types (R:)."
            )
        common = sorted(known, key=known.__getitem__, reverse=True)[:10]
        raise ValueError(
            f"`type` must be one that the training tunes have, such as "
            f"{', '.join(common)}; received {value!r}."
        )


_NAMES = {"T": "title", "R": "type", "M": "meter", "L": "length", "K": "key"}


def _spellings(field: str, counts: dict[str, int]) -> dict[Hashable, str]:
    """Dict from what a value means to its commonest spelling."""
    known: dict[Hashable, str] = {}
    for value in sorted(counts, key=counts.__getitem__):
        with contextlib.suppress(ValueError):
            known[_meaning(field, value)] = value
    return known


def _meaning(field: str, value: str) -> Hashable:
    """What a field's value says, the same however it is spelled."""
    fields = {"M": "4/4", "L": "1/8", "K": "C", field: value}
    lines = [f"{name}:{fields[name]}" for name in _MUSIC_FIELDS]
    result = validate("\n".join(["X:1", "T:-", *lines, "z|", ""]))
    place = 3 + _MUSIC_FIELDS.index(field)
    for problem in result.problems:
        if problem.severity == "error" or problem.line == place:
            raise ValueError(
                f"`{_NAMES[field]}` {value!r} cannot be used: {problem.message}."
            )
    tune = result.tune
    assert tune is not None  # or there would be an error
    if field == "L":
        return tune.unit_length
    if field == "K":
        key = tune.key
        return key.tonic, _SYNONYMS.get(key.mode, key.mode), key.alterations
    meter = tune.meter
    return meter and (sum(meter.beats), meter.unit)


_SYNONYMS = {"ionian": "major", "aeolian": "minor"}
