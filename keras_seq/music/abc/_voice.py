"""One voice of a tune: pitches, lengths and bars as the music goes by."""

from fractions import Fraction
from functools import lru_cache

from keras_seq.music.abc._drafts import ZERO, BarDraft, Boundary, Sound
from keras_seq.music.abc._key import ACCIDENTALS, LETTERS, SEMITONES, Key
from keras_seq.music.abc._meter import Meter
from keras_seq.music.abc._order import MOST_PASSES
from keras_seq.music.abc._problems import Problems, shortened

_MIDDLE_C = 60
# Lengths beyond these have no notation, and sums of fractions with ever larger
# denominators would take ever longer.
_SHORTEST = 512
_LONGEST = 9999


class Voice:
    """The state of a voice, and the bars that it has read.

    Args:
        name: Its name in the V: field, `""` in a tune without V: fields.
        key: Key signature at the start.
        meter: Meter at the start.
        unit: Unit length at the start.
        shift: Semitones by which it sounds higher than written.
        propagation: How far an accidental reaches in its bar: `"not"`,
            `"octave"` or `"pitch"` (standard, section 11.3).
        problems: Where problems are noted.
    """

    def __init__(
        self,
        name: str,
        *,
        key: Key,
        meter: Meter | None,
        unit: Fraction,
        shift: int,
        propagation: str,
        problems: Problems,
    ):
        self.name = name
        self.unit = unit
        self.shift = shift
        self.bars: list[BarDraft] = []
        self.slurs: list[tuple[int, int]] = []
        self._propagation = propagation
        self._problems = problems
        self._meter = meter
        self._part = ""
        self._endings: tuple[int, ...] = ()
        self._altered: dict[int, int] = {}
        self._tied: dict[int, int] = {}
        self._tie_at = (0, 0)
        self._last: Sound | None = None
        self._layer = 0
        self._counted = 0
        self._elapsed = ZERO
        self._full_at_line_end = False
        self._broken: tuple[Fraction, int, int] | None = None
        self._tuplet = Fraction(1)
        self._tuplet_left = 0
        self._tuplet_at = (0, 0)
        self._bar = BarDraft(Boundary(), meter, key, (), "")
        self.set_key(key)

    # Fields among the music.

    def set_key(self, key: Key) -> None:
        """Changes the key signature from here on."""
        self._key = key
        self._scale = key.pitch_classes
        if not self._bar.timed:
            self._bar.key = key

    def set_meter(self, meter: Meter | None) -> None:
        """Changes the meter: of this bar if it is still empty, else of the next."""
        self._meter = meter
        if not self._bar.timed:
            self._bar.meter = meter

    @property
    def meter(self) -> Meter | None:
        """The meter in force."""
        return self._meter

    def set_part(self, part: str) -> None:
        """Starts a part of the tune (P: field)."""
        self._part = part
        if not self._bar.timed:
            self._bar.part = part
            self._bar.before.section = True

    # Notes.

    def sound(
        self,
        line: int,
        column: int,
        letter: str,
        accidental: str | None,
        octave: str,
        length: str,
    ) -> Sound:
        """Makes a note; `add` puts it into the bar."""
        index = LETTERS.index(letter.upper())
        octaves = letter.islower() + octave.count("'") - octave.count(",")
        place = 7 * octaves + index
        reach = place if self._propagation == "octave" else index
        if accidental:
            alteration = ACCIDENTALS[accidental]
            if self._propagation != "not":
                self._altered[reach] = alteration
        elif reach in self._altered:
            alteration = self._altered[reach]
        elif place in self._tied:
            alteration = self._tied[place]
        else:
            alteration = self._key.alterations[index]
        written = _MIDDLE_C + 12 * octaves + SEMITONES[index] + alteration
        pitch = written + self.shift
        if not 0 <= pitch <= 127:
            self._problems.error(
                line,
                column,
                "pitch-range",
                f"expected a pitch from MIDI number 0 to 127, came {pitch}",
            )
            pitch = min(max(pitch, 0), 127)
        return Sound(
            line,
            column,
            self.length(length, line, column),
            (pitch,),
            ((place, alteration),),
            letter.upper(),
            accidental or "",
            written % 12 in self._scale,
        )

    def length(self, text: str, line: int, column: int) -> Fraction:
        """Reads a note length such as `3/2` or `//`, times the unit length."""
        if not text:
            return self.unit
        factor = length_factor(text)
        if factor is None:
            self._problems.error(
                line,
                column,
                "length",
                f"expected a note length from 1/{_SHORTEST} to {_LONGEST}, "
                f"came {shortened(text)}",
            )
            return self.unit
        return self.unit * factor

    def add(self, sound: Sound) -> None:
        """Puts a note, chord or rest into the bar; tuplets change its length."""
        if self._full_at_line_end:
            self._full_at_line_end = False
            self._bar.measures += 1
            self._problems.warning(
                sound.line,
                sound.column,
                "missing-bar-line",
                "expected a bar line between this full bar's end and the line's, "
                "came none",
            )
        if self._tuplet_left:
            sound.length *= self._tuplet
            self._tuplet_left -= 1
        if self._broken:
            sound.length *= self._broken[0]
            self._broken = None
        if self._tied:
            if not any(place in self._tied for place, _ in sound.places):
                self._problems.warning(
                    *self._tie_at,
                    "tie",
                    "expected the next note to have the tied pitch",
                )
            self._tied = {}
        sound.layer = self._layer
        self._last = sound
        self._bar.timed = True
        self._bar.sounds.append(sound)

    def add_grace(self, sound: Sound) -> None:
        """Puts a grace note into the bar; it takes no time."""
        sound.grace = True
        sound.layer = self._layer
        self._bar.sounds.append(sound)

    def add_measures(self, line: int, column: int, count: int) -> None:
        """Puts a rest of whole bars into the bar."""
        if not self._bar.timed:
            self._bar.measures = count
        full = self._meter.length if self._meter else Fraction(1)
        self.add(Sound(line, column, full * count))

    def tie(self, line: int, column: int, places: tuple[tuple[int, int], ...]) -> None:
        """Ties the last note, or the given places of it, to the next."""
        if self._last is None:
            self._problems.error(
                line, column, "tie", "expected a note before '-', came none"
            )
            return
        if not self._last.pitches:
            self._problems.warning(
                line, column, "tie", "expected a note before '-', came a rest"
            )
            return
        self._last.tie = True
        self._tied = dict(places or self._last.places)
        self._tie_at = (line, column)

    def break_rhythm(self, line: int, column: int, mark: str) -> None:
        """Lengthens the last note and shortens the next (`>`), or the reverse."""
        if len(mark) > 3 or self._last is None or self._broken:
            came = shortened(mark) if self._last and not self._broken else "none before"
            self._problems.error(
                line,
                column,
                "broken-rhythm",
                f"expected '>', '>>', '>>>' or '<' between two notes, came {came}",
            )
            return
        short = Fraction(1, 2 ** len(mark))
        factors = (2 - short, short) if mark[0] == ">" else (short, 2 - short)
        self._last.length *= factors[0]
        self._broken = (factors[1], line, column)

    def start_tuplet(self, line: int, column: int, p: int, q: int, r: int) -> None:
        """Lets the next `r` notes take `q / p` of their length; 0 is the default."""
        self._check_tuplet("another tuplet")
        default = 3 if self._meter and self._meter.compound else 2
        q = q or {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, default)
        self._tuplet = Fraction(q, p)
        self._tuplet_left = r or p
        self._tuplet_at = (line, column)

    def end_line(self) -> None:
        """Notes whether the bar is just full, and lacks but its bar line.

        Many transcribers leave out the bar line at the end of a line of music.
        """
        bar = self._bar
        if bar.timed and self._meter and not self._layer:
            for sound in bar.sounds[self._counted :]:
                self._elapsed += ZERO if sound.grace else sound.length
            self._counted = len(bar.sounds)
            self._full_at_line_end = self._elapsed == bar.expected

    def overlay(self, line: int, column: int, marks: str) -> None:
        """Goes back to the start of the bar for a voice over the first."""
        if len(marks) > 1 or not self._bar.timed:
            self._problems.warning(
                line,
                column,
                "overlay",
                f"expected one '&' after the notes of a bar, came {shortened(marks)}; "
                "overlays of several bars are not read",
            )
        if self._last:
            self._layer += 1
        self._check_broken("'&'")
        self._last = None
        self._altered.clear()

    # Bars.

    def bar_line(self, line: int, column: int, symbol: str) -> None:
        """Ends the bar, or where it is still empty adds to the boundary before."""
        if self._bar.timed:
            self._close_bar()
        boundary = self._bar.before
        boundary.add(symbol)
        if boundary.repeat_end >= MOST_PASSES:
            self._problems.error(
                line,
                column,
                "repeat",
                f"expected at most {MOST_PASSES} playings, came {shortened(symbol)}",
            )
            boundary.repeat_end = 1
        if boundary.section:
            self._endings = self._bar.endings = ()
        if boundary.repeat_end:
            # A tie into a repeat may lead to either of two notes.
            self._tied = {}
        self._altered.clear()

    def start_ending(self, line: int, column: int, text: str) -> None:
        """Starts a variant ending."""
        numbers = _ending_numbers(text)
        if not numbers:
            self._problems.error(
                line,
                column,
                "ending",
                f"expected ending numbers from 1 to {MOST_PASSES} such as 1 or 1,3 or "
                f"1-3, came {shortened(text)}",
            )
            return
        if self._bar.timed:
            self._close_bar()
        self._bar.before.ending = True
        self._endings = self._bar.endings = numbers

    def finish(self) -> None:
        """Ends the voice's last bar and notes what was left open."""
        if self._bar.timed:
            self._close_bar()
        elif self._bar.sounds:
            first = self._bar.sounds[0]
            self._problems.warning(
                first.line,
                first.column,
                "grace",
                "expected a note after the grace notes, came the end of the tune",
            )
        self._check_tuplet("the end of the tune")
        if self._tied:
            self._problems.warning(
                *self._tie_at,
                "tie",
                "expected a note to tie to, came the end of the tune",
            )
        for place in self.slurs:
            self._problems.warning(
                *place, "slur", "expected ')' to end the slur, came the end of the tune"
            )

    def _close_bar(self) -> None:
        self._check_broken("a bar line")
        bar = self._bar
        bar.close()
        self.bars.append(bar)
        self._bar = BarDraft(
            bar.after, self._meter, self._key, self._endings, self._part
        )
        self._layer = 0
        self._last = None
        self._counted, self._elapsed = 0, ZERO
        self._full_at_line_end = False

    def _check_broken(self, came: str) -> None:
        if self._broken:
            self._problems.error(
                *self._broken[1:],
                "broken-rhythm",
                f"expected a note after the broken rhythm, came {came}",
            )
            self._broken = None

    def _check_tuplet(self, came: str) -> None:
        if self._tuplet_left:
            self._problems.error(
                *self._tuplet_at,
                "tuplet",
                f"expected {self._tuplet_left} more in the tuplet, came {came}",
            )
            self._tuplet_left = 0


@lru_cache(maxsize=1024)
def length_factor(text: str) -> Fraction | None:
    """Reads `3`, `3/2`, `/4`, `/` or `//`; None where it is out of range."""
    over, slash, under = text.partition("/")
    if max(len(over), len(under)) > 9:
        return None
    dividend = int(over or 1)
    if not slash:
        divisor = 1
    elif under.isdecimal():
        divisor = int(under)
    else:
        divisor = 2 ** (len(under) + 1)
    if not (1 <= dividend <= _LONGEST and 1 <= divisor <= _SHORTEST):
        return None
    return Fraction(dividend, divisor)


def _ending_numbers(text: str) -> tuple[int, ...]:
    """Expands `1,3-5`; empty where it is no list of numbers that are played."""
    numbers: list[int] = []
    for term in text.split(","):
        first, dash, last = term.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and len(first + last) <= 4):
            return ()
        numbers.extend(range(int(first), int(last) + 1))
        if len(numbers) > MOST_PASSES:
            return ()
    if not numbers or not 1 <= min(numbers) <= max(numbers) <= MOST_PASSES:
        return ()
    return tuple(numbers)
