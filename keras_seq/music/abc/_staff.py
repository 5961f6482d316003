"""Pitches: key signature, accidentals in the bar, ties, transposition."""

from dataclasses import dataclass

from keras_seq.music.abc._key import ACCIDENTALS, LETTERS, SEMITONES, Key

_MIDDLE_C = 60


@dataclass(frozen=True, slots=True)
class Head:
    """A note head: where it stands on the staff and how it sounds.

    Args:
        step: Steps above middle C, seven to the octave.
        alteration: Semitones by which it is altered.
        pitch: MIDI number as sounded.
        in_key: Whether it belongs to the scale of the key signature.
    """

    step: int
    alteration: int
    pitch: int
    in_key: bool


class Staff:
    """What decides how a note sounds.

    Args:
        key: Key signature at the start.
        shift: Semitones by which notes sound higher than written.
        propagation: How far an accidental reaches in its bar: `"not"`,
            `"octave"` or `"pitch"`, which is all octaves (standard, section
            11.3).
    """

    def __init__(self, key: Key, shift: int, propagation: str):
        self.shift = shift
        self._propagation = propagation
        self._altered: dict[int, int] = {}
        self._tied: dict[int, int] = {}
        self.key = key

    @property
    def key(self) -> Key:
        """The key signature in force."""
        return self._key

    @key.setter
    def key(self, key: Key) -> None:
        self._key = key
        self._scale = key.pitch_classes

    def read(self, letter: str, accidental: str | None, octave: str) -> Head:
        """Reads a note such as `^f,`, and remembers its accidental."""
        index = LETTERS.index(letter.upper())
        octaves = letter.islower() + octave.count("'") - octave.count(",")
        step = 7 * octaves + index
        reach = step if self._propagation == "octave" else index
        if accidental:
            alteration = ACCIDENTALS[accidental]
            if self._propagation != "not":
                self._altered[reach] = alteration
        elif reach in self._altered:
            alteration = self._altered[reach]
        elif step in self._tied:
            alteration = self._tied[step]
        else:
            alteration = self._key.alterations[index]
        written = _MIDDLE_C + 12 * octaves + SEMITONES[index] + alteration
        return Head(step, alteration, written + self.shift, written % 12 in self._scale)

    def tie(self, heads: tuple[Head, ...]) -> None:
        """Lets the next note keep the alterations of these (standard, 4.11)."""
        self._tied = {head.step: head.alteration for head in heads}

    def take_tie(self, heads: tuple[Head, ...]) -> bool:
        """Ends the tie; tells whether one of these notes is what it leads to."""
        tied, self._tied = self._tied, {}
        return any(head.step in tied for head in heads)

    def end_bar(self) -> None:
        """Ends the reach of accidentals."""
        self._altered.clear()
