"""What is asked of a tune: its form, its range, its last note."""

import dataclasses
import re
from collections.abc import Sequence

from keras_seq.music.abc import key_signature
from keras_seq.music.abc._key import LETTERS, SEMITONES

MOST_SECTIONS = 8
MOST_BARS = 64  # of a section
HIGHEST = 127  # MIDI note
FIFTH = 7  # semitones: the narrowest range

INSTRUMENTS = {
    "fiddle": ("G3", "B5"),
    "mandolin": ("G3", "B5"),
    "banjo": ("G3", "B5"),
    "whistle": ("D4", "B5"),
    "flute": ("D4", "B5"),
    "pipes": ("D4", "D6"),
    "highland pipes": ("G4", "A5"),
    "recorder": ("C4", "D6"),
    "concertina": ("G3", "B6"),
    "accordion": ("F3", "A6"),
}
_PITCH = re.compile(r"([A-G])(#|b)?(-?\d)")


@dataclasses.dataclass(frozen=True, slots=True)
class TuneRequest:
    """What is asked of a tune, beside what its header says.

    A tune that is written by a `TuneWriter` within the grammar obeys it, whatever the
    model; what can't be obeyed is refused.

    The ranges of instruments are those that are usual in folk music, as written (C4 is
    the C below the first line of the treble staff): fiddle and mandolin in first
    position, from the open G to the fourth finger on the E string, G3 to B5, and so
    the tenor banjo, which sounds an octave lower; whistle in D (sounds an octave
    higher) and keyless wooden flute, two octaves without the thirds of the next, D4 to
    B5; uilleann pipes, the chanter's two octaves, D4 to D6; highland pipes, nine
    notes, G4 to A5; descant recorder (sounds an octave higher), C4 to D6; treble
    concertina of 48 keys, from G3; piano accordion of 41 treble keys, F3 to A6.

    Args:
        form: A letter for each time a section is played, such as "AABB": each section
            is written once, and between `|:` and `:|` where its letter comes twice.
            Letters come in order; a tune can't go back to one (ABA), and a section is
            played twice at most. None leaves it to the model.
        bars: Bars of each section, 8 by default, or of each in its turn. A
            pickup and the last bar of its section count as one, and add up to one.
        pickup: Whether sections begin with one, all of them as long; None leaves it to
            the model. Of a form.
        lowest: Lowest note as written, accidentals and key counted, such as "D4",
            "F#3" or "Bb5".
        highest: Highest note; grace notes and notes of chords count, too.
        instrument: One of `INSTRUMENTS`: both of them.
        end_on: "tonic": the last note of the tune, a single one, is the tonic of its
            key, in any octave (a rest may follow). None leaves it to the model.

    Raises:
        ValueError: If an argument is none of these, or two of them collide.

    Example:

    >>> request = TuneRequest(form="AABB", bars=8, instrument="whistle")
    >>> request.sections, request.range
    (((8, True), (8, True)), (62, 83))
    >>> TuneRequest(form="ABA")
    Traceback (most recent call last):
    ...
    ValueError: `form` must not go back to a section, as there is no sign for it: \
'A' comes again in 'ABA'; received 'ABA'.
    """

    form: str | None = None
    bars: int | Sequence[int] | None = None
    pickup: bool | None = None
    lowest: str | None = None
    highest: str | None = None
    instrument: str | None = None
    end_on: str | None = None

    def __post_init__(self) -> None:
        _ = self.sections, self.range
        if self.pickup not in (None, True, False):
            raise ValueError(
                f"`pickup` must be True, False or None; received {self.pickup!r}."
            )
        for name in ("pickup", "bars"):
            if getattr(self, name) is not None and self.form is None:
                raise ValueError(f"`{name}` needs a `form`, of whose sections it is.")
        if self.end_on not in (None, "tonic"):
            raise ValueError(
                f"`end_on` must be 'tonic' or None; received {self.end_on!r}."
            )

    @property
    def asks(self) -> bool:
        """Whether anything is asked."""
        return any(
            each is not None
            for each in (
                self.form,
                self.lowest,
                self.highest,
                self.instrument,
                self.end_on,
            )
        )

    @property
    def sections(self) -> tuple[tuple[int, bool], ...]:
        """Bars of each section, and whether it is repeated; () without a form."""
        if self.form is None:
            return ()
        letters = _letters(self.form)
        bars = 8 if self.bars is None else self.bars
        if isinstance(bars, int | str):
            counts = [bars] * len(letters)
        else:
            counts = list(bars)
            if len(counts) != len(letters):
                raise ValueError(
                    f"`bars` must be one number, or one for each of the "
                    f"{len(letters)} sections of `form` {self.form!r}; received "
                    f"{self.bars!r}."
                )
        for count in counts:
            if type(count) is not int or not 1 <= count <= MOST_BARS:
                raise ValueError(
                    f"`bars` must be from 1 to {MOST_BARS}; received {self.bars!r}."
                )
        return tuple(
            (count, self.form.count(letter) == 2)
            for count, letter in zip(counts, letters, strict=True)
        )

    @property
    def range(self) -> tuple[int, int]:
        """The lowest and the highest MIDI note."""
        low, high = self.lowest, self.highest
        if self.instrument is not None:
            for name, given in (("lowest", low), ("highest", high)):
                if given is not None:
                    raise ValueError(
                        f"`instrument` and `{name}` collide: both say what the "
                        f"{name} note is."
                    )
            if self.instrument not in INSTRUMENTS:
                raise ValueError(
                    f"`instrument` must be one of {', '.join(INSTRUMENTS)}; received "
                    f"{self.instrument!r}."
                )
            low, high = INSTRUMENTS[self.instrument]
        bottom = 0 if low is None else midi_of(low, "lowest")
        top = HIGHEST if high is None else midi_of(high, "highest")
        if top - bottom < FIFTH:
            raise ValueError(
                f"`lowest` and `highest` collide: from {low} to {high} it must be a "
                f"fifth at least."
            )
        return bottom, top


