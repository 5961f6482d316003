"""Sheet music of tunes."""

from collections.abc import Sequence

from keras_seq.music.abc import AbcError, parse
from keras_seq.music.rendering._errors import EngravingError
from keras_seq.music.rendering._marks import read_marks
from keras_seq.music.rendering._mei import to_mei
from keras_seq.music.rendering._verovio import engrave


def render_svg(tune: str, *, time_limit: float = 20.0) -> str:
    r"""Draws a tune as sheet music.

    The page is as high as the music needs. It shows the title, composer,
    rhythm and tempo, variant endings, beams as the text groups the notes, and
    lines as the text breaks them where they fill the page.

    Args:
        tune: One tune in ABC notation.
        time_limit: Seconds that Verovio may take.

    Returns:
        An SVG document.

    Raises:
        AbcError: If the tune is malformed; it tells line and column.
        EngravingError: If Verovio fails on it, or a note is absurdly long.

    Example:

    >>> svg = render_svg("X:1\nT:Scale\nM:4/4\nL:1/8\nK:C\nCDEF GABc|")
    >>> svg.startswith("<svg"), "Scale" in svg
    (True, True)
    """
    (page,) = render_svgs([tune], time_limit=time_limit)
    if isinstance(page, Exception):
        raise page
    return page


def render_svgs(
    tunes: Sequence[str], *, time_limit: float = 20.0
) -> list[str | AbcError | EngravingError]:
    r"""Draws many tunes as sheet music, in one process of Verovio.

    A tune that cannot be drawn costs no other: where Verovio crashes, a new
    process takes the rest.

    Args:
        tunes: Tunes in ABC notation.
        time_limit: Seconds that Verovio may take for each.

    Returns:
        For each tune an SVG document, or the error that `render_svg` raises.

    Example:

    >>> good = "X:1\nT:Scale\nM:4/4\nL:1/8\nK:C\nCDEF GABc|"
    >>> pages = render_svgs([good, good + "(3|"])
    >>> [type(page).__name__ for page in pages]
    ['str', 'AbcError']
    """
    if isinstance(tunes, str):
        raise TypeError("`tunes` must be a sequence of tunes; a single str came.")
    if not time_limit > 0:
        raise ValueError(f"`time_limit` must be positive seconds; {time_limit} came.")
    results: list[str | AbcError | EngravingError] = []
    scores: dict[int, str] = {}
    for index, tune in enumerate(tunes):
        try:
            scores[index] = to_mei(parse(tune), read_marks(tune))
            results.append("")
        except (AbcError, EngravingError) as error:
            results.append(error)
    pages = engrave(list(scores.values()), time_limit=time_limit)
    for index, page in zip(scores, pages, strict=True):
        results[index] = page
    return results
