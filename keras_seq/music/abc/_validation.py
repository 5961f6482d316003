"""From text to a tune and what is wrong with it."""

from dataclasses import dataclass

from keras_seq.extras import notebook_card
from keras_seq.music.abc._bars import check_bars
from keras_seq.music.abc._body import Body
from keras_seq.music.abc._header import Header, read_header
from keras_seq.music.abc._lines import read_lines
from keras_seq.music.abc._problems import AbcError, Problem, Problems
from keras_seq.music.abc._tune import Bar, Note, Tune
from keras_seq.music.abc._voice import Voice


@dataclass(frozen=True, slots=True)
class Validation:
    """What `validate` found.

    `str` of it gives a line for each problem.

    Args:
        problems: Everything that is wrong, in the order of the text.
        tune: The tune as far as it could be read; None where the header makes
            reading impossible.
    """

    problems: tuple[Problem, ...]
    tune: Tune | None

    @property
    def valid(self) -> bool:
        """Whether the text is well-formed: no problem is an error."""
        return all(problem.severity != "error" for problem in self.problems)

    @property
    def complete(self) -> bool:
        """Whether there is music, and every bar of it has its right length.

        A bar shorter than the meter is right where playing puts its complement
        beside it: the rest of an upbeat at the end of a part, in each variant
        ending, or at a repeat sign, double bar or line end that splits a bar. The
        upbeat of the tune needs no complement. In free meter every bar is right.
        """
        bars = self.tune.bars if self.tune else ()
        return bool(bars) and all(bar.complete for bar in bars)

    def __repr__(self) -> str:
        kinds = [problem.severity for problem in self.problems]
        counts = f"{kinds.count('error')} errors, {kinds.count('warning')} warnings"
        said = "valid" if self.valid else "not valid"
        return f"Validation({said}: {counts}; {self.tune!r})"

    def _repr_html_(self) -> str:
        rows = [
            (f"line {each.line}, column {each.column}", each.severity, each.message)
            for each in self.problems
        ]
        return notebook_card(repr(self), rows)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def validate(tune: str) -> Validation:
    r"""Reads a tune in ABC notation and finds what is wrong with it.

    No text raises an error. The time needed grows with the length of the text
    and no faster.

    Args:
        tune: The text of one tune, from its X: field to its last line of music.

    Returns:
        The problems, with their lines and columns, and the tune as read.

    Raises:
        TypeError: If `tune` is no string.

    Example:

    >>> print(validate("X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|GA+B|"))
    6:6: warning: expected a bar of length 1, came 3/4 [bar-length]
    6:8: error: expected music, came '+' [unexpected]

    Reference:

    - The abc music standard 2.1 (2011), https://abcnotation.com/wiki/abc:standard:v2.1
    """
    if not isinstance(tune, str):
        raise TypeError(f"tune: expected a str, came {type(tune).__name__}")
    problems = Problems()
    lines = read_lines(tune)
    header = read_header(lines, problems)
    read = None
    if header:
        body = Body(header, problems)
        body.read(lines)
        for voice in body.voices.values():
            check_bars(voice.bars, problems)
        read = _tune(header, [voice for voice in body.voices.values() if voice.bars])
    found = sorted(problems.found, key=lambda problem: (problem.line, problem.column))
    return Validation(tuple(found), read)


def parse(tune: str) -> Tune:
    r"""Reads a tune in ABC notation.

    Args:
        tune: The text of one tune, from its X: field to its last line of music.

    Returns:
        The tune.

    Raises:
        AbcError: If the text is malformed; it tells line and column. Bars of
            the wrong length and other warnings of `validate` raise nothing.
        TypeError: If `tune` is no string.

    Example:

    >>> [note.pitch for note in parse("X:1\nK:G\nGABc d2 f2|").notes]
    [67, 69, 71, 72, 74, 78]
    """
    validation = validate(tune)
    for problem in validation.problems:
        if problem.severity == "error":
            raise AbcError(problem)
    assert validation.tune is not None
    return validation.tune


def _tune(header: Header, voices: list[Voice]) -> Tune:
    bars: list[Bar] = []
    notes: list[Note] = []
    for voice in voices:
        for draft in voice.bars:
            draft.freeze(voice.name, bars, notes)
    return Tune(
        reference=header.reference,
        titles=tuple(header.titles),
        meter=header.meter,
        unit_length=header.unit,
        key=header.key,
        tempo=header.tempo,
        parts=header.parts,
        headers=tuple(header.fields),
        voices=tuple(voice.name for voice in voices),
        bars=tuple(bars),
        notes=tuple(notes),
    )
