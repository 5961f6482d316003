"""Recurrent layers on top of each other, in one direction or both, as one layer."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras
from keras import ops

from keras_seq.layers._arguments import (
    check_flag,
    check_rate,
    check_size,
    counting,
    refuse_time_distributed,
)
from keras_seq.layers._calls import StackCall
from keras_seq.layers._ragged import Ragged
from keras_seq.layers._recurrent import RecurrentLayer
from keras_seq.layers.gru import ExplicitGRU
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.simple_rnn import ExplicitSimpleRNN
from keras_seq.ops._structures import map_tensors
from keras_seq.typing import ArrayLike, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

Kind: TypeAlias = Literal["lstm", "gru", "simple_rnn"]
KINDS: dict[Kind, Callable[..., RecurrentLayer]] = {
    "lstm": ExplicitLSTM,
    "gru": ExplicitGRU,
    "simple_rnn": ExplicitSimpleRNN,
}
# What the stack says of its layers itself.
_OWN = (
    "units",
    "name",
    "dtype",
    "seed",
    "return_sequences",
    "return_state",
    "return_gates",
    "go_backwards",
    "stateful",
)


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitStack(keras.layers.Layer):
    """Layers that show their gates, on top of each other: as `torch.nn.LSTM` in one.

    ```
    y^0 = x
    y^n = [layer_n forwards(y^{n-1}); layer_n backwards(y^{n-1})]
    ```

    without the second half where it runs in one direction. What comes back of each
    layer and direction stands in one list, as in PyTorch's h_n: layer 0 forwards, layer
    0 backwards, layer 1 forwards, ... So do `recurrent_layers`, the layers themselves.

    A mask, or `sequence_length`, holds for all layers. Where a step is masked the
    outputs are those of `ExplicitLSTM`; with `layer_options={"zero_output_for_mask":
    True}` they are 0, as PyTorch's of packed sequences.

    It keeps no state between calls: give it what `return_state` gave.

    Args:
        kind: "lstm", "gru" or "simple_rnn".
        units: Size of the state of each layer and direction, a positive integer.
        num_layers: How many layers, a positive integer.
        bidirectional: Whether each runs in both directions, with weights of its own.
        dropout: Share of the outputs of each layer but the last that is set to 0 in
            training, in [0, 1), as in PyTorch.
        return_sequences: Whether to return the last layer's output of every step, or
            the last one of each direction.
        return_state: Whether to return the states too.
        return_gates: Whether to return the gates too.
        layer_options: Arguments of `ExplicitLSTM`, `ExplicitGRU` or `ExplicitSimpleRNN`
            that each layer is made with: `{"recurrent_dropout": 0.1}`. (`dropout` among
            them drops inputs of every layer, the same at every step.)
        seed: Seed of all that is drawn in training.
        **kwargs: What every Keras layer takes.

    Call arguments:
        sequences: The input x. Shape (B, T, D), or a `tf.RaggedTensor` (B, (T), D).
        initial_state: For each layer and direction its states, in lists as
            `return_state` gives them. 0 by default.
        mask: True where a step counts. Shape (B, T).
        training: Whether dropout acts.
        sequence_length: How many steps of each row count, integers of shape (B,). With
            a mask both hold.

    Returns:
        The output, of shape (B, T, units) or (B, units), or of 2 · units in both
        directions; with `return_state=True` a list with the states of each layer and
        direction, [h_T, c_T] or [h_T]; with `return_gates=True` a list with the dict
        of gates of each, (B, T, units). Gates stand in the order of the input, also of
        what runs backwards. What is returned of all steps is ragged if x is.

    Raises:
        ValueError: If an argument is out of its range or the shapes don't fit.

    Example:

    >>> import numpy as np
    >>> stack = ExplicitStack(
    ...     "lstm", 4, num_layers=2, bidirectional=True, dropout=0.2,
    ...     return_state=True, return_gates=True,
    ... )
    >>> y, states, gates = stack(np.ones((3, 7, 5), "float32"))
    >>> y.shape, len(states), len(gates)
    (TensorShape([3, 8]), 4, 4)
    >>> gates[3]["forget"].shape  # layer 1, backwards
    TensorShape([3, 7, 4])

    References:
        Graves (2012), Supervised sequence labelling with recurrent neural networks.
    """

    __call__: StackCall

    def __init__(
        self,
        kind: Kind,
        units: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        return_gates: bool = False,
        layer_options: Mapping[str, Any] | None = None,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        if kind not in tuple(KINDS):
            raise ValueError(
                f"`kind` must be one of {sorted(KINDS)}; received {kind!r}."
            )
        units = check_size("units", units)
        num_layers = check_size("num_layers", num_layers)
        check_rate("dropout", dropout)
        flags = {
            "bidirectional": bidirectional,
            "return_sequences": return_sequences,
            "return_state": return_state,
            "return_gates": return_gates,
        }
        for name, flag in flags.items():
            check_flag(name, flag)
        if not isinstance(layer_options, (Mapping, type(None))):
            raise ValueError(
                "`layer_options` must be a dict of a layer's arguments; received "
                f"{layer_options!r}."
            )
        options = dict(layer_options or {})
        own = sorted(set(options) & set(_OWN))
        if own:
            raise ValueError(
                f"`layer_options` must leave {', '.join(_OWN)} to the stack, which is "
                f"not stateful; received {own}."
            )
        super().__init__(**kwargs)
        self.kind = kind
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = float(dropout)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.return_gates = return_gates
        self.layer_options = options
        self.seed = seed
        self.supports_masking = True
        self.recurrent_layers: list[RecurrentLayer] = [
            KINDS[kind](
                units,
                **_copied(options),
                return_sequences=return_sequences or number < num_layers - 1,
                return_state=True,
                return_gates=return_gates,
                go_backwards=backwards,
                seed=None if seed is None else seed + 2 * number + backwards,
                dtype=self.dtype_policy,
                name=f"{self.name}_{number}{'_backwards' * backwards}",
            )
            for number in range(num_layers)
            for backwards in self._ways
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, seed=None if seed is None else seed - number)
            for number in range(1, num_layers)
        ]

    @property
    def _ways(self) -> tuple[bool, ...]:
        """Whether each direction is the one backwards."""
        return (False, True) if self.bidirectional else (False,)

    def build(self, sequences_shape: Shape, initial_state_shape: Nest = None) -> None:
        size = sequences_shape[-1]
        for number, layer in enumerate(self.recurrent_layers):
            if not layer.built:
                layer.build((sequences_shape[0], None, size))
            if (number + 1) % len(self._ways) == 0:
                size = len(self._ways) * layer.state_size[0]

    def call(
        self,
        sequences: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        sequence_length: ArrayLike | None = None,
    ) -> Nest:
        refuse_time_distributed(self)
        ragged = Ragged.of(sequences, sequence_length)
        if ragged is not None:
            sequences, sequence_length = ragged.sequences, ragged.lengths
        y = ops.cast(sequences, self.compute_dtype)
        mask = counting(mask, sequence_length, y)
        given = iter(self._check_initial_state(initial_state))
        layers, dropouts = iter(self.recurrent_layers), iter(self.dropouts)
        states: list[list[Tensor]] = []
        gates: list[dict[str, Tensor]] = []
        for number in range(self.num_layers):
            outputs = []
            for backwards in self._ways:
                layer = next(layers)
                results = layer(
                    y, initial_state=next(given), mask=mask, training=training
                )
                output, *state = results[: 1 + len(layer.state_size)]
                in_order = _reversed if backwards else _unchanged
                outputs.append(in_order(output) if layer.return_sequences else output)
                states.append(state)
                if self.return_gates:
                    gates.append(map_tensors(in_order, results[-1]))
            y = ops.concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]
            if number < self.num_layers - 1:
                y = next(dropouts)(y, training=training)
        if ragged is not None:
            in_time = ragged.in_time(go_backwards=False)
            y = in_time(y) if self.return_sequences else y
            gates = [map_tensors(in_time, shown) for shown in gates]
        return self._results(y, states, gates)

    def _results(self, output: Nest, states: Nest, gates: Nest) -> Nest:
        results: tuple[Nest, ...] = (output,)
        if self.return_state:
            results += (states,)
        if self.return_gates:
            results += (gates,)
        return results if len(results) > 1 else output

    def _check_initial_state(self, initial_state: Nest) -> list[Nest]:
        count = len(self.recurrent_layers)
        if initial_state is None:
            return [None] * count
        if not isinstance(initial_state, (list, tuple)) or len(initial_state) != count:
            a_list = isinstance(initial_state, (list, tuple))
            received = (
                f"a list of {len(initial_state)}"
                if a_list
                else type(initial_state).__name__
            )
            raise ValueError(
                f"`initial_state` must be a list of {count}, the states of each layer "
                f"and direction; received {received}."
            )
        return list(initial_state)

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Nest = None
    ) -> Nest:
        refuse_time_distributed(self)
        batch, length = sequences_shape[:2]
        sizes = self.recurrent_layers[0].state_size
        width = len(self._ways) * sizes[0]
        output = (batch, length, width) if self.return_sequences else (batch, width)
        states = [[(batch, size) for size in sizes] for _ in self.recurrent_layers]
        gates = [
            dict.fromkeys(layer.gate_names, (batch, length, self.units))
            for layer in self.recurrent_layers
        ]
        return self._results(output, states, gates)

    def compute_mask(self, sequences: Tensor, mask: Nest = None) -> Nest:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        return self._results(
            mask if self.return_sequences else None,
            [[None] * len(layer.state_size) for layer in self.recurrent_layers],
            [dict.fromkeys(layer.gate_names, mask) for layer in self.recurrent_layers],
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kind": self.kind,
            "units": self.units,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "return_gates": self.return_gates,
            "layer_options": keras.saving.serialize_keras_object(self.layer_options),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        options = keras.saving.deserialize_keras_object(config["layer_options"])
        return cls(**{**config, "layer_options": options})


def _copied(options: dict[str, Any]) -> dict[str, Any]:
    """The options with initialisers of their own: an unseeded one repeats itself."""
    return {
        name: value.clone()
        if isinstance(value, keras.initializers.Initializer)
        else value
        for name, value in options.items()
    }


def _unchanged(steps: Tensor) -> Tensor:
    return steps


def _reversed(steps: Tensor) -> Tensor:
    """Of (B, T, ·) the steps from the last to the first."""
    return ops.flip(steps, axis=1)
