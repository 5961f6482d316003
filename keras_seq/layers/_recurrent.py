"""What the recurrent layers that show their gates have in common."""

import inspect
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._arguments import (
    check_flag,
    check_numbers,
    check_states,
    counting,
    refuse_time_distributed,
)
from keras_seq.layers._calls import RecurrentCall
from keras_seq.layers._ragged import Ragged
from keras_seq.layers._recurrent_cell import RecurrentCell
from keras_seq.ops._engine import pytorch_native
from keras_seq.ops._structures import map_tensors
from keras_seq.typing import ArrayLike, Function, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class RecurrentLayer(keras.layers.RNN):
    """A `keras.layers.RNN` that runs a recurrence over the whole sequence at once.

    A subclass sets `cell_class` and `gate_names`, makes its cell and defines
    `recurrence`. Every constructor argument of the cell becomes a property of
    the layer, as in Keras, and a part of its config.

    Args:
        cell: The cell, which holds the weights.
        return_gates: Whether to return the gates too.
        **options: What `keras.layers.RNN` takes.
    """

    __call__: RecurrentCall

    # The class of the cell, and the names of what `return_gates` returns.
    cell_class: type[RecurrentCell]
    gate_names: tuple[str, ...]
    # What the cells of all subclasses were made with: properties.
    units: int
    activation: Function
    use_bias: bool
    kernel_initializer: Function
    recurrent_initializer: Function
    bias_initializer: Function
    kernel_regularizer: Function | None
    recurrent_regularizer: Function | None
    bias_regularizer: Function | None
    kernel_constraint: Function | None
    recurrent_constraint: Function | None
    bias_constraint: Function | None
    dropout: float
    recurrent_dropout: float
    seed: int | None
    layer_norm: bool
    layer_norm_epsilon: float
    zoneout: float | tuple[float, ...]
    weight_dropout: float

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Only where the cell is named: a subclass of a user's keeps what it defines.
        if "cell_class" in vars(cls):
            for name in _arguments(cls.cell_class):
                setattr(cls, name, property(operator.attrgetter(f"cell.{name}")))

    def __init__(
        self, cell: RecurrentCell, *, return_gates: bool, **options: Any
    ) -> None:
        check_flag("return_gates", return_gates)
        super().__init__(cell, **options)
        self.return_gates = return_gates
        self.input_spec = keras.InputSpec(ndim=3)
        self.supports_masking = True

    @property
    def return_state(self) -> bool:
        """Whether more than the output comes back, the state or the gates.

        This is what `keras.layers.Bidirectional` wants to know, and why the gates come
        out of it. What the constructor was given is in `get_config()`.
        """
        return self._returns_state or vars(self).get("return_gates", False)

    @return_state.setter
    def return_state(self, value: bool) -> None:
        self._returns_state = value

    def recurrence(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        *weights: Tensor,
        **options: Any,
    ) -> tuple[Tensor | None, tuple[Tensor, ...], dict[str, Tensor] | None]:
        """Gives h or None, the final state, and the gates or None.

        Args:
            sequences: The input x. Shape (B, T, D).
            initial_state: List of tensors of shape (B, units).
            *weights: The kernel, the recurrent kernel, and the bias or None.
            **options: The options that all recurrences in `keras_seq.ops` share.
        """
        raise NotImplementedError

    def _natively(
        self,
        kind: str | None,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        weights: tuple[Tensor, ...],
        options: dict[str, Any],
    ) -> tuple[Tensor | None, tuple[Tensor, ...], None] | None:
        """What `recurrence` gives, from a kernel of the backend; None for our loop.

        Args:
            kind: What the kernel is called, or None where there is none for these
                equations.
            sequences: As `recurrence` takes them, like all that follows.
            initial_state: The states.
            weights: The weights.
            options: The options.
        """
        if not getattr(self, "use_cudnn", "auto"):
            return None
        reason = pytorch_native.reason_against(sequences, options)
        if kind is None:
            reason = reason or "with these activations, or without `reset_after`"
        if reason is not None:
            self._refuse_native(reason)
            return None
        state = tuple(initial_state)
        if not pytorch_native.applies_here(sequences, state):
            return None
        names = "mask", "input_dropout", "go_backwards", "return_sequences"
        taken = {name: options[name] for name in names}
        return pytorch_native.run(str(kind), sequences, state, *weights, **taken)

    def _refuse_native(self, reason: str) -> None:
        """Refuses a call for which a kernel of the backend was demanded."""
        if getattr(self, "use_cudnn", "auto") is True:
            raise ValueError(
                f"`use_cudnn` of {self.name!r} must be 'auto' or False {reason}; "
                "received True."
            )

    def build(self, sequences_shape: Shape, initial_state_shape: Nest = None) -> None:
        if isinstance(sequences_shape, dict) or any(
            isinstance(size, (tuple, list)) for size in sequences_shape
        ):
            raise ValueError(
                "`sequences` must be one tensor (B, T, D); received a nest of shapes "
                f"{sequences_shape}."
            )
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

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
        check_numbers("sequences", sequences)
        sequences = ops.cast(sequences, self.compute_dtype)
        initial_state = self._initial_state(sequences, initial_state)
        mask = counting(mask, sequence_length, sequences)
        cell = self.cell
        batch, _, features = ops.shape(sequences)
        on_input, on_state = cell.dropout_masks(
            ops.zeros((batch, features), sequences.dtype), initial_state[0], training
        )
        recurrent_kernel = cell.drop_weights(
            ops.cast(cell.recurrent_kernel, self.compute_dtype), training
        )
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
        if cell.varied:
            self._refuse_native("with a variant of the equations")
        run = cell.run_varied if cell.varied else self.recurrence
        h, state, gates = run(
            sequences,
            initial_state,
            ops.cast(cell.kernel, self.compute_dtype),
            recurrent_kernel,
            None if cell.bias is None else ops.cast(cell.bias, self.compute_dtype),
            mask=mask,
            input_dropout=on_input,
            recurrent_dropout=on_state,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            return_sequences=self.return_sequences,
            return_gates=self.return_gates,
            training=training,
        )
        if self.stateful:
            for variable, value in zip(self.states, state, strict=True):
                variable.assign(value)
        output = h if self.return_sequences else state[0]
        if mask is not None:
            output = self._masked_output(output, mask)
        if ragged is not None:
            in_time = ragged.in_time(self.go_backwards)
            output = in_time(output) if self.return_sequences else output
            gates = map_tensors(in_time, gates)
        results: tuple[Nest, ...] = (output,)
        if self._returns_state:
            results += tuple(state)
        if self.return_gates:
            results += (gates,)
        return results if len(results) > 1 else output

    def _initial_state(self, sequences: Tensor, initial_state: Nest) -> list[Tensor]:
        if self.stateful:
            self._check_stateful_batch(sequences)
        if initial_state is None and self.stateful:
            # Copies: PyTorch's variables change in place, and before the gradient.
            initial_state = [ops.copy(state) for state in self.states]
        elif initial_state is None:
            initial_state = self.get_initial_state(ops.shape(sequences)[0])
        else:
            initial_state = check_states(
                "initial_state", initial_state, self.state_size, sequences
            )
        return [
            ops.cast(ops.convert_to_tensor(state), self.compute_dtype)
            for state in initial_state
        ]

    def _check_stateful_batch(self, sequences: Tensor) -> None:
        expected, received = self._expected_batch_size, sequences.shape[0]
        if received is not None and received != expected:
            raise ValueError(
                "A stateful layer keeps the batch size it was built with: expected "
                f"`sequences` of {expected} rows; received {received}."
            )

    def _masked_output(self, output: Tensor, mask: Tensor) -> Tensor:
        """Puts 0 where Keras does: before any step that counts, or at all."""
        if self.go_backwards:
            mask = ops.flip(mask, axis=1)
        if not self.zero_output_for_mask:
            mask = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        if not self.return_sequences:
            mask = ops.any(mask[:, -1:], axis=1)
        return ops.where(ops.expand_dims(mask, -1), output, ops.zeros_like(output))

    def compute_output_spec(self, sequences: Tensor, *args: Any, **kwargs: Any) -> Nest:
        check_numbers("sequences", sequences)
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                "`unroll` must be False where the number of steps isn't known when "
                f"tracing; received sequences of shape {tuple(sequences.shape)}."
            )
        return super().compute_output_spec(sequences, *args, **kwargs)

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Nest = None
    ) -> Nest:
        refuse_time_distributed(self)
        batch, length = sequences_shape[:2]
        states = tuple((batch, size) for size in self.state_size)
        results: tuple[Nest, ...] = states[:1]
        if self.return_sequences:
            results = ((batch, length, self.state_size[0]),)
        if self._returns_state:
            results += states
        if self.return_gates:
            gate = batch, length, self.units
            results += (dict.fromkeys(self.gate_names, gate),)
        return results if len(results) > 1 else results[0]

    def compute_mask(self, sequences: Tensor, mask: Nest = None) -> Nest:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        masks: tuple[Nest, ...] = (mask if self.return_sequences else None,)
        if self._returns_state:
            masks += (None,) * len(self.state_size)
        if self.return_gates:
            masks += (dict.fromkeys(self.gate_names, mask),)
        return masks if len(masks) > 1 else masks[0]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        config.update({name: cell_config[name] for name in _arguments(self.cell_class)})
        config["activity_regularizer"] = keras.regularizers.serialize(
            self.activity_regularizer
        )
        config["return_state"] = self._returns_state
        config["return_gates"] = self.return_gates
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        return cls(**config)


def _arguments(cell_class: type[RecurrentCell]) -> list[str]:
    """The names of a cell's constructor arguments, without what all layers take."""
    return [
        name
        for name, parameter in inspect.signature(cell_class.__init__).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
