"""A stack of layers that reads a sequence whole or token by token."""

from collections.abc import Iterable, Sequence

import keras

from keras_seq.typing import Array, Integers, Tensor


class Stepper:
    """Reads a prompt at once, then goes on a token at a time.

    Takes the layers of a language model in their order: an embedding, any of
    Keras's or our recurrent layers, dense layers, dropout (which does nothing
    here). What is not recurrent must act on each step alone.

    Args:
        layers: The layers, e.g. `model.layers`. Recurrent ones need
            `return_sequences=True` and `return_state=True`; input layers are
            passed over.

    Raises:
        ValueError: If a recurrent layer doesn't return what is needed, or
            cannot be stepped: one that is bidirectional, goes backwards, or
            keeps its state between calls.

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

    def __init__(self, layers: Iterable[keras.Layer]) -> None:
        self.layers = [
            layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)
        ]
        for layer in self.layers:
            if isinstance(layer, keras.layers.Bidirectional):
                raise ValueError(
                    f"layer {layer.name!r} is bidirectional: it reads what is not "
                    "there yet, so it cannot be stepped."
                )
            if _recurrent(layer):
                for name, needed in _NEEDED.items():
                    if bool(getattr(layer, name)) != needed:
                        raise ValueError(
                            f"recurrent layer {layer.name!r} must have "
                            f"{name}={needed} to be stepped; received "
                            f"{name}={getattr(layer, name)}."
                        )

    def initial_state(self, batch_size: Integers) -> list[list[Tensor]]:
        """The state before the first token: a list of a state a layer."""
        return [
            list(layer.get_initial_state(batch_size))
            for layer in self.layers
            if _recurrent(layer)
        ]

    def read(
        self,
        tokens: Array,
        mask: Array | None = None,
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
        x, states = tokens, []
        before = iter(initial_state) if initial_state is not None else None
        for layer in self.layers:
            if _recurrent(layer):
                x, *state = layer(
                    x,
                    mask=mask,
                    initial_state=None if before is None else next(before),
                )[: 1 + len(layer.state_size)]
                states.append(state)
            else:
                x = layer(x)
        return x, states

    def step(
        self, tokens: Array, state: Sequence[Sequence[Tensor]]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Reads one token a row: the step function that `generate` wants.

        Args:
            tokens: Integer tensor of shape (B,). All of them count, whatever
                an embedding with `mask_zero=True` would mask.
            state: The state before.

        Returns:
            The last layer's outputs (B, ...) and the state after.
        """
        x, states = tokens, []
        before = iter(state)
        for layer in self.layers:
            if _recurrent(layer):
                # The copy leaves the embedding's mask behind: this token counts.
                x, layer_state = layer.cell(keras.ops.copy(x), next(before))
                states.append(
                    list(layer_state)
                    if isinstance(layer_state, (list, tuple))
                    else [layer_state]
                )
            else:
                x = layer(x)
        return x, states


_NEEDED = {
    "return_sequences": True,
    "return_state": True,
    "go_backwards": False,
    "stateful": False,
}


def _recurrent(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.RNN)
