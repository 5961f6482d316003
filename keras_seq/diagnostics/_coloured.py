"""Coloured text as HTML and as a picture."""

import html
import typing
from collections.abc import Sequence

import numpy as np

from keras_seq.diagnostics._characters import glyphs, visible
from keras_seq.extras import let_go, require

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_seq.diagnostics.unit_text import UnitText

Colour: typing.TypeAlias = tuple[int, int, int]

# Light enough for black letters on all of them.
_BLUE, _WHITE, _RED = (82, 156, 206), (255, 255, 255), (226, 104, 84)
_GREY = (190, 190, 190)
_TEXT = "font:14px/1.6 ui-monospace,Menlo,Consolas,monospace;color:#000;background:#fff"
_COLUMN, _LINE = 0.105, 0.21  # inches, for a character


def html_of(shown: "UnitText", centre: float, limit: float) -> str:
    """The `<div>` of a `UnitText`: a head with the scale, and the text."""
    scale = ",".join(map(_css, (_BLUE, _WHITE, _RED)))
    low, middle, high = (f"{centre + side * limit:.3g}" for side in (-1, 0, 1))
    head = (
        f'<div style="font:13px/1.6 system-ui,sans-serif">'
        f"{html.escape(shown.title)} &nbsp; {low} "
        f'<span style="display:inline-block;width:9em;height:.9em;vertical-align:'
        f'middle;border:1px solid #999;background:linear-gradient(to right,{scale})"'
        f' title="white is {middle}"></span> {high}</div>'
    )
    spans = [
        f'<span style="background:{_css(_colour(value, centre, limit))}" '
        f'title="{value:.3g}">{html.escape(visible(piece))}</span>'
        f"{_after(piece)}"
        for piece, value in zip(shown.pieces, shown.values, strict=True)
    ]
    text = (" " if shown.spaced else "").join(spans)
    return (
        f'<div>{head}<div dir="auto" style="{_TEXT};white-space:pre-wrap;'
        f'overflow-wrap:anywhere;margin:.5rem 0">{text}</div></div>'
    )


def figure_of(shown: "UnitText", columns: int, centre: float, limit: float) -> "Figure":
    """The matplotlib figure of a `UnitText`."""
    plt = require("matplotlib.pyplot", "plots")
    colors = require("matplotlib.colors", "plots")
    collections = require("matplotlib.collections", "plots")
    has = glyphs("monospace")
    pieces = [
        "".join(c if has(c) else "□" for c in visible(piece)) for piece in shown.pieces
    ]
    breaks = [bool(_after(piece)) for piece in shown.pieces]
    places, lines = _places(pieces, breaks, columns, gap=int(shown.spaced))
    widths = [len(piece) for piece in pieces]
    across = max(8, *(x + w for (x, _), w in zip(places, widths, strict=True)))
    width, height = _COLUMN * across, _LINE * lines
    margin, above, below = 0.15, 0.35, 0.75
    size = max(width, 3.6) + 2 * margin, height + above + below
    figure = plt.figure(figsize=size)
    axis = figure.add_axes(
        (margin / size[0], below / size[1], width / size[0], height / size[1]),
        xlim=(0, across),
        ylim=(lines, 0),
    )
    axis.set_axis_off()
    boxes = [
        [(x, y), (x + w, y), (x + w, y + 1), (x, y + 1)]
        for (x, y), w in zip(places, widths, strict=True)
    ]
    faces = np.array([_colour(value, centre, limit) for value in shown.values]) / 255
    axis.add_collection(
        # An edge of the same colour leaves no seam between two boxes.
        collections.PolyCollection(
            boxes, facecolors=faces, edgecolors=faces, linewidths=0.3
        )
    )
    for (x, y), w, piece in zip(places, widths, pieces, strict=True):
        axis.text(
            x + w / 2,
            y + 0.5,
            piece,
            family="monospace",
            fontsize=10,
            ha="center",
            va="center_baseline",
            color="0.55" if piece in "·↵" else "black",
            parse_math=False,
        )
    colours = np.array([_BLUE, _WHITE, _RED]) / 255
    scale = plt.cm.ScalarMappable(
        colors.Normalize(centre - limit, centre + limit),
        colors.LinearSegmentedColormap.from_list("blue white red", colours),
    )
    beside = figure.add_axes(
        (2 * margin / size[0], 0.45 / size[1], 2 / size[0], 0.1 / size[1])
    )
    bar = figure.colorbar(scale, cax=beside, orientation="horizontal")
    bar.set_ticks([centre - limit, centre, centre + limit])
    bar.ax.set_xticklabels(
        [f"{centre + side * limit:.3g}" for side in (-1, 0, 1)], fontsize=8
    )
    figure.text(
        margin / size[0],
        1 - 0.1 / size[1],
        shown.title,
        fontsize=10,
        va="top",
        parse_math=False,
    )
    return let_go(figure)


def _after(piece: str) -> str:
    """The ends of lines in a piece, which break the line that is shown too."""
    return "\n" * piece.count("\n")


def _places(
    pieces: Sequence[str], breaks: Sequence[bool], columns: int, gap: int
) -> tuple[list[tuple[int, int]], int]:
    """Column and line of each piece, and the number of lines."""
    places: list[tuple[int, int]] = []
    column, line = 0, 0
    for piece, ends in zip(pieces, breaks, strict=True):
        # The mark of a line's end may stand beyond the last column.
        if column and column + len(piece) > columns and piece != "↵":
            column, line = 0, line + 1
        places.append((column, line))
        column += len(piece) + gap
        if ends:
            column, line = 0, line + 1
    return places, line + (column > 0)


def _colour(value: float, centre: float, limit: float) -> Colour:
    """Red, green and blue, 0 to 255."""
    if np.isnan(value):
        return _GREY
    share = float(np.clip((value - centre) / limit, -1, 1))
    end = np.array(_RED if share > 0 else _BLUE)
    red, green, blue = np.rint(np.array(_WHITE) + abs(share) * (end - _WHITE))
    return int(red), int(green), int(blue)


def _css(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
