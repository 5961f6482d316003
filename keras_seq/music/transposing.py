"""The same tune in another key."""

import functools
import re
from dataclasses import replace

import numpy as np

from keras_seq.music._chords import move_chords
from keras_seq.music.abc import Key, key_signature
from keras_seq.music.abc._key import (
    ACCIDENTALS,
    LETTERS,
    SEMITONES,
    KeyField,
    read_key,
    semitones_of,
)
from keras_seq.music.abc._lines import directive_name, is_field, without_comment
from keras_seq.music.abc._tokens import TOKEN
from keras_seq.music.documents import HeaderStyle, split_document

_WRITTEN = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_MODES = {"ionian": "major", "aeolian": "minor"}
_LINE_END = re.compile(r"(\r\n|\r|\n)")


def transpose(tune: str, key: str) -> str:
    r"""Moves a tune to another key of the same mode.

    Every note moves by the same interval, up or down, whichever is nearer;
    accidentals in the music and in the K: field, and chord symbols such as
    "Am7", are rewritten for the new key. Clef, `octave=` and other properties
    of the K: field stay, as do words, comments and directives.

    Args:
        tune: ABC text of a tune or document in one key and one voice.
        key: Tonic and mode of the new K: field, such as `"A"` or `"Edor"`. It
            may have accidentals if they are those that the tune's own become.

    Returns:
        The text with the new K: line and the moved notes.

    Raises:
        ValueError: If the tune has no tonic, changes its key, has several
            voices or macros, if `key` has another mode or names more than a
            key, or if a note would need more than two sharps or flats or lie
            beyond what MIDI can number.

    Example:

    >>> print(transpose("X:1\nK:D\nDF ^G=c d2|", "G"))
    X:1
    K:G
    GB ^c=f g2|
    """
    return _Mover(key).move(tune)


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
    header = split_document(document)[0].rstrip("\r\n")
    old = header[header.rfind("K:") + 2 :]
    keys = _keys_by_mode(tuple(style.counts.get("K", {}).items())).get(
        _spelled(old)[1], ()
    )
    if not keys:
        return document
    weights = np.array([weight for _, weight in keys])
    drawn = generator.choice(len(keys), p=weights / weights.sum())
    try:
        return transpose(document, keys[drawn][0])
    except ValueError:
        return document


