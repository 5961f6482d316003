"""A stack of layers that reads a sequence whole or token by token."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import keras

from keras_seq.decoding._steppable import (
    check_steppable,
    has_state,
    is_placed,
    is_recurrent,
    over_steps,
    parts_of,
    recalls,
    try_alone,
)
from keras_seq.typing import Integers, Tensor


class _Sequential(Protocol):
    """A `keras.Sequential`, of which checkers may know nothing."""

    @property
    def layers(self) -> list[Any]: ...


class Stepper:
    """Reads a prompt at once, then goes on a token at a time.

    Takes the layers of a language model in their order: an embedding, any of
    Keras's or our recurrent layers, dense layers, normalisation, `TimeDistributed`,
    dropout (which does nothing here). What is not recurrent must act on each step
    alone, and may ask for sequences: a step is a sequence of one, (B, 1, ...). A layer
    that takes the position of the first step as `start`, such as `PositionalEncoding`,
    is told how many tokens came before: that is its state. One that takes `tokens`,
    `initial_state` and `return_state`, such as `SuffixAttention`, is told the tokens.

    Args:
        layers: The layers, e.g. `model.layers`, each of which is given what the one
            before returns. Recurrent ones need `return_sequences=True` and
            `return_state=True`; input layers are passed over, and of a
            `keras.Sequential`, among them or by itself, its layers taken.

    Raises:
        ValueError: If a recurrent layer doesn't return what is needed, or
            cannot be stepped: one that is bidirectional, goes backwards, or
            keeps its state between calls; if a layer puts steps together, as
            convolution, pooling, attention and `Flatten` do, or takes several inputs.
            Layers of one's own, `Lambda` and models are tried: by the constructor if
            they are built, else by the first `read`, which raises it then.
        TypeError: If one of `layers` is no Keras layer.

    Example:

    >>> import numpy as np
    >>> from keras_seq.layers import ExplicitLSTM
    >>> stepper = Stepper(
    ...     [
    ...         keras.layers.Embedding(10, 4),
    ...         ExplicitLSTM(8, return_sequences=True, return_state=True),
    ...         keras.layers.Dense(10),
    ...     ]
    ... )
    >>> logits, state = stepper.read(np.array([[1, 2, 3]]))
    >>> next_logits, state = stepper.step(np.array([4]), state)
    >>> logits.shape, next_logits.shape
    (TensorShape([1, 3, 10]), TensorShape([1, 10]))
    """

    def __init__(self, layers: Iterable[keras.Layer] | _Sequential) -> None:
        given: Any = [layers] if isinstance(layers, keras.Layer) else layers
        self.layers = [part for layer in given for part in parts_of(layer)]
        # Those that are tried at the first reading: what they do isn't known before.
        self._untried = [layer for layer in self.layers if not check_steppable(layer)]

    def initial_state(self, batch_size: Integers) -> list[list[Tensor]]:
        """The state before the first token: a list of a state a layer that has one.

        Those are the recurrent layers, those that are told the tokens, and those that
        are told the position: (B,), 0 before the first token.
        """
        return [
            [keras.ops.zeros((batch_size,), "int32")]
            if is_placed(layer)
            else list(layer.get_initial_state(batch_size))
            for layer in self.layers
            if has_state(layer)
        ]

    def read(
        self,
        tokens: Tensor,
        mask: Tensor | None = None,
        initial_state: Sequence[Sequence[Tensor]] | None = None,
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Reads whole sequences.

        Args:
            tokens: Integer tensor of shape (B, T).
            mask: True where a token counts, shape (B, T), or None for all that
                an embedding with `mask_zero=True` doesn't mask.
            initial_state: State to go on from, or None for the first.

        Returns:
            The last layer's outputs (B, T, ...) and the state behind the last
            token that counts.
        """
        self._check_tokens(tokens, 2)
        x, states = tokens, []
        before = self._states("initial_state", initial_state)
        for layer in self.layers:
            if is_recurrent(layer):
                x, *state = layer(x, mask=mask, initial_state=next(before))[
                    : 1 + len(layer.state_size)
                ]
                states.append(state)
            elif recalls(layer):
                x, state = layer(x, tokens, next(before), mask=mask, return_state=True)
                states.append(list(state))
            elif is_placed(layer):
                (place,) = next(before) or [
                    keras.ops.zeros((keras.ops.shape(x)[0],), "int32")
                ]
                counts = getattr(x, "_keras_mask", None) if mask is None else mask
                states.append([place + _tokens_read(x, counts)])
                x = self._over_steps(layer, x, start=place)
            else:
                x = self._over_steps(layer, x)
        return x, states

    def step(
        self, tokens: Tensor, state: Sequence[Sequence[Tensor]]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Reads one token a row: the step function that `generate` wants.

        Args:
            tokens: Integer tensor of shape (B,). All of them count, whatever
                an embedding with `mask_zero=True` would mask.
            state: The state before.

        Returns:
            The last layer's outputs (B, ...) and the state after.
        """
        self._check_tokens(tokens, 1)
        return self._step(tokens, tokens, state, 0)

    def prepared_step(self) -> Callable:
        """A function that gives what `step` gives, for a loop of many steps.

        Where a small vocabulary is read through an embedding (and layers that act on
        each step alone) by one of our recurrent cells, the cell's product with the
        input is taken here, once for every token, and is looked up in the loop.
        `generate` asks for it when it is given `step`. The weights are those of now.
        """
        rows = list(
            itertools.takewhile(lambda each: type(each) in _OF_ROWS, self.layers)
        )
        cell: Any = getattr([*self.layers, None][len(rows)], "cell", None)
        if (
            not rows
            or not isinstance(rows[0], keras.layers.Embedding)
            or rows[0].input_dim > _SMALL_VOCABULARY
            or not _foldable(cell)
        ):
            return self.step
        x = keras.ops.arange(rows[0].input_dim, dtype="int32")
        for layer in rows:
            x = layer(x)
        table = cell.project_inputs(x)

        def step(tokens: Tensor, state: Sequence[Sequence[Tensor]]) -> Any:
            projected = keras.ops.take(table, tokens, axis=0)
            return self._step(projected, tokens, state, len(rows), projected=True)

        return step

    def _step(
        self,
        x: Tensor,
        tokens: Tensor,
        state: Sequence[Sequence[Tensor]],
        start: int,
        projected: bool = False,
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """A step of the layers from `start` on, the first perhaps with its product."""
        states: list[list[Tensor]] = []
        before = self._states("state", state)
        for layer in self.layers[start:]:
            if getattr(x, "_keras_mask", None) is not None:
                # The copy leaves the embedding's mask behind: this token counts.
                x = keras.ops.copy(x)
            if projected:
                x, layer_state, _ = layer.cell.step_projected(x, next(before))
                states.append(list(layer_state))
                projected = False
            elif is_recurrent(layer):
                x, layer_state = layer.cell(x, next(before))
                states.append(
                    list(layer_state)
                    if isinstance(layer_state, (list, tuple))
                    else [layer_state]
                )
            elif recalls(layer):
                one = (keras.ops.expand_dims(each, 1) for each in (x, tokens))
                x, layer_state = layer(*one, next(before), return_state=True)
                x = x[:, 0]
                states.append(list(layer_state))
            elif is_placed(layer):
                (place,) = next(before)
                x = over_steps(layer, keras.ops.expand_dims(x, 1), start=place)[:, 0]
                states.append([place + 1])
            elif type(layer) in _OF_ROWS:
                x = layer(x)
            else:
                x = over_steps(layer, keras.ops.expand_dims(x, 1))[:, 0]
        return x, states

    def _over_steps(self, layer: Any, x: Tensor, **options: Tensor) -> Tensor:
        """What a layer that isn't recurrent makes of a sequence."""
        if any(layer is untried for untried in self._untried) and try_alone(layer, x):
            self._untried = [each for each in self._untried if each is not layer]
        return over_steps(layer, x, **options)

    def _states(
        self, name: str, given: Sequence[Sequence[Tensor]] | None
    ) -> Iterator[Any]:
        """The state of each layer that has one, or as many times None."""
        count = sum(has_state(layer) for layer in self.layers)
        if given is None and name == "initial_state":
            return iter([None] * count)
        if not isinstance(given, (list, tuple)) or len(given) != count:
            received = len(given) if isinstance(given, (list, tuple)) else given
            raise ValueError(
                f"`{name}` must be a list of the states of {count} layers, as "
                f"`initial_state` gives it; received {received!r}."
            )
        return iter(given)

    def _check_tokens(self, tokens: Tensor, rank: int) -> None:
        reads_tokens = self.layers and isinstance(
            self.layers[0], keras.layers.Embedding
        )
        shape = tuple(getattr(tokens, "shape", ()))
        if reads_tokens and shape and len(shape) != rank:
            raise ValueError(
                f"`tokens` must be integers {('(B,)', '(B, T)')[rank - 1]}; received "
                f"shape {shape}."
            )


_SMALL_VOCABULARY = 256  # whose products with the kernel cost less than a few steps

# They do the same to rows (B, F) as to steps, and spare the loop two operations.
_OF_ROWS = (
    *(keras.layers.Embedding, keras.layers.Dense, keras.layers.LayerNormalization),
    *(keras.layers.Dropout, keras.layers.Activation),
)


def _foldable(cell: Any) -> bool:
    """Whether a cell takes inputs that are projected: it is ours, and no variant."""
    return (
        hasattr(cell, "step_projected")
        and cell.built
        and not cell.varied
        and cell.compute_dtype == cell.variable_dtype
    )


def _tokens_read(x: Tensor, mask: Tensor | None) -> Tensor:
    """How many tokens were read up to the last one that counts: () or (B,)."""
    count = keras.ops.shape(x)[1]
    if mask is None:
        return count
    places = keras.ops.arange(1, count + 1, dtype="int32")
    counted = keras.ops.where(mask, places, keras.ops.zeros_like(places))
    return keras.ops.max(counted, axis=1, initial=0)
