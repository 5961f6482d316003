"""Explicit layers that compute what layers of Keras's do, with the same weights."""

import typing
from collections.abc import Callable

import keras
from keras import ops, tree

from keras_seq.diagnostics._recurrent_layers import twin_kind
from keras_seq.layers._decoder_state import cells_of
from keras_seq.typing import Nest, Tensor


def twins(layer: typing.Any) -> list[typing.Any]:
    """An explicit layer for each cell of a `keras.layers.RNN`; weights shared.

    Cells that are stacked within a step give what layers give one after the other.
    """
    cells = cells_of(layer.cell)
    # By their places: one cell may stand in several.
    return [_twin(layer, cell, i == len(cells)) for i, cell in enumerate(cells, 1)]


def in_turn(layer: typing.Any, explicit: list[typing.Any]) -> Callable[..., typing.Any]:
    """The call of a `keras.layers.RNN`, run by its twins."""

    def call(
        sequences: Tensor,
        initial_state: Nest = None,
        mask: Nest = None,
        training: bool | None = False,
    ) -> Nest:
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if initial_state is None:
            initial_state = layer.states
        if initial_state is None:
            initial_state = layer.get_initial_state(ops.shape(sequences)[0])
        before = tree.flatten(initial_state)
        rest, after, outputs = list(before), [], sequences
        for twin in explicit:
            count = len(twin.state_size)
            given, rest = rest[:count], rest[count:]
            given = [ops.convert_to_tensor(state) for state in given]
            outputs, *state = twin(outputs, given, mask=mask, training=training)
            after += state
            if twin is not explicit[-1] and twin.go_backwards:
                outputs = ops.flip(outputs, axis=1)
        if layer.stateful:
            for variable, value in zip(tree.flatten(layer.states), after, strict=True):
                variable.assign(value)
        if not layer.return_state:
            return outputs
        states = tree.pack_sequence_as(initial_state, after)
        states = states if isinstance(states, (list, tuple)) else [states]
        return outputs, *states

    return call


def _twin(layer: typing.Any, cell: typing.Any, last: bool) -> typing.Any:
    """The explicit layer for one cell; the last one returns what the layer does.

    Of a user's subclass it knows what the cell that it is made from has.
    """
    if (kinds := twin_kind(cell)) is None:
        raise TypeError(f"{cell!r} has no twin.")
    kind, peer = kinds
    config = peer.get_config(cell)
    if hasattr(cell, "implementation"):
        config["implementation"] = cell.implementation
    twin = kind.from_config(
        {
            **config,
            "return_sequences": layer.return_sequences if last else True,
            "return_state": True,
            "go_backwards": layer.go_backwards,
            "unroll": layer.unroll,
            "zero_output_for_mask": layer.zero_output_for_mask,
        }
    )
    twin.build((None, None, cell.kernel.shape[0]))
    shared = (keras.Variable, keras.random.SeedGenerator)
    for name, value in vars(cell).items():
        if isinstance(value, shared):
            vars(twin.cell)[name] = value
    return twin
