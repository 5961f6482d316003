"""What stands above the music: title, composer, rhythm, tempo."""

from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from keras_seq.music.abc import Tune
from keras_seq.music.rendering._words import readable

# Only these have a sign that fonts for text hold; 1/2 stays "1/2".
_BEATS = {Fraction(1, 4): "♩", Fraction(3, 8): "♩.", Fraction(1, 8): "♪"}


def page_head(definition: Element, tune: Tune) -> None:
    """Writes the head of the page into a score definition."""
    head = SubElement(definition, "pgHead", func="first")
    titles = [readable(title) for title in tune.titles]
    composer = ", ".join(_values(tune, "C"))
    rhythm = ", ".join(_values(tune, "R"))
    if titles and titles[0]:
        _cell(head, titles[0], "center", "top", "150%")
    for title in titles[1:]:
        if title:
            _cell(head, title, "center", "middle", "100%")
    if rhythm:
        _cell(head, rhythm, "left", "bottom", "90%", fontstyle="italic")
    if composer:
        _cell(head, composer, "right", "bottom", "90%")


def tempo_text(measure: Element, tune: Tune) -> None:
    """Writes the tempo of the Q: field above a measure."""
    tempo = tune.tempo
    if tempo is None:
        return
    element = Element("tempo", tstamp="1", place="above")
    beat = ""
    if tempo.beat and tempo.per_minute:
        beat = f"{_BEATS.get(tempo.beat, str(tempo.beat))} = {tempo.per_minute}"
    element.text = f"{readable(tempo.text)} {beat}".strip()
    measure.append(element)


def _values(tune: Tune, field: str) -> list[str]:
    return [
        readable(value)
        for letter, value, _ in tune.headers
        if letter == field and value.strip()
    ]


def _cell(
    head: Element,
    text: str,
    across: str,
    down: str,
    size: str,
    fontstyle: str = "normal",
) -> None:
    rend = SubElement(
        head, "rend", halign=across, valign=down, fontsize=size, fontstyle=fontstyle
    )
    rend.text = text
