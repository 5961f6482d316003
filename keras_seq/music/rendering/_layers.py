"""The notes of a bar as the tree of beams and tuplets that a score draws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Union

from keras_seq.music.abc import Meter, Note
from keras_seq.music.rendering._durations import Value, note_values, tuplet_ratio
from keras_seq.music.rendering._marks import Marks, Place

_QUARTER = Fraction(1, 4)


@dataclass(slots=True, eq=False)
class Leaf:
    """A note, chord or rest to be drawn.

    Args:
        note: The note.
        marks: What is drawn with it.
        values: Its note values; more than one are tied.
        ratio: `(num, numbase)` of its tuplet, `(1, 1)` outside tuplets.
        tuplet: A number that the notes of one tuplet share, 0 outside.
        beam: A number that the notes under one beam share, 0 without beam.
        graces: The grace notes before it.
        afterthoughts: The grace notes after it, at the end of the bar.
    """

    note: Note
    marks: Marks
    values: list[Value]
    ratio: tuple[int, int] = (1, 1)
    tuplet: int = 0
    beam: int = 0
    graces: list["Leaf"] = field(default_factory=list)
    afterthoughts: list["Leaf"] = field(default_factory=list)

    @property
    def beamable(self) -> bool:
        """Whether it can stand under a beam."""
        return (
            bool(self.note.pitches)
            and len(self.values) == 1
            and self.values[0].length < _QUARTER
        )


@dataclass(slots=True)
class Group:
    """Notes under one beam, or in one tuplet.

    Args:
        kind: `"beam"` or `"tuplet"`.
        children: What it holds, in order.
        ratio: `(num, numbase)` of a tuplet.
    """

    kind: str
    children: list[Union[Leaf, "Group"]]
    ratio: tuple[int, int] = (1, 1)


class Engraver:
    """Lays out one voice, bar by bar: a tuplet may outlast a bar.

    Args:
        marks: The marks of the tune, by place.
    """

    def __init__(self, marks: dict[Place, Marks]):
        self._marks = marks
        self._ratio = (1, 1)
        self._left = 0
        self._tuplets = 0
        self._beams = 0
        self._unwritten: tuple[int, Fraction] = (0, Fraction(0))

    def layers(
        self, notes: Sequence[Note], meter: Meter | None
    ) -> list[list[Leaf | Group]]:
        """The layers of a bar: one, and one more for each overlay."""
        self._unwritten = (0, Fraction(0))
        layers: list[list[Leaf]] = []
        end = Fraction(-1)
        graces: list[Leaf] = []
        for note in notes:
            leaf = self._leaf(note, meter)
            if note.grace:
                graces.append(leaf)
                continue
            if note.onset < end or not layers:
                layers.append([])
            end = note.onset + note.length
            leaf.graces, graces = graces, []
            layers[-1].append(leaf)
        if layers:
            layers[-1][-1].afterthoughts = graces
        for layer in layers:
            self._beam(layer)
        return [_tree(layer) for layer in layers]

    def _leaf(self, note: Note, meter: Meter | None) -> Leaf:
        marks = self._marks[note.line, note.column]
        if marks.silence == "Z":
            return Leaf(note, marks, [])
        if note.grace:
            return Leaf(note, marks, note_values(note.length)[:1] or [Value(_QUARTER)])
        if marks.tuplet:
            p, q, r = marks.tuplet
            compound = 3 if meter and meter.compound else 2
            q = q or {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, compound)
            self._ratio, self._left = (p, q), r or p
            self._tuplets += 1
        ratio, tuplet = (1, 1), 0
        if self._left:
            self._left -= 1
            ratio, tuplet = self._ratio, self._tuplets
        written = note.length * Fraction(*ratio)
        odd = tuplet_ratio(written)
        if odd != (1, 1):
            ratio = (ratio[0] * odd[0], ratio[1] * odd[1])
            tuplet = self._tuplet_for(written)
            written *= Fraction(*odd)
        return Leaf(note, marks, note_values(written), ratio, tuplet)

    def _tuplet_for(self, length: Fraction) -> int:
        """The tuplet for a length such as A2/3, which no note value writes.

        It goes on until its lengths add up to one that can be written.
        """
        number, total = self._unwritten
        if not number:
            self._tuplets += 1
            number = self._tuplets
        total += length
        done = tuplet_ratio(total) == (1, 1)
        self._unwritten = (0, Fraction(0)) if done else (number, total)
        return number

    def _beam(self, layer: list[Leaf]) -> None:
        previous: Leaf | None = None
        for leaf in layer:
            if not leaf.beamable:
                previous = None
                continue
            if previous is None or _starts_apart(leaf):
                self._beams += 1
            leaf.beam = self._beams
            previous = leaf
        _fit_beams_to_tuplets(layer)


def _starts_apart(leaf: Leaf) -> bool:
    # Space before grace notes stands before the note that they grace.
    first = leaf.graces[0] if leaf.graces else leaf
    return first.marks.apart or leaf.marks.apart


def _fit_beams_to_tuplets(layer: list[Leaf]) -> None:
    """Cuts beams that reach across the edge of a tuplet which they don't hold."""
    for tuplet, members in _runs(layer, "tuplet"):
        beams = {leaf.beam for leaf in members}
        if tuplet and len(beams) > 1:
            for leaf in members:
                leaf.beam = -leaf.beam if leaf.beam > 0 else leaf.beam


def _runs(leaves: Sequence[Leaf], name: str) -> Iterator[tuple[int, list[Leaf]]]:
    run: list[Leaf] = []
    for leaf in leaves:
        if run and getattr(leaf, name) != getattr(run[0], name):
            yield getattr(run[0], name), run
            run = []
        run.append(leaf)
    if run:
        yield getattr(run[0], name), run


def _tree(layer: Sequence[Leaf]) -> list[Leaf | Group]:
    """Beams hold whole tuplets; a tuplet with several beams holds those."""
    items: list[Leaf | Group] = []
    rest = list(layer)
    while rest:
        beam = next(_runs(rest, "beam"))[1]
        tuplet = next(_runs(rest, "tuplet"))[1]
        if rest[0].tuplet and (len(tuplet) > len(beam) or not rest[0].beam):
            items.append(Group("tuplet", _beamed(tuplet), rest[0].ratio))
            rest = rest[len(tuplet) :]
        elif rest[0].beam and len(beam) > 1:
            items.append(Group("beam", _in_tuplets(beam)))
            rest = rest[len(beam) :]
        elif rest[0].tuplet:
            items.append(Group("tuplet", list(tuplet), rest[0].ratio))
            rest = rest[len(tuplet) :]
        else:
            items.append(rest.pop(0))
    return items


def _beamed(leaves: Sequence[Leaf]) -> list[Leaf | Group]:
    items: list[Leaf | Group] = []
    for beam, run in _runs(leaves, "beam"):
        items += [Group("beam", list(run))] if beam and len(run) > 1 else run
    return items


def _in_tuplets(leaves: Sequence[Leaf]) -> list[Leaf | Group]:
    items: list[Leaf | Group] = []
    for tuplet, run in _runs(leaves, "tuplet"):
        items += [Group("tuplet", list(run), run[0].ratio)] if tuplet else run
    return items
