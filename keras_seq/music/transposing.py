"""The same tune in another key."""

import functools
import re

import numpy as np

from keras_seq.music.abc import Key, key_signature
from keras_seq.music.abc._tokens import TOKEN
from keras_seq.music.documents import HeaderStyle, split_document

_LETTERS = "CDEFGAB"
_ALTERATIONS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_ACCIDENTALS = {by: accidental for accidental, by in _ALTERATIONS.items()}
_CHORD_NOTE = re.compile(r"(?<![A-Za-z])([A-G])(##?|bb?)?")
_MODES = {"ionian": "major", "aeolian": "minor"}
_NOT_TRANSPOSED = re.compile(r"^[KV]:|\[[KV]:", re.MULTILINE)


def transpose(tune: str, key: str) -> str:
    r"""Moves a tune to another key of the same mode.

    Every note moves by the same interval, up or down, whichever is nearer;
    accidentals, and chord symbols such as "Am7", are rewritten for the new key.

    Args:
        tune: ABC text of a tune or document in one key and one voice.
        key: Value of the new K: field, such as `"A"` or `"Edor"`.

    Returns:
        The text with the new K: line and the moved notes.

    Raises:
        ValueError: If the tune has no tonic, changes its key or has several
            voices, if `key` has another mode, or if a note would need more
            than two sharps or flats.

    Example:

    >>> print(transpose("X:1\nK:D\nDF ^G=c d2|", "G"))
    X:1
    K:G
    GB ^c=f g2|
    """
    header, body = split_document(tune)
    *fields, key_line = header.rstrip("\n").split("\n")
    if not key_line.startswith("K:") or _NOT_TRANSPOSED.search(body):
        raise ValueError("`tune` must be in one key and one voice.")
    if any(line.startswith("V:") for line in fields):
        raise ValueError("`tune` must be in one voice.")
    moved = _Interval(key_line[2:], key)
    lines = [_move_line(line, moved) for line in body.split("\n")]
    return "\n".join([*fields, f"K:{key}", *lines])


def transpose_at_random(
    document: str, style: HeaderStyle, generator: np.random.Generator
) -> str:
    r"""Moves a document to a key that the training documents use.

    Args:
        document: The document.
        style: `HeaderStyle` of the training documents. Among their keys of the
            same mode one is drawn, rarer keys with more weight than they have.
        generator: `numpy.random.Generator`.

    Returns:
        The document in its new key; as it was if its key can't be changed.

    Example:

    >>> from keras_seq.music import HeaderStyle
    >>> documents = ["T:One\nK:D\nDFA|\n", "T:Two\nK:G\nGBd|\n"]
    >>> style = HeaderStyle.fit(documents)
    >>> transpose_at_random(documents[0], style, np.random.default_rng(1))
    'T:One\nK:G\nGBd|\n'
    """
    old = next(
        (line[2:] for line in document.splitlines() if line.startswith("K:")), ""
    )
    keys = _keys_by_mode(tuple(style.counts.get("K", {}).items())).get(_mode(old), ())
    if not keys:
        return document
    weights = np.array([weight for _, weight in keys])
    drawn = generator.choice(len(keys), p=weights / weights.sum())
    try:
        return transpose(document, keys[drawn][0])
    except ValueError:
        return document


class _Interval:
    """How letters, alterations and octaves move from one key to another."""

    def __init__(self, old: str, new: str) -> None:
        if _mode(old) is None or _mode(old) != _mode(new):
            raise ValueError(
                f"`key` must be of the mode of the tune, {old!r}; received {new!r}."
            )
        before, after = _signature(old), _signature(new)
        assert before.tonic is not None  # or they would have no mode
        assert after.tonic is not None
        steps = _LETTERS.index(after.tonic[0]) - _LETTERS.index(before.tonic[0])
        self._steps = (steps + 3) % 7 - 3
        self._old = before.alterations
        self._new = after.alterations

    def note(self, letter: str, octave: str, accidental: str) -> str:
        """Moves a note, written with `accidental`, `""` for none."""
        place = _LETTERS.index(letter.upper())
        height = place + 7 * (letter.islower() + octave.count("'") - octave.count(","))
        number, target = divmod(height + self._steps, 7)
        if accidental:
            by = _ALTERATIONS[accidental]
            accidental = _ACCIDENTALS[self._altered(place, target, by)]
        letter = _LETTERS[target]
        if number < 1:
            return f"{accidental}{letter}{',' * -number}"
        return f"{accidental}{letter.lower()}{chr(39) * (number - 1)}"

    def chord_note(self, match: re.Match[str]) -> str:
        """Moves the root or bass of a chord symbol."""
        place = _LETTERS.index(match[1])
        target = (place + self._steps) % 7
        sign = match[2] or ""
        by = self._altered(place, target, sign.count("#") - sign.count("b"))
        return _LETTERS[target] + ("#" * by if by > 0 else "b" * -by)

    def _altered(self, place: int, target: int, by: int) -> int:
        by = by - self._old[place] + self._new[target]
        if abs(by) > 2:
            raise ValueError("a note would need more than two sharps or flats.")
        return by


def _move_line(line: str, moved: _Interval) -> str:
    if re.match(r"[A-Za-z+]:(?![|:])", line):
        return line
    parts = []
    for match in TOKEN.finditer(line):
        text = match[0]
        if match["note"]:
            accidental, letter = match["accidental"] or "", match["letter"]
            text = moved.note(letter, match["octave"], accidental) + match["length"]
        elif match["text"] and text[1:2] not in set("^_<>@"):
            text = _CHORD_NOTE.sub(moved.chord_note, text)
        parts.append(text)
    return "".join(parts)


@functools.lru_cache(maxsize=512)
def _signature(key: str) -> Key:
    return key_signature(key)


def _mode(key: str) -> str | None:
    """The mode of a key that can be moved, else None."""
    try:
        signature = _signature(key)
    except ValueError:
        return None
    if signature.tonic is None or signature.mode in ("explicit", "none", "bagpipe"):
        return None
    return _MODES.get(signature.mode, signature.mode)


@functools.lru_cache(maxsize=8)
def _keys_by_mode(
    counts: tuple[tuple[str, int], ...],
) -> dict[str | None, list[tuple[str, float]]]:
    """The keys of each mode, each with the square root of its count."""
    keys: dict[str | None, list[tuple[str, float]]] = {}
    for key, count in counts:
        mode = _mode(key)
        if mode is not None:
            keys.setdefault(mode, []).append((key, count**0.5))
    return keys
