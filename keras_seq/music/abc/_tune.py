"""A tune that has been read: its notes, its bars, the order of playing."""

from dataclasses import dataclass
from fractions import Fraction

from keras_seq.extras import notebook_card
from keras_seq.music.abc._jumps import follow_signs
from keras_seq.music.abc._key import Key
from keras_seq.music.abc._meter import Meter, Tempo
from keras_seq.music.abc._order import play_parts


@dataclass(frozen=True, slots=True)
class Note:
    """A note, a chord or a rest.

    Args:
        pitch: MIDI number as sounded (middle C, written `C`, is 60); of a chord
            its first note; None for a rest.
        length: Length as sounded, as a fraction of a whole note: unit length,
            tuplets and broken rhythm are applied. A grace note has the length
            that is written, but takes no time in its bar.
        onset: Where in its bar it starts, as a fraction of a whole note.
        bar: Index of its bar in `Tune.bars`.
        voice: Name of its voice, `""` in a tune without V: fields.
        layer: 0, or the number of the overlay (`&`) in its bar.
        line: Line in the text, from 1.
        column: Column in the line, from 1.
        pitches: MIDI numbers of all notes of a chord, as written; of a note
            `(pitch,)`; of a rest `()`.
        letter: `"C"` to `"B"` as written (of a chord its first), `""` of a rest.
        accidental: Accidental as written: `"^^"`, `"^"`, `"="`, `"_"`, `"__"`
            or `""`.
        in_key: Whether every pitch belongs to the key signature in force; true
            for rests.
        tie: Whether it is tied to the next note.
        grace: Whether it is a grace note.
    """

    pitch: int | None
    length: Fraction
    onset: Fraction
    bar: int
    voice: str
    layer: int
    line: int
    column: int
    pitches: tuple[int, ...] = ()
    letter: str = ""
    accidental: str = ""
    in_key: bool = True
    tie: bool = False
    grace: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar symbols.

    Args:
        index: Its place in `Tune.bars`.
        voice: Name of its voice, `""` in a tune without V: fields.
        length: Sum of its notes, as a fraction of a whole note.
        expected_length: What the meter asks for; None in free meter.
        complete: Whether its length is right: that of the meter, or a part of
            it that the neighbouring bars complete; true in free meter.
        meter: The meter in force, None for free meter.
        key: The key signature in force at its start.
        start: Bar symbol before it (`"|:"`, `"||"`, ...), `""` at the start.
        end: Bar symbol after it, `""` where the music ends without one.
        repeat_start: Whether a repeated section starts with it.
        repeat_end: How often the section that ends with it is played again:
            0, 1 after `:|`, 2 after `::|`.
        section_start: Whether a section starts with it: after a repeat or a
            double bar, or at the start of a part.
        endings: Numbers of the variant ending that it belongs to, else `()`.
        part: Label of the part (P: field) that it belongs to, else `""`.
        repeat_bound: Whether a repeat sign without start goes back to it at most:
            after a repeat or a double bar.
        signs: The signs at it that send the player elsewhere: `"segno"` and
            `"coda"` at its start; `"to coda"`, `"fine"`, `"D.C."`, `"D.S."` and
            `"fermata"` at its end.
        line: Line of its first note, from 1.
        column: Column of its first note, from 1.
    """

    index: int
    voice: str
    length: Fraction
    expected_length: Fraction | None
    complete: bool
    meter: Meter | None
    key: Key
    start: str
    end: str
    repeat_start: bool
    repeat_end: int
    section_start: bool
    endings: tuple[int, ...]
    part: str
    line: int
    column: int
    repeat_bound: bool = False
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tune:
    r"""A tune in ABC notation, as read.

    Args:
        reference: The X: number, 0 where it is missing or empty.
        titles: All T: fields of the header.
        meter: The M: field of the header, None for free meter.
        unit_length: The L: field of the header, or its default.
        key: The K: field of the header.
        tempo: The Q: field of the header, None where there is none.
        parts: The P: field of the header, the order of the parts, else `""`.
        headers: All fields of the header as `(letter, value, line)`.
        voices: Names of the voices, in the order of their first music.
        bars: All bars, voice after voice.
        notes: All notes, in the order of `bars`.

    Example:

    >>> from keras_seq.music.abc import parse
    >>> tune = parse("X:7\nT:Scale\nM:2/4\nL:1/8\nK:D\nD>E FG|A2 z2|]")
    >>> tune.title, tune.key.tonic, str(tune.meter)
    ('Scale', 'D', '2/4')
    >>> [str(note.length) for note in tune.notes]
    ['3/16', '1/16', '1/8', '1/8', '1/4', '1/4']
    >>> [bar.end for bar in tune.bars]
    ['|', '|]']
    """

    reference: int
    titles: tuple[str, ...]
    meter: Meter | None
    unit_length: Fraction
    key: Key
    tempo: Tempo | None
    parts: str
    headers: tuple[tuple[str, str, int], ...]
    voices: tuple[str, ...]
    bars: tuple[Bar, ...]
    notes: tuple[Note, ...]

    def __repr__(self) -> str:
        meter = str(self.meter) if self.meter else "free meter"
        key = f"{self.key.tonic or 'key'} {self.key.mode}"
        size = f"{len(self.bars)} bars, {len(self.notes)} notes"
        return f"Tune({self.title[:60]!r}, {meter}, {key}, {size})"

    def _repr_html_(self) -> str:
        fields = [(f"{letter}:", value) for letter, value, _ in self.headers]
        size = [("bars", len(self.bars)), ("notes", len(self.notes))]
        return notebook_card(repr(self), [*fields, *size])

    @property
    def title(self) -> str:
        """The first title, `""` where there is none."""
        return self.titles[0] if self.titles else ""

    def playing_order(self, voice: str | None = None) -> tuple[Bar, ...]:
        r"""Bars in the order in which they are played.

        Args:
            voice: Name of a voice; by default the first.

        Returns:
            The voice's bars with repeats, variant endings, D.C. and D.S. written
            out, or the parts in their order where a P: field in the header gives it.

        Raises:
            ValueError: If the tune has no such voice.

        Example:

        >>> from keras_seq.music.abc import parse
        >>> tune = parse("X:1\nM:2/4\nL:1/4\nK:C\n|: CD |1 EF :|2 GA |]")
        >>> [bar.index for bar in tune.playing_order()]
        [0, 1, 0, 2]
        """
        if voice is None:
            voice = self.voices[0] if self.voices else ""
        elif voice not in self.voices:
            raise ValueError(
                f"voice: expected one of {list(self.voices)}, came {voice!r}"
            )
        bars = [bar for bar in self.bars if bar.voice == voice]
        order = list(play_parts(bars, self.parts))
        if not order:
            # Signs stand above the first voice, for all.
            first = [bar for bar in self.bars if bar.voice == self.voices[0]]
            signed = len(first) == len(bars) and not any(bar.signs for bar in bars)
            order = list(follow_signs(first if signed else bars))
        return tuple(bars[index] for index in order)
