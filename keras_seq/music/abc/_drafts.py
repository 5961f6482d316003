"""Notes and bars while they are being read, before they are final."""

from dataclasses import dataclass, field
from fractions import Fraction

from keras_seq.music.abc._key import Key
from keras_seq.music.abc._meter import Meter
from keras_seq.music.abc._tune import Bar, Note

ZERO = Fraction(0)


@dataclass(slots=True)
class Sound:
    """A note, chord or rest whose length may still change.

    `places` are the places on the staff (seven to the octave) with their
    alterations: a tie carries them over to the next note. `layer` counts the
    overlays (`&`) of the bar.
    """

    line: int
    column: int
    length: Fraction
    pitches: tuple[int, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    letter: str = ""
    accidental: str = ""
    in_key: bool = True
    grace: bool = False
    tie: bool = False
    layer: int = 0


@dataclass(slots=True)
class Boundary:
    """What stands between two bars.

    Args:
        symbols: The bar symbols, in order.
        repeat_end: How often the music before it is played again.
        repeat_start: Whether a repeated section starts after it.
        section: Whether it ends a section: a repeat or a double bar.
        ending: Whether a variant ending starts after it.
    """

    symbols: list[str] = field(default_factory=list)
    repeat_end: int = 0
    repeat_start: bool = False
    section: bool = False
    ending: bool = False

    def add(self, symbol: str) -> None:
        """Adds a bar symbol."""
        self.symbols.append(symbol)
        if symbol == "|":
            return
        line = symbol.lstrip(".")
        before = len(line) - len(line.lstrip(":"))
        after = len(line) - len(line.rstrip(":"))
        bare = line.strip(":")
        if not bare:
            # `::` is short for `:|` and `|:`.
            before = after = before - 1
        elif ":" in bare:
            before, after = max(before, 1), max(after, 1)
        self.repeat_end = max(self.repeat_end, before)
        self.repeat_start |= after > 0
        self.section |= before + after > 0 or (len(bare) > 1 and bare != "[|]")


@dataclass(slots=True)
class BarDraft:
    """A bar whose notes are still coming, with the boundaries at both sides."""

    before: Boundary
    meter: Meter | None
    key: Key
    endings: tuple[int, ...]
    part: str
    after: Boundary = field(default_factory=Boundary)
    sounds: list[Sound] = field(default_factory=list)
    timed: bool = False
    measures: int = 1
    lengths: list[Fraction] = field(default_factory=list)
    complete: bool = True

    @property
    def repeat_start(self) -> bool:
        """Whether a repeated section starts with the bar."""
        return self.before.repeat_start

    @property
    def repeat_end(self) -> int:
        """How often the section that ends with the bar is played again."""
        return self.after.repeat_end

    @property
    def section_start(self) -> bool:
        """Whether a section starts with the bar."""
        return self.before.section

    @property
    def length(self) -> Fraction:
        """Length of the bar's first layer, as a fraction of a whole note."""
        return self.lengths[0]

    @property
    def expected(self) -> Fraction | None:
        """Length that the meter asks for; None in free meter."""
        return self.meter.length * self.measures if self.meter else None

    def close(self) -> None:
        """Sums the lengths of the bar's layers."""
        self.lengths = [ZERO] * (self.sounds[-1].layer + 1)
        for sound in self.sounds:
            if not sound.grace:
                self.lengths[sound.layer] += sound.length

    def freeze(self, voice: str, bars: list[Bar], notes: list[Note]) -> None:
        """Appends the bar and its notes as they will remain."""
        before, after, index = self.before, self.after, len(bars)
        bars.append(
            Bar(
                index=index,
                voice=voice,
                length=self.length,
                expected_length=self.expected,
                complete=self.complete,
                meter=self.meter,
                key=self.key,
                start=before.symbols[-1] if before.symbols else "",
                end=after.symbols[0] if after.symbols else "",
                repeat_start=self.repeat_start,
                repeat_end=self.repeat_end,
                section_start=self.section_start,
                endings=self.endings,
                part=self.part,
                line=self.sounds[0].line,
                column=self.sounds[0].column,
            )
        )
        onset, layer = ZERO, 0
        for sound in self.sounds:
            if sound.layer != layer:
                onset, layer = ZERO, sound.layer
            notes.append(
                Note(
                    pitch=sound.pitches[0] if sound.pitches else None,
                    length=sound.length,
                    onset=onset,
                    bar=index,
                    voice=voice,
                    line=sound.line,
                    column=sound.column,
                    pitches=sound.pitches,
                    letter=sound.letter,
                    accidental=sound.accidental,
                    in_key=sound.in_key,
                    tie=sound.tie,
                    grace=sound.grace,
                )
            )
            if not sound.grace:
                onset += sound.length
