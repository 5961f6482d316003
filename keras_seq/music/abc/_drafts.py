"""Notes and bars while they are being read, before they are final."""

from dataclasses import dataclass, field
from fractions import Fraction

from keras_seq.music.abc._key import Key
from keras_seq.music.abc._meter import Meter
from keras_seq.music.abc._problems import Place
from keras_seq.music.abc._staff import Head
from keras_seq.music.abc._tune import Bar, Note

ZERO = Fraction(0)


@dataclass(slots=True)
class Sound:
    """A note, chord or rest (which has no heads) whose length may still change."""

    place: Place
    length: Fraction
    heads: tuple[Head, ...] = ()
    letter: str = ""
    accidental: str = ""
    grace: bool = False
    tie: bool = False
    layer: int = 0

    def freeze(self, onset: Fraction, bar: int, voice: str) -> Note:
        """The note as it will remain."""
        return Note(
            pitch=self.heads[0].pitch if self.heads else None,
            length=self.length,
            onset=onset,
            bar=bar,
            voice=voice,
            layer=self.layer,
            line=self.place[0],
            column=self.place[1],
            pitches=tuple([head.pitch for head in self.heads]),
            letter=self.letter,
            accidental=self.accidental,
            in_key=all([head.in_key for head in self.heads]),
            tie=self.tie,
            grace=self.grace,
        )


@dataclass(slots=True)
class Boundary:
    """What stands between two bars.

    Args:
        symbols: The bar symbols, in order.
        repeat_end: How often the music before it is played again.
        repeat_start: Whether a repeated section starts after it.
        section: Whether a section starts after it: there is a repeat or a
            double bar.
        part: Whether a part starts after it.
        ending: Whether a variant ending starts after it.
    """

    symbols: list[str] = field(default_factory=list)
    repeat_end: int = 0
    repeat_start: bool = False
    section: bool = False
    part: bool = False
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
    """A bar whose notes are still coming, with the boundaries at both sides.

    `timed` tells whether it has more than grace notes, `layer` which overlay is
    being read, `measures` how many bars of the meter it stands for, `lengths`
    how long its layers are.
    """

    before: Boundary
    meter: Meter | None
    key: Key
    endings: tuple[int, ...]
    part: str
    after: Boundary = field(default_factory=Boundary)
    sounds: list[Sound] = field(default_factory=list)
    timed: bool = False
    layer: int = 0
    measures: int = 1
    full_at_line_end: bool = False
    signs: list[str] = field(default_factory=list)
    ending_place: Place | None = None
    lengths: list[Fraction] = field(default_factory=list)
    complete: bool = True
    _counted: int = 0
    _elapsed: Fraction = ZERO

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
        """Whether a section or part starts with the bar."""
        return self.before.section or self.before.part

    @property
    def repeat_bound(self) -> bool:
        """Whether a repeat without start goes back to the bar at most."""
        return self.before.section

    @property
    def length(self) -> Fraction:
        """Length of the bar's first layer, as a fraction of a whole note."""
        return self.lengths[0]

    @property
    def expected(self) -> Fraction | None:
        """Length that the meter asks for; None in free meter."""
        return self.meter.length * self.measures if self.meter else None

    def add(self, sound: Sound) -> None:
        """Appends a note, chord or rest."""
        sound.layer = self.layer
        self.timed |= not sound.grace
        self.sounds.append(sound)

    def end_line(self) -> None:
        """Notes whether the bar is just full at the end of a line."""
        if self.timed and self.meter and not self.layer:
            for sound in self.sounds[self._counted :]:
                self._elapsed += ZERO if sound.grace else sound.length
            self._counted = len(self.sounds)
            self.full_at_line_end = self._elapsed == self.expected

    def start_measure(self) -> None:
        """Makes the bar stand for one more bar of the meter."""
        self.full_at_line_end = False
        self.measures += 1

    def close(self) -> None:
        """Sums the lengths of the bar's layers."""
        self.lengths = [ZERO] * (self.sounds[-1].layer + 1)
        for sound in self.sounds:
            if not sound.grace:
                self.lengths[sound.layer] += sound.length

    def freeze(self, voice: str, bars: list[Bar], notes: list[Note]) -> None:
        """Appends the bar and its notes as they will remain."""
        index = len(bars)
        before, after = self.before.symbols, self.after.symbols
        line, column = self.sounds[0].place
        bars.append(
            Bar(
                index=index,
                voice=voice,
                length=self.length,
                expected_length=self.expected,
                complete=self.complete,
                meter=self.meter,
                key=self.key,
                start=before[-1] if before else "",
                end=after[0] if after else "",
                repeat_start=self.repeat_start,
                repeat_end=self.repeat_end,
                section_start=self.section_start,
                endings=self.endings,
                part=self.part,
                repeat_bound=self.repeat_bound,
                signs=tuple(dict.fromkeys(self.signs)),
                line=line,
                column=column,
            )
        )
        onset, layer = ZERO, 0
        for sound in self.sounds:
            if sound.layer != layer:
                onset, layer = ZERO, sound.layer
            notes.append(sound.freeze(onset, index, voice))
            if not sound.grace:
                onset += sound.length
