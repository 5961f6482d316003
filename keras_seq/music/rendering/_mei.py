"""From a tune to a score in MEI, which Verovio engraves.

MEI 5 (music-encoding.org) rather than ABC, because Verovio's own reading of
ABC leaves out variant endings, changes of key, and tempo.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count, groupby, zip_longest
from xml.etree.ElementTree import Element, SubElement, tostring

from keras_seq.music.abc import Bar, Key, Meter, Note, Tune
from keras_seq.music.rendering._controls import Controls
from keras_seq.music.rendering._keys import sign
from keras_seq.music.rendering._marks import Marks, Place
from keras_seq.music.rendering._page import page_head, tempo_text
from keras_seq.music.rendering._staff import StaffWriter
from keras_seq.music.rendering._words import readable

# The bars that sound together, one of each voice, None where a voice has ended.
Column = tuple[Bar | None, ...]

_CLEFS = {
    "treble": ("G", "2"),
    "bass": ("F", "4"),
    "tenor": ("C", "4"),
    "alto": ("C", "3"),
    "perc": ("perc", "3"),
}
_CLEF = re.compile(r"\b(?:clef\s*=\s*)?(treble|bass|tenor|alto|perc)\b")


def to_mei(tune: Tune, marks: dict[Place, Marks]) -> str:
    """Writes a tune as an MEI document.

    Args:
        tune: The tune.
        marks: The marks of its text, from `read_marks`.

    Returns:
        The document.
    """
    root = Element(
        "mei", xmlns="http://www.music-encoding.org/ns/mei", meiversion="5.0"
    )
    description = SubElement(SubElement(root, "meiHead"), "fileDesc")
    title = SubElement(SubElement(description, "titleStmt"), "title")
    title.text = readable(tune.title)
    SubElement(description, "pubStmt")
    body = SubElement(SubElement(root, "music"), "body")
    score = SubElement(SubElement(body, "mdiv"), "score")
    _Score(tune, marks).write(score)
    return tostring(root, encoding="unicode")


class _Score:
    def __init__(self, tune: Tune, marks: dict[Place, Marks]):
        self._tune = tune
        self._marks = marks
        self._notes: dict[int, list[Note]] = defaultdict(list)
        for note in tune.notes:
            self._notes[note.bar].append(note)
        self._voices = {
            voice: [bar for bar in tune.bars if bar.voice == voice]
            for voice in tune.voices or ("",)
        }
        numbers = count(1)
        self._writers = [
            StaffWriter(marks, lambda: f"n{next(numbers)}") for _ in self._voices
        ]

    def write(self, score: Element) -> None:
        definition = SubElement(score, "scoreDef", _meter(self._tune.meter))
        page_head(definition, self._tune)
        self._staves(definition)
        section = SubElement(score, "section")
        columns: list[Column] = list(zip_longest(*self._voices.values()))
        numbers = _measure_numbers(_lead(column) for column in columns)
        previous: Bar | None = None
        following = [_lead(column) for column in columns[1:]]
        upcoming = iter([*following, None])
        for endings, run in groupby(columns, key=_Endings()):
            parent = section
            if endings[1]:
                label = ", ".join(map(str, endings[1]))
                parent = SubElement(section, "ending", n=label, label=f"{label}.")
            for column in run:
                bar = _lead(column)
                if previous is not None:
                    self._between(parent, previous, bar)
                measure = SubElement(parent, "measure", n=str(next(numbers)))
                _bar_lines(measure, previous, bar, next(upcoming))
                self._measure(measure, column, previous)
                previous = bar
        if not columns:
            # A page without any measure would not be drawn.
            measure = SubElement(section, "measure", n="1", right="end")
            SubElement(SubElement(measure, "staff", n="1"), "layer", n="1")
        Controls.drop_unended(score)

    def _staves(self, definition: Element) -> None:
        group = SubElement(definition, "staffGrp")
        if len(self._voices) > 1:
            group.set("symbol", "bracket")
            group.set("bar.thru", "true")
        for number, (voice, bars) in enumerate(self._voices.items(), start=1):
            shape, line = self._clef(voice)
            staff = SubElement(group, "staffDef", n=str(number), lines="5")
            staff.set("clef.shape", shape)
            staff.set("clef.line", line)
            sign(staff, bars[0].key if bars else self._tune.key)

    def _clef(self, voice: str) -> tuple[str, str]:
        clef = _CLEFS["treble"]
        for letter, value, _ in self._tune.headers:
            if letter == "K" or (letter == "V" and value.split()[:1] == [voice]):
                match = _CLEF.search(value)
                clef = _CLEFS[match[1]] if match else clef
        return clef

    def _between(self, parent: Element, previous: Bar, bar: Bar) -> None:
        """Writes what stands between two measures: a new line, new signatures."""
        # A line that ends within a bar can only be broken after that bar.
        if self._begins_line(bar, 0, 1) or self._begins_line(previous, 1, None):
            SubElement(parent, "sb")
        if bar.meter != previous.meter:
            SubElement(parent, "scoreDef", _meter(bar.meter))
        if bar.key != self._last_key(previous):
            sign(SubElement(parent, "scoreDef"), bar.key)

    def _last_key(self, bar: Bar) -> Key:
        """The key signature at the end of a bar."""
        marks = (self._marks[note.line, note.column] for note in self._notes[bar.index])
        changes = [each.key for each in marks if each.key]
        return changes[-1] if changes else bar.key

    def _begins_line(self, bar: Bar, first: int, last: int | None) -> bool:
        notes = self._notes[bar.index][first:last]
        return any(self._marks[note.line, note.column].line_start for note in notes)

    def _measure(self, measure: Element, column: Column, previous: Bar | None) -> None:
        bar = _lead(column)
        if bar.expected_length is not None and bar.length < bar.expected_length:
            measure.set("metcon", "false")
        staves = [
            SubElement(measure, "staff", n=str(i + 1)) for i in range(len(column))
        ]
        for writer, staff, part in zip(self._writers, staves, column, strict=True):
            if part is None:
                SubElement(SubElement(staff, "layer", n="1"), "mRest")
            else:
                writer.write(measure, staff, part, self._notes[part.index])
        if previous is None:
            tempo_text(measure, self._tune)
        if bar.part and (previous is None or bar.part != previous.part):
            mark = SubElement(measure, "reh", tstamp="1", place="above")
            mark.text = readable(bar.part)


class _Endings:
    """Tells variant endings apart: the key of a run of measures."""

    def __init__(self) -> None:
        self._run = 0
        self._last: Bar | None = None

    def __call__(self, column: Column) -> tuple[int, tuple[int, ...]]:
        bar, last = _lead(column), self._last
        if last and (bar.endings != last.endings or last.repeat_end):
            self._run += 1
        self._last = bar
        return self._run, bar.endings


def _lead(column: Column) -> Bar:
    return next(bar for bar in column if bar is not None)


def _measure_numbers(bars: Iterable[Bar]) -> Iterator[int]:
    """Numbers bars as scores do: a pickup is 0, two halves of a bar share one."""
    number = 1
    missing = None
    for index, bar in enumerate(bars):
        expected = bar.expected_length
        short = expected is not None and bar.length < expected
        if index == 0:
            number = 0 if short else 1
        elif short and missing == bar.length:
            short = False
        else:
            number += 1
        missing = expected - bar.length if short and index and expected else None
        yield number


def _bar_lines(
    measure: Element, previous: Bar | None, bar: Bar, following: Bar | None
) -> None:
    if bar.repeat_end and following and following.repeat_start:
        measure.set("right", "rptboth")
    else:
        measure.set("right", "rptend" if bar.repeat_end else _bar_line(bar.end))
    if bar.repeat_start and not (previous and previous.repeat_end):
        measure.set("left", "rptstart")


def _bar_line(symbol: str) -> str:
    """MEI's name of a bar line that is no repeat sign."""
    if not symbol or symbol == "[|]":
        return "invis"
    if symbol.startswith("."):
        return "dotted"
    if "]" in symbol:
        return "end"
    return "dbl" if "||" in symbol or "[|" in symbol else "single"


def _meter(meter: Meter | None) -> dict[str, str]:
    if meter is None:
        return {"meter.form": "invis", "meter.count": "4", "meter.unit": "4"}
    if meter.symbol:
        return {
            "meter.sym": "common" if meter.symbol == "C" else "cut",
            "meter.count": str(sum(meter.beats)),
            "meter.unit": str(meter.unit),
        }
    return {
        "meter.count": "+".join(map(str, meter.beats)),
        "meter.unit": str(meter.unit),
    }
