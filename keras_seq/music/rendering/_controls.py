"""What a score writes around the notes: decorations, chord symbols, slurs."""

from xml.etree.ElementTree import Element, SubElement

from keras_seq.music.abc._jumps import sign_of_text
from keras_seq.music.rendering._words import chord_symbol, readable

# Signs that belong to a note head.
ARTICULATIONS = {
    "staccato": "stacc",
    "wedge": "stacciss",
    "tenuto": "ten",
    "accent": "acc",
    ">": "acc",
    "emphasis": "acc",
    "upbow": "upbow",
    "downbow": "dnbow",
    "open": "open",
    "snap": "snap",
    "plus": "stop",
    "+": "stop",
}
_ELEMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "trill": ("trill", {}),
    "lowermordent": ("mordent", {"form": "lower"}),
    "mordent": ("mordent", {"form": "lower"}),
    "uppermordent": ("mordent", {"form": "upper"}),
    "pralltriller": ("mordent", {"form": "upper"}),
    "roll": ("turn", {"form": "upper"}),
    "turn": ("turn", {"form": "upper"}),
    "turnx": ("turn", {"form": "upper"}),
    "invertedturn": ("turn", {"form": "lower"}),
    "invertedturnx": ("turn", {"form": "lower"}),
    "fermata": ("fermata", {"place": "above"}),
    "invertedfermata": ("fermata", {"place": "below", "form": "inv"}),
    "arpeggio": ("arpeg", {}),
    "breath": ("breath", {}),
    "segno": ("repeatMark", {"func": "segno", "place": "above"}),
    "coda": ("repeatMark", {"func": "coda", "place": "above"}),
}
_ENDS = ("Fine", "Coda")
_DYNAMICS = frozenset(
    ("pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff", "sfz")
)
_WORDS = {
    "dacapo": "D.C.",
    "dacoda": "Da Coda",
    "fine": "Fine",
    **{f"D.{to}.al{end.lower()}": f"D.{to}. al {end}" for to in "CS" for end in _ENDS},
}
_PLACES = ("^", "_", "<", ">", "@")
_HAIRPINS = {"crescendo": "cres", "<": "cres", "diminuendo": "dim", ">": "dim"}


class Controls:
    """Gathers what is written around the notes of a measure.

    Args:
        measure: The element of the measure, set anew for each.
    """

    def __init__(self) -> None:
        self.measure = Element("measure")
        self._slurs: list[Element] = []
        self._hairpins: dict[str, Element] = {}

    def add(self, name: str, identifier: str, **attributes: str) -> Element:
        """Adds an element that starts at a note."""
        attributes = {"startid": f"#{identifier}", **attributes}
        return SubElement(self.measure, name, attributes)

    def tie(self, start: str, end: str) -> None:
        """Ties two notes."""
        self.add("tie", start, endid=f"#{end}")

    def open_slurs(self, identifier: str, count: int) -> None:
        """Starts slurs at a note."""
        self._slurs += [self.add("slur", identifier) for _ in range(count)]

    def close_slurs(self, identifier: str, count: int) -> None:
        """Ends slurs at a note, the innermost first."""
        for _ in range(min(count, len(self._slurs))):
            slur = self._slurs.pop()
            if slur.get("startid") != f"#{identifier}":
                slur.set("endid", f"#{identifier}")

    def decorate(self, name: str, identifier: str) -> None:
        """Writes a decoration that is no articulation."""
        if name in _ELEMENTS:
            element, attributes = _ELEMENTS[name]
            self.add(element, identifier, **attributes)
        elif name in _DYNAMICS:
            self.add("dynam", identifier).text = name
        elif name.isdigit():
            self.add("fing", identifier, place="above").text = name
        elif name[:-1] in _HAIRPINS:
            self._hairpin(name[:-1], name[-1], identifier)
        else:
            words = _WORDS.get(name, name)
            self.add("dir", identifier, place="above").text = readable(words)

    def write(self, text: str, identifier: str) -> None:
        """Writes a chord symbol, or an annotation such as `"^slower"`."""
        name, place, words = "harm", "above", chord_symbol(text)
        if text.strip().isdigit():
            name, words = "fing", text.strip()
        elif sign_of_text(text) and text[:1] not in _PLACES:
            name, words = "dir", readable(text)
        elif text[:1] in _PLACES:
            place = "below" if text[0] == "_" else "above"
            # "@" is followed by where to put the text, then a space.
            words = text.partition(" ")[2] if text[0] == "@" else text[1:]
            name, words = "dir", readable(words)
        if words:
            self.add(name, identifier, place=place).text = words

    @staticmethod
    def drop_unended(score: Element) -> None:
        """Removes slurs and hairpins that were begun and never ended."""
        for measure in score.iter("measure"):
            for element in list(measure):
                if element.tag in ("slur", "hairpin") and not element.get("endid"):
                    measure.remove(element)

    def _hairpin(self, name: str, mark: str, identifier: str) -> None:
        if mark == "(":
            self._hairpins[name] = self.add("hairpin", identifier, form=_HAIRPINS[name])
        elif name in self._hairpins:
            self._hairpins.pop(name).set("endid", f"#{identifier}")