def midi_of(pitch: str, name: str) -> int:
    """The MIDI number of a pitch such as "F#4"."""
    match = _PITCH.fullmatch(pitch) if isinstance(pitch, str) else None
    midi = -1
    if match:
        letter, sign, octave = match.groups()
        midi = 12 * (int(octave) + 1) + SEMITONES[LETTERS.index(letter)]
        midi += {"#": 1, "b": -1}.get(sign, 0)
    if not 0 <= midi <= HIGHEST:
        raise ValueError(
            f"`{name}` must be a note and its octave, such as 'D4', 'F#3' or 'Bb5'; "
            f"received {pitch!r}."
        )
    return midi


def tonic_of(key: str) -> tuple[int, int] | None:
    """Number of a key's letter, and what alters it; None where it has no tonic."""
    tonic = key_signature(key).tonic
    if tonic is None:
        return None
    return LETTERS.index(tonic[0]), {"#": 1, "b": -1}.get(tonic[1:], 0)


def _letters(form: str) -> list[str]:
    """The sections of a form, each once."""
    if not isinstance(form, str) or not re.fullmatch("[A-Z]+", form):
        raise ValueError(
            f"`form` must be capital letters such as 'AABB'; received {form!r}."
        )
    order = list(dict.fromkeys(form))
    said = f"; received {form!r}."
    for letter in order:
        first, last = form.index(letter), form.rindex(letter)
        if set(form[first : last + 1]) != {letter}:
            raise ValueError(
                "`form` must not go back to a section, as there is no sign for it: "
                f"{letter!r} comes again in {form!r}" + said
            )
        if form.count(letter) > 2:
            raise ValueError(
                f"`form` must have a section twice at most, as a repeat sign plays it: "
                f"{letter!r} comes {form.count(letter)} times" + said
            )
    if order != [chr(ord("A") + i) for i in range(len(order))]:
        raise ValueError("`form` must have its letters in order, from A" + said)
    if len(order) > MOST_SECTIONS:
        raise ValueError(f"`form` must have {MOST_SECTIONS} sections at most" + said)
    return order