class _Mover:
    """Moves a tune, line by line, to the key named."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._interval: _Interval | None = None
        self._field = ""

    def move(self, tune: str) -> str:
        lines = _LINE_END.split(tune)
        block = ""
        for place in range(0, len(lines), 2):
            line = lines[place]
            name = directive_name(line)
            if block:
                block = "" if name == block else block
            elif name.startswith("begin"):
                block = "end" + name[5:]
            else:
                text = without_comment(line)
                lines[place] = self._line(text) + line[len(text) :]
        if self._interval is None:
            raise ValueError("`tune` must have a K: field.")
        return "".join(lines)

    def _line(self, text: str) -> str:
        last, self._field = self._field, text[:1] if is_field(text) else ""
        if not self._field:
            return self._music(text) if self._interval else text
        field, value = text[0], text[2:]
        if field == "K":
            end = value[len(value.rstrip()) :]
            return f"K:{self._key_field(value)}{end}"
        if field in "Vm" or (field == "+" and last == "K"):
            self._refuse(field)
        if field == "+":
            self._field = last
        if field in "sU" and self._interval:
            value = self._interval.texts(value)
        return f"{field}:{value}"

    def _music(self, text: str) -> str:
        assert self._interval is not None  # or it would be no music
        parts = []
        for match in TOKEN.finditer(text):
            moved = match[0]
            if match["note"]:
                accidental, letter = match["accidental"] or "", match["letter"]
                moved = self._interval.note(letter, match["octave"], accidental)
                moved += match["length"]
            elif match["text"]:
                moved = self._interval.texts(moved)
            elif match["field"] and match["name"] == "K":
                moved = f"[K:{self._key_field(match['value'])}]"
            elif match["field"] and match["name"] in "Vm":
                self._refuse(match["name"])
            parts.append(moved)
        return "".join(parts)

    def _refuse(self, field: str) -> None:
        must = {"V": "be in one voice", "m": "have no macros (m:)"}
        raise ValueError(f"`tune` must {must.get(field, 'have its key in one line')}.")

    def _key_field(self, value: str) -> str:
        field = read_key(value)
        if self._interval is None:
            self._interval = _Interval(field, self._key)
        elif field.key is None:
            return value
        elif field.key != self._interval.old:
            raise ValueError("`tune` must be in one key and one voice.")
        return " ".join([self._interval.key, *field.words])


class _Interval:
    """How letters, alterations and octaves move from one key to another.

    Attributes:
        old: The key that is left.
        key: The K: field that takes its place.
    """

    def __init__(self, field: KeyField, key: str) -> None:
        before, asked = field.key or Key(), read_key(key)
        after = key_signature(asked.tonic)
        if before.tonic is None or before.mode == "bagpipe":
            raise ValueError(
                "`tune` must be in a key with a tonic and a mode; its K: field names "
                "none."
            )
        if asked.words:
            raise ValueError(
                f"`key` must be a tonic and a mode alone; received {key!r}."
            )
        if _mode(before) != _mode(after):
            raise ValueError(
                f"`key` must be of the mode of the tune, {before.mode}; "
                f"received {key!r}."
            )
        assert after.tonic is not None  # or it would have no mode
        self.old = before
        self._shift = field.shift or 0
        start, goal = (LETTERS.index(tonic[0]) for tonic in (before.tonic, after.tonic))
        self._steps = (goal - start + 3) % 7 - 3
        octave = (start + self._steps) // 7
        self._by = 12 * octave + semitones_of(after.tonic) - semitones_of(before.tonic)
        # Each letter, altered as the old key has it, becomes a letter of the new.
        moved = [self._altered(*item) for item in enumerate(before.alterations)]
        new = tuple(moved[(place - self._steps) % 7] for place in range(7))
        if asked.key not in (after, replace(after, alterations=new)):
            raise ValueError(
                f"`key` must be without accidentals of its own; received {key!r}."
            )
        self.key = asked.tonic
        for letter, by, usual in zip(LETTERS, new, after.alterations, strict=True):
            if by != usual:
                self.key += f" {_WRITTEN[by]}{letter.lower()}"

    def note(self, letter: str, octave: str, accidental: str) -> str:
        """Moves a note, written with `accidental`, `""` for none."""
        place = LETTERS.index(letter.upper())
        height = place + 7 * (letter.islower() + octave.count("'") - octave.count(","))
        number, target = divmod(height + self._steps, 7)
        by = ACCIDENTALS[accidental] if accidental else self.old.alterations[place]
        moved = self._altered(place, by)
        if not 0 <= 60 + 12 * number + SEMITONES[target] + moved + self._shift <= 127:
            raise ValueError("a note would lie beyond the range of MIDI.")
        accidental = _WRITTEN[moved] if accidental else ""
        letter = LETTERS[target]
        if number < 1:
            return f"{accidental}{letter}{',' * -number}"
        return f"{accidental}{letter.lower()}{chr(39) * (number - 1)}"

    def texts(self, text: str) -> str:
        """Moves the chord symbols between the quotes of a text."""
        parts = text.split('"')
        for place in range(1, len(parts) - 1, 2):
            parts[place] = move_chords(parts[place], self._chord_note)
        return '"'.join(parts)

    def _chord_note(self, letter: str, sign: str) -> str:
        """Moves the root or bass of a chord symbol."""
        place = LETTERS.index(letter)
        by = sum(sign.count(mark) for mark in "#♯") - sum(map(sign.count, "b♭"))
        by = self._altered(place, by)
        sharp, flat = "♯♭" if sign in ("♯", "♭") else "#b"
        target = LETTERS[(place + self._steps) % 7]
        return target + (sharp * by if by > 0 else flat * -by)

    def _altered(self, place: int, by: int) -> int:
        """What a letter's alteration becomes, so that it moves by the interval."""
        octave, target = divmod(place + self._steps, 7)
        by += SEMITONES[place] + self._by - 12 * octave - SEMITONES[target]
        if abs(by) > 2:
            raise ValueError("a note would need more than two sharps or flats.")
        return by


def _mode(key: Key) -> str | None:
    """The mode of a key that can be moved, else None."""
    if key.tonic is None or key.mode in ("none", "bagpipe"):
        return None
    return _MODES.get(key.mode, key.mode)


@functools.lru_cache(maxsize=512)
def _spelled(value: str) -> tuple[str, str | None]:
    """Of a K: field, tonic and mode as it spells them, and the name of the mode."""
    try:
        tonic = read_key(value).tonic
    except ValueError:
        return "", None
    return tonic, _mode(key_signature(tonic))


@functools.lru_cache(maxsize=8)
def _keys_by_mode(
    counts: tuple[tuple[str, int], ...],
) -> dict[str | None, list[tuple[str, float]]]:
    """The keys of each mode, each with the square root of its count."""
    keys: dict[str | None, dict[str, int]] = {}
    for key, count in counts:
        tonic, mode = _spelled(key)
        if mode is not None:
            of_mode = keys.setdefault(mode, {})
            of_mode[tonic] = of_mode.get(tonic, 0) + count
    return {
        mode: [(key, count**0.5) for key, count in of_mode.items()]
        for mode, of_mode in keys.items()
    }
