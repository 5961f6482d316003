"""A text coloured by what one unit does at each of its characters."""

import dataclasses
import typing
from collections.abc import Callable, Iterable

import keras
import numpy as np

from keras_seq.diagnostics._characters import Vocabulary
from keras_seq.diagnostics._coloured import figure_of, html_of
from keras_seq.diagnostics.text_activity import text_activity
from keras_seq.typing import ArrayLike, Nest

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN, _SHOWN_IN_COLOUR = 30, 2000  # pieces


@dataclasses.dataclass(frozen=True, eq=False)
class UnitText:
    r"""What one unit does at each character of a text, as numbers and as pictures.

    Colours go from blue (negative) over white (0, or `centre`) to red (positive).
    A space is shown as "·" and the end of a line as "↵", so that their colours are
    seen, and other characters without a shape as in a Python string.

    Args:
        pieces: T strings: the characters of a text, or pieces of one.
        values: Array of shape (T,). NaN is shown in grey.
        title: What it is, for the head of the pictures.
        spaced: Whether pieces are set apart by a space: those of words and
            subwords, not characters.

    Raises:
        ValueError: If there isn't one value for each piece, or no piece.

    Example:

    >>> shown = UnitText("a <b>\n", np.linspace(-1, 1, 6), title="unit 7")
    >>> "&lt;" in shown.html(), len(shown.figure().axes)
    (True, 2)

    References:
        Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding
        recurrent networks (figure 2).
    """

    pieces: tuple[str, ...]
    values: np.ndarray
    title: str = ""
    spaced: bool = False

    # Written out: it accepts more than the attributes then hold.
    def __init__(
        self,
        pieces: Iterable[str],
        values: ArrayLike,
        title: str = "",
        spaced: bool = False,
    ) -> None:
        object.__setattr__(self, "pieces", tuple(map(str, pieces)))
        object.__setattr__(self, "values", np.asarray(values, "float64"))
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "spaced", spaced)
        if self.values.shape != (len(self.pieces),) or not self.pieces:
            raise ValueError(
                f"`values` must have shape ({len(self.pieces)},), one for each of "
                f"`pieces`, none 0; received shape {self.values.shape}."
            )

    def __repr__(self) -> str:
        start = "".join(self.pieces[:_SHOWN])
        more = "…" if len(self.pieces) > _SHOWN else ""
        return f"UnitText({self.title!r}, {start + more!r}, {len(self.pieces)} pieces)"

    def _repr_html_(self) -> str:
        pieces, values = self.pieces[:_SHOWN_IN_COLOUR], self.values[:_SHOWN_IN_COLOUR]
        left = len(self.pieces) - len(pieces)
        title = f"{self.title} ({left:,} more pieces)" if left else self.title
        return UnitText(pieces, values, title, self.spaced).html()

    def html(self, *, centre: float = 0.0, limit: float | None = None) -> str:
        """The text as an HTML fragment, for any page: it needs nothing around it.

        The text is escaped, and every character has its value as a tool tip.

        Args:
            centre: The value that is white.
            limit: How far from it the strongest colour lies; by default the
                farthest value.

        Returns:
            String: a `<div>`.

        Raises:
            ValueError: If `centre` is not finite, or `limit` not above 0.
        """
        return html_of(self, *_scale(self.values, centre, limit))

    def figure(
        self,
        *,
        columns: int = 80,
        centre: float = 0.0,
        limit: float | None = None,
    ) -> "Figure":
        """The text as a picture.

        Lines are broken where the text breaks them, and where they are longer than
        `columns`. Characters that matplotlib's monospaced font doesn't have become
        "□".

        Args:
            columns: Characters in a line, at most.
            centre: The value that is white.
            limit: How far from it the strongest colour lies; by default the
                farthest value.

        Returns:
            A matplotlib figure.

        Raises:
            ValueError: If `columns` is less than 1, `centre` not finite, or
                `limit` not above 0.
        """
        if columns < 1:
            raise ValueError(f"`columns` must be at least 1; received {columns!r}.")
        return figure_of(self, columns, *_scale(self.values, centre, limit))


def unit_text(
    model: keras.Layer,
    text: str,
    unit: int | np.integer,
    *,
    vocabulary: Vocabulary,
    layer: str | None = None,
    value: str | None = None,
    start: int | None = 1,
    inputs: Callable[[np.ndarray], Nest] | None = None,
) -> UnitText:
    r"""Lets a model read a text, and shows what one unit does at each character.

    What belongs to a character is what the unit holds once it has been read: c_t,
    or another value. The start mark that a model reads first is not shown.

    Args:
        model: A Keras model with a recurrent layer, from ids (B, T), or from what
            `inputs` makes of them.
        text: String.
        unit: Index of the unit. `find_units` tells which ones track something.
        vocabulary: Its vocabulary: one of `keras_seq.text`, or an object with its
            methods `encode` and `pieces`.
        layer: Name of the recurrent layer; None if the model has one alone.
        value: Which of the layer's values (see `gate_activity`): by default
            "cell", or "hidden" of a layer without a cell.
        start: Id that is read before the text, by default the start mark of
            `keras_seq.text`; None for none.
        inputs: Function from int32 ids (1, T) to what the model is called with;
            None for the ids themselves.

    Returns:
        `UnitText`, with `pieces` and `values` of shape (T,), `html()` and
        `figure()`.

    Raises:
        ValueError: If the text is empty, or there is no such layer, value or unit.

    Example:

    >>> import keras
    >>> from keras_seq.text import CharacterVocabulary
    >>> vocabulary = CharacterVocabulary("ab ")
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((None,), dtype="int32"),
    ...         keras.layers.Embedding(len(vocabulary), 3),
    ...         keras.layers.LSTM(5, name="reader"),
    ...     ]
    ... )
    >>> shown = unit_text(model, "a ba", 2, vocabulary=vocabulary)
    >>> shown.pieces, shown.values.shape, shown.title
    (('a', ' ', 'b', 'a'), (4,), 'cell of unit 2 in reader')

    References:
        Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding
        recurrent networks.
    """
    activity = text_activity(
        model,
        [text],
        vocabulary=vocabulary,
        layer=layer,
        value=value,
        start=start,
        inputs=inputs,
    )
    [pieces], [values] = activity.pieces, activity.values
    units = values.shape[1]
    whole = isinstance(unit, (int, np.integer)) and not isinstance(unit, bool)
    if not whole or not 0 <= unit < units:
        raise ValueError(
            f"`unit` must be an integer in [0, {units}); received {unit!r}."
        )
    return UnitText(
        pieces,
        values[:, unit],
        title=f"{activity.value} of unit {unit} in {activity.layer}",
        spaced=not activity.by_character,
    )


def _scale(
    values: np.ndarray, centre: float, limit: float | None
) -> tuple[float, float]:
    """The value that is white, and how far from it the strongest colours are."""
    if not np.isfinite(centre):
        raise ValueError(f"`centre` must be finite; received {centre!r}.")
    if limit is None:
        finite = values[np.isfinite(values)]
        limit = np.abs(finite - centre).max(initial=0.0) or 1.0
    if not 0 < limit < np.inf:
        raise ValueError(f"`limit` must be above 0 and finite; received {limit!r}.")
    return float(centre), float(limit)
