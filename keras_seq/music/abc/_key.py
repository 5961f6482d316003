"""Key signatures: the K: field."""

import re
from dataclasses import dataclass

from keras_seq.music.abc._problems import shortened

LETTERS = "CDEFGAB"
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
ACCIDENTALS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2, "#": 1, "b": -1, "": 0}

_FIFTHS = "FCGDAEB"
# Sharps that a mode adds to those of the major scale on the same tonic. Only
# the first three letters of a mode's name count.
_MODES = {
    "maj": ("major", 0),
    "ion": ("ionian", 0),
    "min": ("minor", -3),
    "aeo": ("aeolian", -3),
    "mix": ("mixolydian", -1),
    "dor": ("dorian", -2),
    "phr": ("phrygian", -4),
    "lyd": ("lydian", 1),
    "loc": ("locrian", -5),
}
_TONIC = re.compile(r"([A-G])([#b]?)(\s*)([A-Za-z]*)")
_ALTERED = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
_ALTERED_LIST = re.compile(rf"(?:{_ALTERED.pattern})+$")
_CLEF = re.compile(r"(?:clef=)?(?:treble|alto|tenor|bass|perc|none)[1-5]?([+-]8)?$")
_MOVED = re.compile(r"(?:(octave)|t|transpose)=([+-]?[0-9]{1,3})$")
_PROPERTY = re.compile(r"[A-Za-z][\w:-]*=")


@dataclass(frozen=True, slots=True)
class Key:
    """A key signature.

    Args:
        tonic: `"C"`, `"F#"`, `"Bb"`, ..., or None where the field names none
            (`K:none`, bagpipe music).
        mode: `"major"`, `"minor"`, `"ionian"`, `"dorian"`, `"phrygian"`,
            `"lydian"`, `"mixolydian"`, `"aeolian"`, `"locrian"`, `"explicit"`,
            `"none"` or `"bagpipe"`.
        sharps: Number of sharps of tonic and mode, -7 (seven flats) to 7; of
            `K:HP`, which is printed without any, 0.
        alterations: Semitones by which the signature alters C, D, E, F, G, A
            and B: those of tonic and mode, then the explicit accidentals.
    """

    tonic: str | None = None
    mode: str = "none"
    sharps: int = 0
    alterations: tuple[int, ...] = (0,) * 7

    @property
    def accidentals(self) -> dict[str, int]:
        """The letters that the signature alters, with their semitones."""
        return {
            letter: by
            for letter, by in zip(LETTERS, self.alterations, strict=True)
            if by
        }

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Pitch classes (0 to 11, C = 0) of the scale that the key signs."""
        return frozenset(
            (semitone + by) % 12
            for semitone, by in zip(SEMITONES, self.alterations, strict=True)
        )


@dataclass(frozen=True, slots=True)
class KeyField:
    """What a K: field says: a key, a transposition, and what is not known.

    `key` is None where the field speaks of the clef only; `shift` is None where
    it does not speak of clef or transposition. `tonic` is the part of the text
    that names tonic and mode, `words` are those on clef and staff.
    """

    key: Key | None
    shift: int | None
    unknown: tuple[str, ...] = ()
    tonic: str = ""
    words: tuple[str, ...] = ()


def key_signature(text: str) -> Key:
    """Reads the value of a K: field.

    Args:
        text: The field's value, such as `"G"`, `"A Dorian"`, `"F#m"`,
            `"D Phr ^f"`, `"D exp _b _e ^f"`, `"Hp"` or `"none"`. Clefs and
            other properties are allowed and ignored.

    Returns:
        The key signature.

    Raises:
        ValueError: If `text` names no key signature.

    Example:

    >>> key_signature("A Dorian").accidentals
    {'F': 1}
    >>> key_signature("D phr ^f").accidentals
    {'E': -1, 'F': 1, 'B': -1}
    >>> key_signature("Ebmaj").sharps
    -3

    Reference:

    - The abc music standard 2.1, section 3.1.14.
    """
    return read_key(text).key or Key()


def read_key(text: str) -> KeyField:
    """Reads the value of a K: field, clef and transposition included."""
    key, rest = _read_tonic(text.strip())
    alterations = list(key.alterations) if key else [0] * 7
    words = []
    for word in rest.split():
        if _ALTERED_LIST.match(word):
            key = key or Key()
            for accidental, letter in _ALTERED.findall(word):
                alterations[LETTERS.index(letter.upper())] = ACCIDENTALS[accidental]
        else:
            words.append(word)
    shift, unknown = read_staff(words)
    if unknown and key is None and shift is None:
        raise ValueError(f"expected a key or a clef, came {shortened(text)}")
    if key:
        key = Key(key.tonic, key.mode, key.sharps, tuple(alterations))
    elif not words:
        key = Key()
    text = text.strip()
    tonic = text[: len(text) - len(rest)].strip()
    return KeyField(key, shift, unknown, tonic, tuple(words))


def read_staff(words: list[str]) -> tuple[int | None, tuple[str, ...]]:
    """Reads the clef and staff properties of a K: or V: field.

    Args:
        words: The words of the field that are no key signature.

    Returns:
        Semitones by which the notes sound higher than written, None where no
        word speaks of it; and the words that have no meaning in the standard.
    """
    shift, unknown = None, []
    for word in words:
        if clef := _CLEF.match(word):
            octaves = {None: 0, "+8": 1, "-8": -1}[clef[1]]
            shift = (shift or 0) + 12 * octaves
        elif moved := _MOVED.match(word):
            shift = (shift or 0) + int(moved[2]) * (12 if moved[1] else 1)
        elif not _PROPERTY.match(word):
            unknown.append(word)
    return shift, tuple(unknown)


def semitones_of(tonic: str) -> int:
    """Semitones of a tonic, such as F#, above the C below it."""
    return SEMITONES[LETTERS.index(tonic[0])] + ACCIDENTALS[tonic[1:]]


