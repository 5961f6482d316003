"""The notes of one voice as elements of MEI."""

from collections.abc import Callable
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement

from keras_seq.music.abc import Bar, Note
from keras_seq.music.rendering._controls import ARTICULATIONS, Controls
from keras_seq.music.rendering._durations import Value
from keras_seq.music.rendering._keys import sign
from keras_seq.music.rendering._layers import Engraver, Group, Leaf
from keras_seq.music.rendering._marks import Head, Marks, Place

_ACCIDENTALS = {"^": "s", "^^": "x", "_": "f", "__": "ff", "=": "n"}
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


class StaffWriter:
    """Writes a voice, measure by measure.

    Args:
        marks: The marks of the tune, by place.
        new_identifier: Gives a name that no other element of the score has.
    """

    def __init__(self, marks: dict[Place, Marks], new_identifier: Callable[[], str]):
        self._engraver = Engraver(marks)
        self._controls = Controls()
        self._new_identifier = new_identifier
        self._ties: dict[tuple[str, int], tuple[Element, str]] = {}

    def write(
        self, measure: Element, staff: Element, bar: Bar, notes: list[Note]
    ) -> None:
        """Writes a bar: notes into the staff, what goes around into the measure."""
        self._controls.measure = measure
        layers = self._engraver.layers(notes, bar.meter)
        for number, items in enumerate(layers, start=1):
            layer = SubElement(staff, "layer", n=str(number))
            for item in items:
                self._item(layer, item, bar)

    def _item(self, parent: Element, item: Leaf | Group, bar: Bar) -> None:
        if isinstance(item, Leaf):
            if item.marks.key:
                sign(parent, item.marks.key)
            self._graces(parent, item.graces, "post")
            self._leaf(parent, item, bar)
            self._graces(parent, item.afterthoughts, "pre")
            return
        group = SubElement(parent, item.kind)
        if item.kind == "tuplet":
            group.set("num", str(item.ratio[0]))
            group.set("numbase", str(item.ratio[1]))
        for child in item.children:
            self._item(group, child, bar)

    def _graces(self, parent: Element, graces: list[Leaf], attach: str) -> None:
        graces = [grace for grace in graces if grace.marks.heads]
        if not graces:
            return
        parent = SubElement(parent, "graceGrp", attach=attach)
        if len(graces) > 1:
            parent = SubElement(parent, "beam")
        for grace in graces:
            event = self._event(parent, grace.marks, grace.values[0])
            slashed = grace.marks.slashed
            for note in event.iter("note"):
                note.set("grace", "unacc" if slashed else "acc")
            if slashed:
                event.set("stem.mod", "1slash")
            self._attach(grace.marks, event, event)

    def _leaf(self, parent: Element, leaf: Leaf, bar: Bar) -> None:
        marks = leaf.marks
        if marks.silence == "Z":
            count = int(bar.length / bar.meter.length) if bar.meter else 1
            if count > 1:
                SubElement(parent, "multiRest", num=str(count))
            else:
                SubElement(parent, "mRest")
            return
        events = [
            self._event(parent, marks, value, first=index == 0)
            for index, value in enumerate(leaf.values)
        ]
        if not events:
            return
        self._end_ties(marks.heads, events[0])
        for before, after in pairwise(events):
            for start, end in zip(_heads(before), _heads(after), strict=True):
                self._controls.tie(start.get(_XML_ID, ""), end.get(_XML_ID, ""))
        for head, element in zip(marks.heads, _heads(events[-1]), strict=False):
            if head.tie:
                place = (self._controls.measure, element.get(_XML_ID, ""))
                self._ties[head.letter, head.octave] = place
        self._attach(marks, events[0], events[-1])

    def _end_ties(self, heads: list[Head], event: Element) -> None:
        ties, self._ties = self._ties, {}
        for head, element in zip(heads, _heads(event), strict=False):
            if (head.letter, head.octave) in ties:
                measure, start = ties[head.letter, head.octave]
                SubElement(
                    measure,
                    "tie",
                    startid=f"#{start}",
                    endid=f"#{element.get(_XML_ID)}",
                )

    def _event(
        self, parent: Element, marks: Marks, value: Value, *, first: bool = True
    ) -> Element:
        if not marks.heads:
            name = "space" if marks.silence == "x" else "rest"
            event = self._named(parent, name)
        elif len(marks.heads) == 1:
            event = self._note(parent, marks.heads[0], first)
        else:
            event = self._named(parent, "chord")
            for head in marks.heads:
                self._note(event, head, first)
        event.set("dur", value.name)
        if value.dots:
            event.set("dots", str(value.dots))
        if marks.heads and first:
            for decoration in marks.decorations:
                if decoration in ARTICULATIONS:
                    SubElement(event, "artic", artic=ARTICULATIONS[decoration])
        return event

    def _note(self, parent: Element, head: Head, first: bool) -> Element:
        note = self._named(parent, "note")
        note.set("pname", head.letter.lower())
        note.set("oct", str(head.octave))
        if head.accidental and first:
            note.set("accid", _ACCIDENTALS[head.accidental])
        return note

    def _named(self, parent: Element, name: str) -> Element:
        return SubElement(parent, name, {_XML_ID: self._new_identifier()})

    def _attach(self, marks: Marks, first: Element, last: Element) -> None:
        controls = self._controls
        start, end = first.get(_XML_ID, ""), last.get(_XML_ID, "")
        controls.close_slurs(end, marks.slurs_close)
        controls.open_slurs(start, marks.slurs_open)
        for text in marks.texts:
            controls.write(text, start)
        for decoration in marks.decorations:
            if decoration not in ARTICULATIONS or not marks.heads:
                controls.decorate(decoration, start)
        for text in marks.last_texts:
            controls.write(text, end)
        for decoration in marks.last_decorations:
            controls.decorate(decoration, end)


def _heads(event: Element) -> list[Element]:
    return [event] if event.tag == "note" else event.findall("note")
