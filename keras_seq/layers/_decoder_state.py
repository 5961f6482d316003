"""What an `AttentionDecoder` carries from step to step, and what it looks at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops, tree

from keras_seq.layers._arguments import check_states
from keras_seq.layers._attention_arguments import check_dtype
from keras_seq.layers._symbolic import is_symbolic, zeros_beside
from keras_seq.typing import Nest, Tensor

if TYPE_CHECKING:
    from keras_seq.layers.attention_decoder import AttentionDecoder


class DecoderState(NamedTuple):
    """The state of an `AttentionDecoder` between two steps.

    Attributes:
        cell: List of the cell's states, (B, units) each; for several cells a
            list of such lists.
        attention: Tuple with what each attention remembers: a tuple of (B, S)
            tensors.
        fed: The output that is fed to the next step with `attend="after"` and
            `input_feeding`, in a tuple; else an empty tuple.
    """

    cell: Nest
    attention: tuple[Sequence[Tensor], ...]
    fed: tuple[Tensor, ...]


class Sources(NamedTuple):
    """What all steps look at.

    Attributes:
        memories: List with the memory of each attention, (B, S, E).
        keys: List with the keys of each memory, (B, S, ·).
        masks: List with the mask of each memory, (B, S) or None.
    """

    memories: list[Tensor]
    keys: list[Tensor]
    masks: list[Tensor | None]


def each_of(name: str, given: Nest, count: int) -> list[Any]:
    """The list with what is given for each of several attentions, or a refusal."""
    a_list = isinstance(given, (list, tuple))
    if not a_list or len(given) != count:
        received = f"one of {len(given)}" if a_list else type(given).__name__
        raise ValueError(
            f"`{name}` must be a list of {count}, one for each attention; "
            f"received {received}."
        )
    return list(given)


def cells_of(cell: Any) -> list[Any]:
    """The list of cells that a cell consists of."""
    stacked = isinstance(cell, keras.layers.StackedRNNCells)
    return list(cell.cells) if stacked else [cell]


def check_cell(cell: Any, owner: keras.layers.Layer) -> None:
    """Refuses what is no cell, or computes with other numbers than its owner."""
    if (
        not isinstance(cell, keras.layers.Layer)
        or isinstance(cell, keras.layers.RNN)
        or not hasattr(cell, "state_size")
    ):
        raise TypeError(
            "`cell` must be a cell, such as ExplicitLSTMCell, or a list of cells; "
            f"received {cell!r}."
        )
    check_dtype("cell", cell, owner)


def hidden_of(cell: Any, cell_state: Nest) -> Tensor:
    """Gives h, the first state of the last cell."""
    stacked = isinstance(cell, keras.layers.StackedRNNCells)
    return cell_state[-1][0] if stacked else cell_state[0]


def hidden_size(cell: Any) -> int:
    """Size of the first state of the last cell."""
    return _sizes(cells_of(cell)[-1])[0]


def output_size(cell: Any) -> int:
    """Size of what the last cell gives out."""
    last = cells_of(cell)[-1]
    return getattr(last, "output_size", None) or hidden_size(last)


def first_cell_state(cell: Any, like: Tensor, dtype: str) -> list[Any]:
    """The state before the first step: the cells' own, or zeros.

    Args:
        cell: The cell.
        like: A tensor with as many rows, (B, S, ·).
        dtype: That of zeros.
    """
    states = []
    for one in cells_of(cell):
        own = getattr(one, "get_initial_state", None)
        if own is None or (is_symbolic(like) and _starts_from_zeros(one)):
            states.append([zeros_beside(like, size, dtype) for size in _sizes(one)])
        elif is_symbolic(like):
            raise ValueError(
                "`cell_state` must be given with a symbolic memory, whose number of "
                f"rows isn't known: the cell {one.name!r} makes its own first state."
            )
        else:
            state = own(batch_size=ops.shape(like)[0])
            states.append(list(state) if tree.is_nested(state) else [state])
    return states if isinstance(cell, keras.layers.StackedRNNCells) else states[0]


def _starts_from_zeros(cell: Any) -> bool:
    """Whether a cell has the first state of Keras's, zeros."""
    layers = keras.layers
    return type(cell).get_initial_state in (
        layers.LSTMCell.get_initial_state,
        layers.GRUCell.get_initial_state,
        layers.SimpleRNNCell.get_initial_state,
    )


