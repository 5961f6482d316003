"""What the attention mechanisms have in common."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras
from keras import ops

from keras_seq.layers._arguments import check_numbers, check_rate
from keras_seq.layers._attention_arguments import (
    check_beside,
    check_rows,
    check_shape,
    memory_mask_of,
    without_masked,
)
from keras_seq.layers._calls import AttentionCall
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.ops import masked_softmax, sparsemax
from keras_seq.ops._scan import scan
from keras_seq.typing import ArrayLike, Function, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

Probability: TypeAlias = (
    Literal["softmax", "sparsemax"] | Callable[[Tensor, Tensor], Tensor]
)
"""How energies (..., S), under a mask or None, become weights."""

PROBABILITIES: dict[str, Function] = {"softmax": masked_softmax, "sparsemax": sparsemax}


class AttentionMechanism(keras.layers.Layer):
    """Attends to a memory: energies, weights, context.

    ```
    e_ts = energy(query_t, memory_s)
    a_t = probability(e_t)              over the positions that the mask leaves
    context_t = Σ_s a_ts memory_s
    ```

    A subclass defines `energies`, the one thing in which mechanisms differ, and
    puts what of it needs the memory alone into `project_memory`. If it has
    weights of its own, its `build` makes them and calls this one's. If its
    energies depend on the weights of the steps before, it overrides
    `get_initial_state` and `remember` too. It then does all that the mechanisms of
    this package do: calls, steps, masks, dropout, and `AttentionDecoder`.

    Args:
        probability: "softmax"; "sparsemax", which leaves most positions at 0; or
            a function `(energies, mask) -> weights` of arrays (..., S), to be
            registered with Keras if the layer is saved.
        dropout: Share of the weights that is set to 0 in training, in [0, 1);
            the others are scaled up. The weights that are returned are those
            before dropout.
        seed: Seed of all that is drawn in training.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: Shape (B, D), or (B, T, D) for T queries, which are taken in turn
            where the energies depend on the weights of the steps before.
        memory: Shape (B, S, E).
        memory_mask: True where a position counts, shape (B, S), or None for the
            mask that came with the memory, or for all.
        keys: `project_memory(memory)`, to save computing it again. What the memory
            held at masked positions must have been finite then.
        return_attention_scores: Whether to return the weights too.
        training: Whether dropout acts.
        memory_sequence_length: How many positions of each row count, integers of shape
            (B,): as a mask of padding behind them. With a mask both hold.

    Returns:
        The context, shape (B, E) or (B, T, E); with `return_attention_scores`
        the weights too, shape (B, S) or (B, T, S).

    Raises:
        ValueError: If an argument is out of its range or the shapes don't fit.

    Example:

    Attention to what is near in the space of the memory:

    >>> import numpy as np
    >>> @keras.saving.register_keras_serializable(package="example")
    ... class NearestAttention(AttentionMechanism):
    ...     def energies(self, query, keys, state=()):
    ...         apart = ops.expand_dims(query, 2) - ops.expand_dims(keys, 1)
    ...         return -ops.sum(ops.square(apart), axis=-1)
    >>> memory = np.array([[[0.0, 3.0], [1.0, 1.0], [-4.0, 0.0]]])
    >>> NearestAttention()(np.array([[1.0, 1.0]]), memory).numpy().round(1)
    array([[1., 1.]], dtype=float32)
    """

    __call__: AttentionCall

    def __init__(
        self,
        *,
        probability: Probability = "softmax",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        if not callable(probability) and probability not in tuple(PROBABILITIES):
            raise ValueError(
                f"`probability` must be one of {sorted(PROBABILITIES)} or a function; "
                f"received {probability!r}."
            )
        check_rate("dropout", dropout)
        self.probability = probability
        self.dropout: float = float(dropout)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self._sizes: tuple[Any, Any] = None, None

    def build(self, query_shape: Shape, memory_shape: Shape) -> None:
        """Keeps the sizes D and E; a subclass makes its weights too."""
        self._check_shapes(query_shape, memory_shape)
        self._sizes = query_shape[-1], memory_shape[-1]

    def _check_shapes(self, query_shape: Shape, memory_shape: Shape) -> None:
        query, memory = self._sizes
        check_shape("query", query_shape, "BD", "BTD", features=query)
        check_shape("memory", memory_shape, "BSE", features=memory)
        check_rows("query", query_shape, memory_shape)

    def check_built(self) -> None:
        """Refuses to compute keys before there are weights to do it with."""
        if not self.built:
            raise ValueError(
                f"layer {self.name!r} is not built: call it, or "
                "`build(query_shape, memory_shape)`, before `project_memory`."
            )

    def project_memory(self, memory: Tensor) -> Tensor:
        """What the energies need of the memory: computed once, for all steps.

        Args:
            memory: Shape (B, S, E).

        Returns:
            The keys, shape (B, S, ·).
        """
        return ops.cast(memory, self.compute_dtype)

    def energies(
        self, query: Tensor, keys: Tensor, state: Sequence[Tensor] = ()
    ) -> Tensor:
        """How well each position fits each query.

        Args:
            query: Shape (B, T, D).
            keys: What `project_memory` gave. Shape (B, S, ·).
            state: What `get_initial_state` or the last step gave.

        Returns:
            Shape (B, T, S).
        """
        raise NotImplementedError

    def get_initial_state(
        self, memory: Tensor, memory_mask: Tensor | None = None
    ) -> Sequence[Tensor]:
        """What the first step finds of the steps before it: a tuple of tensors.

        Args:
            memory: Shape (B, S, E).
            memory_mask: True where a position counts, shape (B, S), or None.

        Returns:
            Tuple of tensors with a leading B; empty where no step depends on those
            before.
        """
        return ()

    def align(
        self,
        energies: Tensor,
        memory_mask: Tensor | None,
        state: Sequence[Tensor],
        drawn: Sequence[Tensor] = (),
        training: bool | None = False,
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """From energies to weights.

        Args:
            energies: Shape (B, T, S); T is 1 where there is a state.
            memory_mask: True where a position counts, shape (B, S), or None.
            state: What `get_initial_state` or the last step gave.
            drawn: What `draw` gave for this step.
            training: Whether a gradient is wanted.

        Returns:
            The weights, shape (B, T, S), and the state.
        """
        if memory_mask is not None:
            memory_mask = ops.expand_dims(memory_mask, 1)
        probability = self.probability
        if not callable(probability):
            probability = PROBABILITIES[probability]
        weights = probability(energies, memory_mask)
        return weights, self.remember(weights[:, 0], state) if state else state

    def remember(self, weights: Tensor, state: Sequence[Tensor]) -> Sequence[Tensor]:
        """The state behind a step with these weights, (B, S)."""
        return state

    def draw(
        self, steps: int, batch: int, source: int, training: bool | None
    ) -> tuple[Tensor, ...]:
        """The random numbers of a whole sequence, drawn before its loop.

        Returns:
            Tuple of tensors (T, B, S): factors on the weights, if there is
            dropout, and whatever `align` wants.
        """
        if not training or not self.dropout:
            return ()
        ones = ops.ones((steps, batch, source), self.compute_dtype)
        return (keras.random.dropout(ones, self.dropout, seed=self.seed_generator),)

    @in_functional_models
    def step(
        self,
        query: Tensor,
        memory: Tensor,
        keys: Tensor | None = None,
        memory_mask: Tensor | None = None,
        state: Sequence[Tensor] = (),
        training: bool | None = False,
        drawn: Sequence[Tensor] | None = None,
        memory_sequence_length: ArrayLike | None = None,
    ) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Attends with one query a row.

        Args:
            query: Shape (B, D).
            memory: Shape (B, S, E); what it holds where it is masked must be
                finite.
            keys: `project_memory(memory)`, or None to have it computed here.
            memory_mask: True where a position counts, shape (B, S), or None.
            state: What `get_initial_state` or the last step gave.
            training: Whether dropout acts.
            drawn: What `draw` gave for this step, or None to draw here.
            memory_sequence_length: As in the call.

        Returns:
            The context (B, E), the weights (B, S), and the state.

        Raises:
            ValueError: If the shapes don't fit.
        """
        query, memory = ops.convert_to_tensor(query), ops.convert_to_tensor(memory)
        check_shape("query", query.shape, "BD", features=self._sizes[0])
        check_rows("query", query.shape, memory.shape)
        memory_mask = memory_mask_of(memory, memory_mask, memory_sequence_length)
        if keys is None:
            keys = self.project_memory(memory)
        else:
            check_beside("keys", keys, memory, 3)
        if drawn is None:
            batch, source = ops.shape(memory)[:2]
            drawn = [d[0] for d in self.draw(1, batch, source, training)]
        drawn = [ops.expand_dims(d, 1) for d in drawn]
        context, weights, state = self._attend(
            ops.expand_dims(query, 1), memory, keys, memory_mask, state, drawn, training
        )
        return context[:, 0], weights[:, 0], state

    def steps(
        self,
        queries: Tensor,
        memory: Tensor,
        keys: Tensor,
        memory_mask: Tensor | None,
        state: Sequence[Tensor],
        drawn: Sequence[Tensor],
        training: bool | None,
    ) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Attends with T queries a row: at once, or in turn where there is a state.

        Args:
            queries: Shape (B, T, D).
            memory: Shape (B, S, E); what it holds where it is masked must be
                finite.
            keys: `project_memory(memory)`.
            memory_mask: True where a position counts, shape (B, S), or None.
            state: What `get_initial_state` or the last step gave.
            drawn: What `draw` gave for T steps.
            training: Whether dropout acts.

        Returns:
            The contexts (B, T, E), the weights (B, T, S), and the state.
        """
        if not state:
            drawn = [ops.transpose(d, (1, 0, 2)) for d in drawn]
            return self._attend(
                queries, memory, keys, memory_mask, state, drawn, training
            )

        def step(
            state: Sequence[Tensor], inputs: Sequence[Tensor]
        ) -> tuple[tuple[Tensor, ...], tuple[Tensor, Tensor]]:
            context, weights, state = self.step(
                inputs[0], memory, keys, memory_mask, state, training, inputs[1:]
            )
            return tuple(state), (context, weights)

        state, (contexts, weights) = scan(
            step,
            tuple(state),
            (ops.transpose(queries, (1, 0, 2)), *drawn),
            # The memory may have no position.
            emit_like=(ops.sum(memory[:, :1], axis=1), memory[:, :, 0]),
            unroll=queries.shape[1] == 1,
        )
        contexts, weights = (ops.transpose(y, (1, 0, 2)) for y in (contexts, weights))
        return contexts, weights, state

    def _attend(
        self,
        queries: Tensor,
        memory: Tensor,
        keys: Tensor,
        memory_mask: Tensor | None,
        state: Sequence[Tensor],
        drawn: Sequence[Tensor],
        training: bool | None,
    ) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """From queries (B, T, D), and numbers (B, T, S), to contexts and weights."""
        energies = self.energies(queries, keys, state)
        weights, state = self.align(energies, memory_mask, state, drawn, training)
        used = weights * drawn[0] if self.dropout and drawn else weights
        return ops.matmul(used, memory), weights, state

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = False,
        memory_sequence_length: ArrayLike | None = None,
    ) -> Nest:
        for name, array in (("query", query), ("memory", memory), ("keys", keys)):
            if array is not None or name != "keys":
                check_numbers(name, array)
        query, memory = (ops.cast(a, self.compute_dtype) for a in (query, memory))
        self._check_shapes(query.shape, memory.shape)
        memory_mask = memory_mask_of(memory, memory_mask, memory_sequence_length)
        memory = without_masked(memory, memory_mask)
        if keys is None:
            keys = self.project_memory(memory)
        else:
            keys = ops.cast(keys, self.compute_dtype)
            check_beside("keys", keys, memory, 3)
        one = len(query.shape) == 2
        queries = ops.expand_dims(query, 1) if one else query
        batch, steps = ops.shape(queries)[:2]
        context, weights, _ = self.steps(
            queries,
            memory,
            keys,
            memory_mask,
            self.get_initial_state(memory, memory_mask),
            self.draw(steps, batch, ops.shape(memory)[1], training),
            training,
        )
        if one:
            context, weights = context[:, 0], weights[:, 0]
        return (context, weights) if return_attention_scores else context

    def compute_mask(self, query: Tensor, previous_mask: Nest = None) -> Tensor | None:
        mask = previous_mask
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        return mask

    def get_config(self) -> dict[str, Any]:
        probability = self.probability
        if callable(probability):
            probability = keras.saving.serialize_keras_object(probability)
        return {
            **super().get_config(),
            "probability": probability,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        config = dict(config)
        for name in ("probability", "attention"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
