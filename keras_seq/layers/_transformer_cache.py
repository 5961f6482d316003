"""What a transformer's decoder remembers between steps."""

from typing import Any, NamedTuple

from keras import ops

from keras_seq.typing import Tensor


class TransformerState(NamedTuple):
    """The state of a `TransformerDecoder` between two steps.

    Every tensor has a leading B, so that a beam search can gather rows.

    Attributes:
        keys: Tuple with the keys of the self-attention of each layer, (B, H,
            max_length + 1, K). The last place is no step's: what goes past
            `max_length` is written there.
        values: The same of the values.
        position: Number of steps taken, an int32 tensor of shape (B,).
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    position: Tensor


def as_transformer_state(given: Any) -> TransformerState:
    """The state that a step was given, also as the list that Keras reloads it as."""
    if isinstance(given, TransformerState):
        return given
    sequences = (list, tuple)
    if (
        not isinstance(given, sequences)
        or len(given) != 3
        or not all(isinstance(part, sequences) for part in given[:2])
    ):
        raise ValueError(
            "`state` must be a TransformerState, from `get_initial_state` or the step "
            f"before; received {type(given).__name__}."
        )
    return TransformerState(tuple(given[0]), tuple(given[1]), given[2])


def empty_state(
    batch: Tensor,
    num_layers: int,
    num_heads: int,
    max_length: Tensor,
    size: int,
    dtype: str,
) -> TransformerState:
    def empty() -> tuple[Tensor, ...]:
        shape = (batch, num_heads, max_length + 1, size)
        return tuple(ops.zeros(shape, dtype) for _ in range(num_layers))

    return TransformerState(empty(), empty(), ops.zeros((batch,), "int32"))


class Past:
    """Keys and values of the steps before, while the next steps are read."""

    def __init__(self, state: TransformerState, steps: int) -> None:
        self.state = state
        self.steps = steps
        self.max_length = ops.shape(state.keys[0])[2] - 1
        position = ops.expand_dims(state.position, 1)
        self.positions = position + ops.arange(steps, dtype="int32")
        self.indices = self._indices()
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def _indices(self) -> Tensor:
        """Row, head and place of each new step, (B · H · T, 3)."""
        batch, heads = ops.shape(self.state.keys[0])[:2]
        index = (
            ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1)),
            ops.reshape(ops.arange(heads, dtype="int32"), (1, -1, 1)),
            ops.expand_dims(ops.minimum(self.positions, self.max_length), 1),
        )
        shape = (batch, heads, self.steps)
        index = ops.stack([ops.broadcast_to(i, shape) for i in index], axis=-1)
        return ops.reshape(index, (-1, 3))

    def remember(
        self, number: int, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Adds what a layer made of the new steps, (B, H, T, K) each.

        Returns:
            All keys and values, (B, H, max_length + 1, K) each.
        """
        for kept, before, new in (
            (self.keys, self.state.keys[number], keys),
            (self.values, self.state.values[number], values),
        ):
            new = ops.reshape(new, (-1, new.shape[-1]))
            kept.append(ops.scatter_update(before, self.indices, new))
        return self.keys[number], self.values[number]

    def allowed(self) -> Tensor:
        """True for a step's place and those before, (B, 1, T, max_length + 1)."""
        latest = ops.minimum(self.positions, self.max_length - 1)
        places = ops.arange(self.max_length + 1, dtype="int32")
        return places <= ops.expand_dims(latest, (1, 3))

    def nan_outside(self, outputs: Tensor) -> Tensor:
        """The outputs (B, T, D) with NaN past `max_length`."""
        inside = ops.expand_dims(self.positions < self.max_length, -1)
        return ops.where(inside, outputs, ops.full_like(outputs, float("nan")))

    def next_state(self, lengths: Tensor | None) -> TransformerState:
        taken = self.steps if lengths is None else ops.cast(lengths, "int32")
        position = self.state.position + taken
        return TransformerState(tuple(self.keys), tuple(self.values), position)