def initial_state_of(
    decoder: "AttentionDecoder",
    memories: Sequence[Tensor],
    masks: Sequence[Tensor | None],
    given: Nest,
) -> DecoderState:
    """The state before the first step.

    Args:
        decoder: The decoder.
        memories: List of tensors (B, S, E).
        masks: List of masks (B, S) or None.
        given: States of the cell, a `DecoderState` to go on from, or None.
    """
    cell, dtype = decoder.cell, decoder.compute_dtype
    going_on = is_decoder_state(given)
    cell_state = given
    if given is None or going_on:
        cell_state = first_cell_state(cell, memories[0], dtype)
    attention = tuple(
        tuple(attention.get_initial_state(memory, mask))
        for attention, memory, mask in zip(
            decoder.attentions, memories, masks, strict=True
        )
    )
    fed: tuple[Tensor, ...] = ()
    if decoder.input_feeding and decoder.attend == "after":
        fed = (zeros_beside(memories[0], decoder.output_size(memories), dtype),)
    cell_state = check_cell_state(cell, cell_state, memories[0], dtype)
    fresh = DecoderState(cell_state, attention, fed)
    return check_decoder_state(given, fresh) if going_on else fresh


def check_cell_state(cell: Any, state: Nest, like: Tensor, dtype: str) -> Nest:
    """The state of the cells as lists, or a refusal.

    Args:
        cell: The cell.
        state: What should be its state.
        like: A tensor with as many rows, (B, ...).
        dtype: That of the result.
    """
    cells = cells_of(cell)
    if not isinstance(cell, keras.layers.StackedRNNCells):
        state = check_states("initial_state", state, cell.state_size, like)
    elif isinstance(state, (list, tuple)) and len(state) == len(cells):
        state = [
            check_states("initial_state", one, part.state_size, like)
            for one, part in zip(state, cells, strict=True)
        ]
    else:
        received = (
            f"one of {len(state)}"
            if isinstance(state, (list, tuple))
            else type(state).__name__
        )
        raise ValueError(
            f"`initial_state` must be a list of {len(cells)}, the states of each cell; "
            f"received {received}."
        )
    return tree.map_structure(lambda s: ops.cast(s, dtype), state)


def is_decoder_state(given: Nest) -> bool:
    """Whether it is a `DecoderState`, or the list that Keras reloads as one."""
    return isinstance(given, DecoderState) or (
        isinstance(given, (list, tuple))
        and len(given) == 3
        and all(isinstance(part, (list, tuple)) for part in given)
        and all(isinstance(remembered, (list, tuple)) for remembered in given[1])
    )


def as_decoder_state(given: Nest) -> DecoderState:
    """The state that a step was given, or a refusal."""
    if isinstance(given, DecoderState):
        return given
    if not is_decoder_state(given):
        raise ValueError(
            "`state` must be a DecoderState, from `get_initial_state` or the step "
            f"before; received {type(given).__name__}."
        )
    return DecoderState(given[0], tuple(map(tuple, given[1])), tuple(given[2]))


def check_decoder_state(given: Nest, fresh: DecoderState) -> DecoderState:
    """The state to go on from, in the structure and dtypes of the fresh one."""
    received = [ops.convert_to_tensor(array) for array in tree.flatten(given)]
    expected = tree.flatten(fresh)
    shapes = [tuple(array.shape) for array in received]
    wanted = [tuple(array.shape) for array in expected]
    fits = len(shapes) == len(wanted) and all(
        len(s) == len(w)
        and all(a is None or b is None or a == b for a, b in zip(s, w, strict=True))
        for s, w in zip(shapes, wanted, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`initial_state` must be a DecoderState with tensors of shapes {wanted}; "
            f"received shapes {shapes}."
        )
    cast = [ops.cast(r, e.dtype) for r, e in zip(received, expected, strict=True)]
    return tree.pack_sequence_as(fresh, cast)


def _sizes(cell: Any) -> list[int]:
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]