def _read_tonic(text: str) -> tuple[Key | None, str]:
    """Splits off tonic and mode; the key is None where there is neither."""
    first = text.split()[0] if text else ""
    if first in ("HP", "Hp"):
        # The pipes play C sharp and F sharp whether or not they are printed.
        sharps = 2 if first == "Hp" else 0
        return Key(None, "bagpipe", sharps, _signature(2)), text[2:]
    if first.lower() == "none":
        return Key(), text[4:]
    match = _TONIC.match(text)
    if not match:
        if first[:1].isupper():
            raise ValueError(f"expected a key from A to G, came {shortened(text)}")
        return None, text
    letter, accidental, space, word = match.groups()
    rest = text[match.end() :]
    if space and word == "m" and rest.startswith("="):
        # Not minor, but `m=`, short for `middle=`.
        word, rest = "", text[match.start(4) :]
    name = word.lower()[:3] if word.lower() != "m" else "min"
    tonic = letter + accidental
    if name == "exp":
        return Key(tonic, "explicit"), rest
    if word and name not in _MODES:
        if not space:
            raise ValueError(
                f"expected a mode after the tonic {tonic}, came {shortened(word)}"
            )
        name, rest = "", text[match.start(4) :]
    mode, offset = _MODES[name or "maj"]
    sharps = _FIFTHS.index(letter) - 1 + 7 * ACCIDENTALS[accidental] + offset
    if abs(sharps) > 7:
        raise ValueError(
            f"expected a key of at most 7 sharps or flats, came {tonic} {mode}, "
            f"which has {abs(sharps)} {'sharps' if sharps > 0 else 'flats'}"
        )
    return Key(tonic, mode, sharps, _signature(sharps)), rest


def _signature(sharps: int) -> tuple[int, ...]:
    altered = _FIFTHS[:sharps] if sharps >= 0 else _FIFTHS[sharps:]
    by = 1 if sharps > 0 else -1
    return tuple(by if letter in altered else 0 for letter in LETTERS)
