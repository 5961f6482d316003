"""Which recurrences a model has, by name, and which of them can be looked into."""

import typing
import warnings
from collections.abc import Iterator

import keras

from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN
from keras_seq.layers._decoder_state import cells_of

Names: typing.TypeAlias = list[str] | tuple[str, ...]
"""Of layers; a string alone is none."""

_EXPLICIT = (ExplicitLSTM, ExplicitGRU, ExplicitSimpleRNN)

# Ours are subclasses of Keras's, each with a `call` of its own.
CELLS: dict[typing.Any, tuple[typing.Any, ...]] = {
    layer: (layer.cell_class, peer)
    for layer, peer in (
        (ExplicitLSTM, keras.layers.LSTMCell),
        (ExplicitGRU, keras.layers.GRUCell),
        (ExplicitSimpleRNN, keras.layers.SimpleRNNCell),
    )
}
_LAYERS = (
    keras.layers.LSTM,
    keras.layers.GRU,
    keras.layers.SimpleRNN,
    keras.layers.RNN,
)


class Part(typing.NamedTuple):
    """One recurrence of a model: a recurrent layer, or one of its stacked cells.

    Attributes:
        layer: The layer of the model.
        place: Which of its cells it is, from 0.
    """

    layer: typing.Any
    place: int = 0

    @property
    def cell(self) -> typing.Any:
        """The cell, which has the weights."""
        return cells_of(self.layer.cell)[self.place]

    @property
    def go_backwards(self) -> bool:
        """Whether it runs from the last step to the first."""
        return self.layer.go_backwards


def recurrent_layers(
    model: keras.Layer, layers: Names | None = None
) -> dict[str, Part]:
    """The recurrences that can be looked into, by name.

    Those are `ExplicitLSTM`, `ExplicitGRU`, `ExplicitSimpleRNN`, their peers in Keras,
    and `keras.layers.RNN` around cells of ours and of Keras's, stacked ones too,
    wherever in the model they are, in wrappers too.

    Args:
        model: A Keras model or layer that has been built.
        layers: Names of those that are wanted, or None for all.

    Returns:
        Dict from the name of the layer, or the path where two have one name, to the
        `Part`; stacked cells are "layer/cell". Those with one path too are "path",
        "path:2", "path:3", ...

    Raises:
        ValueError: If there is no such layer, or not yet any weights.

    Warns:
        UserWarning: If all are wanted and some can't be looked into, with their names.
    """
    found = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN)
    ]
    reasons = [_why_not(layer) for layer in found]
    unseen = [reason for reason in reasons if reason]
    unseen += [f"{cell.path or cell.name!r}" for cell in _bare_cells(model, found)]
    seen = [layer for layer, reason in zip(found, reasons, strict=True) if not reason]
    named = _named(seen)
    if not named:
        other = f": {', '.join(unseen)} can't be looked into" if unseen else ""
        raise ValueError(
            "`model` must have a recurrent layer (LSTM, GRU or SimpleRNN, explicit or "
            "Keras's, or `keras.layers.RNN` with their cells); received "
            f"{model!r}, which has none{other}."
        )
    if layers is None:
        if unseen:
            warnings.warn(f"not looked into: {', '.join(unseen)}", stacklevel=3)
    else:
        missing = [name for name in layers if name not in named]
        if isinstance(layers, str) or missing or not layers:
            other = f"; {', '.join(unseen)} can't be looked into" if unseen else ""
            raise ValueError(
                f"`layers` must be names among {list(named)}, in a list; received "
                f"{layers!r}{other}."
            )
        named = {name: named[name] for name in layers}
    raw = [name for name, part in named.items() if not part.layer.built]
    if raw:
        raise ValueError(f"`model` must have been built; {raw} have no weights yet.")
    return named


def is_explicit(layer: keras.Layer) -> bool:
    """Whether it is one of this package's recurrent layers."""
    return isinstance(layer, _EXPLICIT)


def twin_kind(cell: typing.Any) -> tuple[typing.Any, typing.Any] | None:
    """The explicit layer that runs a cell's equations, and the class that says them.

    None where it is none of ours and Keras's, or a subclass that computes something
    of its own.
    """
    for layer, kinds in CELLS.items():
        for kind in kinds:
            if isinstance(cell, kind):
                return (layer, kind) if type(cell).call is kind.call else None
    return None


def _named(layers: list[typing.Any]) -> dict[str, Part]:
    names = [layer.name for layer in layers]
    named: dict[str, Part] = {}
    for layer in layers:
        # Layers without weights don't have a path.
        alone = names.count(layer.name) == 1
        path = layer.name if alone else layer.path or layer.name
        stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
        for place, cell in enumerate(cells_of(layer.cell)):
            whole = f"{path}/{cell.name}" if stacked else path
            number, name = 1, whole
            while name in named:
                number += 1
                name = f"{whole}:{number}"
            named[name] = Part(layer, place)
    return named


def _why_not(layer: typing.Any) -> str | None:
    """Why a recurrent layer can't be looked into, or None if it can."""
    if is_explicit(layer):
        return None
    kind = type(layer)
    peer: typing.Any = next(peer for peer in _LAYERS if isinstance(layer, peer))
    if kind.call is not peer.call or kind.inner_loop is not peer.inner_loop:
        return f"{layer.name!r} is a {kind.__name__}, which has a `call` of its own"
    strange = [cell for cell in cells_of(layer.cell) if twin_kind(cell) is None]
    if strange:
        kinds = " and ".join(dict.fromkeys(type(cell).__name__ for cell in strange))
        return f"{layer.name!r} has cells of its own ({kinds})"
    return None


def _bare_cells(model: keras.Layer, layers: list[typing.Any]) -> Iterator[typing.Any]:
    """Cells that no recurrent layer holds, such as those of a decoder."""
    inside = {id(part) for layer in layers for part in layer._flatten_layers()}
    stacks: set[int] = set()
    for layer in model._flatten_layers():
        bare = id(layer) not in inside | stacks and hasattr(layer, "state_size")
        if bare and not isinstance(layer, keras.layers.RNN):
            stacks |= {id(part) for part in layer._flatten_layers()}
            yield layer
