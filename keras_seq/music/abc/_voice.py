"""One voice of a tune: its notes and bars as the music goes by."""

from fractions import Fraction

from keras_seq.music.abc._drafts import BarDraft, Boundary, Sound
from keras_seq.music.abc._jumps import AT_START
from keras_seq.music.abc._key import Key
from keras_seq.music.abc._meter import Meter
from keras_seq.music.abc._order import MOST_PASSES
from keras_seq.music.abc._problems import Place, Problems, shortened
from keras_seq.music.abc._rhythm import Rhythm
from keras_seq.music.abc._staff import Head, Staff


class Voice:
    """The state of a voice, and the bars that it has read.

    Args:
        name: Its name in the V: field, `""` in a tune without V: fields.
        staff: What decides its pitches.
        rhythm: What decides its lengths.
        meter: Meter at the start.
        problems: Where problems are noted.
    """

    def __init__(
        self,
        name: str,
        staff: Staff,
        rhythm: Rhythm,
        meter: Meter | None,
        problems: Problems,
    ):
        self.name = name
        self.staff = staff
        self.rhythm = rhythm
        self.bars: list[BarDraft] = []
        self._problems = problems
        self._meter = meter
        self._part = ""
        self._endings: tuple[int, ...] = ()
        self._last: Sound | None = None
        self._tie_place: Place | None = None
        self._slurs: list[Place] = []
        self._signs: list[tuple[str, Place]] = []
        self._signs_on: list[tuple[str, Place, int]] = []
        self._bar = BarDraft(Boundary(), meter, staff.key, (), "")

    # Fields among the music: they change this bar if it is still empty.

    @property
    def meter(self) -> Meter | None:
        """The meter in force."""
        return self._meter

    def set_meter(self, meter: Meter | None) -> None:
        """Changes the meter."""
        self._meter = meter
        if not self._bar.timed:
            self._bar.meter = meter

    def set_key(self, key: Key) -> None:
        """Changes the key signature."""
        self.staff.key = key
        if not self._bar.timed:
            self._bar.key = key

    def set_part(self, part: str) -> None:
        """Starts a part of the tune."""
        self._part = part
        if not self._bar.timed:
            self._bar.part = part
            self._bar.before.part = True

    # Notes.

    def add(self, sound: Sound) -> None:
        """Puts a note, chord or rest into the bar."""
        if self._bar.full_at_line_end:
            self._bar.start_measure()
            self._problems.warning(
                sound.place,
                "missing-bar-line",
                "expected a bar line between this note and the full bar on the line "
                "before, came none",
            )
        self.rhythm.apply(sound)
        if self._tie_place:
            if not self.staff.take_tie(sound.heads):
                self._problems.warning(
                    self._tie_place, "tie", "expected the next note to be the tied one"
                )
            self._tie_place = None
        self._last = sound
        for sign, place in self._signs:
            self._signs_on.append((sign, place, len(self._bar.sounds)))
        self._signs.clear()
        self._bar.add(sound)

    def sign(self, sign: str, place: Place) -> None:
        """Notes a sign that sends the player elsewhere, before a note or bar line."""
        self._signs.append((sign, place))

    def add_grace(self, sound: Sound) -> None:
        """Puts a grace note into the bar; it takes no time."""
        sound.grace = True
        self._bar.add(sound)

    def add_measures(self, count: int, place: Place) -> None:
        """Puts a rest of whole bars into the bar."""
        if not self._bar.timed:
            self._bar.measures = count
        full = self._meter.length if self._meter else Fraction(1)
        self.add(Sound(place, full * count))

    def break_rhythm(self, mark: str, place: Place) -> None:
        """Makes the last note longer and the next shorter, or the reverse."""
        self.rhythm.break_after(self._last, mark, place)

    def tie(self, place: Place, heads: tuple[Head, ...] = ()) -> None:
        """Ties the last note, or the given heads of it, to the next."""
        if self._last is None:
            self._problems.error(place, "tie", "expected a note before '-', came none")
        elif not self._last.heads:
            self._problems.warning(
                place, "tie", "expected a note before '-', came a rest"
            )
        else:
            self._last.tie = True
            self.staff.tie(heads or self._last.heads)
            self._tie_place = place

    def open_slur(self, place: Place) -> None:
        """Starts a slur."""
        self._slurs.append(place)

    def close_slur(self, place: Place) -> None:
        """Ends the slur that was started last."""
        if not self._slurs:
            self._problems.warning(place, "slur", "expected '(' before ')', came none")
            return
        self._slurs.pop()

    # Bars.

    def bar_line(self, symbol: str, place: Place) -> None:
        """Ends the bar, or where it is still empty adds to the boundary before."""
        if self._bar.timed:
            self._close_bar()
        boundary = self._bar.before
        boundary.add(symbol)
        self._place_signs(at_section=boundary.section)
        if boundary.repeat_end >= MOST_PASSES:
            self._problems.error(
                place,
                "repeat",
                f"expected at most {MOST_PASSES} playings, came {shortened(symbol)}",
            )
            boundary.repeat_end = 1
        if boundary.section:
            self._endings = self._bar.endings = ()
        if boundary.repeat_end:
            # What a tie at the end of a repeat leads to depends on the playing.
            self._tie_place = None
            self.staff.take_tie(())
        self.staff.end_bar()

    def start_ending(self, text: str, place: Place) -> None:
        """Starts a variant ending."""
        numbers = _ending_numbers(text)
        if not numbers:
            self._problems.error(
                place,
                "ending",
                f"expected ending numbers from 1 to {MOST_PASSES} such as 1 or 1,3 or "
                f"1-3, came {shortened(text)}",
            )
            return
        if self._bar.timed:
            self._close_bar()
        self._bar.before.ending = True
        self._bar.ending_place = place
        self._endings = self._bar.endings = numbers

    def overlay(self, marks: str, place: Place) -> None:
        """Goes back to the start of the bar for a voice over the first."""
        if len(marks) > 1 or self._last is None:
            self._problems.warning(
                place,
                "overlay",
                f"expected one '&' after the notes of a bar, came {shortened(marks)}; "
                "overlays of several bars are not read",
            )
        if self._last:
            self._bar.layer += 1
        self.rhythm.end_bar("'&'")
        self.staff.end_bar()
        self._last = None

    def end_line(self) -> None:
        """Notes whether the line ends with a full bar.

        Many transcribers leave out the bar line at the end of a line of music.
        """
        self._bar.end_line()

    def finish(self) -> None:
        """Ends the voice's last bar and notes what was left open."""
        came = "came the end of the tune"
        if self._bar.timed:
            self._close_bar()
        elif self._bar.sounds:
            self._problems.warning(
                self._bar.sounds[0].place, "grace", f"expected a note, {came}"
            )
        self._place_signs(at_section=True)
        self.rhythm.end("the end of the tune")
        if self._tie_place:
            self._problems.warning(
                self._tie_place, "tie", f"expected a note to tie to, {came}"
            )
        for place in self._slurs:
            self._problems.warning(
                place, "slur", f"expected ')' to end the slur, {came}"
            )

    def _place_signs(self, *, at_section: bool) -> None:
        """Places the signs that stand before a bar line."""
        for sign, _ in self._signs:
            if sign in AT_START:
                self._bar.signs.append(sign)
            elif self.bars and (at_section or sign != "fermata"):
                self.bars[-1].signs.append(sign)
        self._signs.clear()

    def _place_signs_on_notes(self) -> list[str]:
        """Places the signs above the notes of the bar; those of the next are left."""
        bar, following = self._bar, []
        timed = [index for index, sound in enumerate(bar.sounds) if not sound.grace]
        heads = [index for index in timed if bar.sounds[index].heads]
        final = heads[-1] if heads else timed[0]
        for sign, place, index in self._signs_on:
            more, late = index < final, index > timed[0]
            if sign == "fermata":
                continue
            if late if sign == "segno" else more and (late or sign != "coda"):
                where = "start" if sign == "segno" else "end"
                self._problems.warning(
                    place,
                    "sign",
                    f"expected {sign} at the {where} of a bar, came within one; it is "
                    f"taken there",
                )
            if sign == "coda" and late:
                following.append(sign)
            else:
                bar.signs.append(sign)
        self._signs_on.clear()
        return following

    def _close_bar(self) -> None:
        self.rhythm.end_bar("a bar line")
        self._bar.close()
        following = self._place_signs_on_notes()
        self.bars.append(self._bar)
        self._bar = BarDraft(
            self._bar.after, self._meter, self.staff.key, self._endings, self._part
        )
        self._bar.signs += following
        self._last = None


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
