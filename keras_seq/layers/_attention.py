"""What the attention mechanisms have in common."""

import keras
from keras import ops

from keras_seq.layers._arguments import as_mask, check_rate
from keras_seq.ops import masked_softmax, sparsemax
from keras_seq.ops._scan import scan

PROBABILITIES = {"softmax": masked_softmax, "sparsemax": sparsemax}


class AttentionMechanism(keras.layers.Layer):
    """Attends to a memory: energies, weights, context.

    ```
    e_ts = energy(query_t, memory_s)
    a_t = probability(e_t)              over the positions that the mask leaves
    context_t = Σ_s a_ts memory_s
    ```

    A subclass defines `energies`, the one thing in which mechanisms differ, and
    what of it needs the memory alone, `project_memory`. One whose energies depend
    on the weights of the steps before overrides `get_initial_state` and
    `remember` too.

    Args:
        probability: "softmax"; "sparsemax", which leaves most positions at 0; or
            a function `(energies, mask) -> weights` of arrays (..., S).
        dropout: Share of the weights that is set to 0 in training, in [0, 1);
            the others are scaled up. The weights that are returned are those
            before dropout.
        seed: Seed of all that is drawn in training.
        **kwargs: What every Keras layer takes.
    """

    def __init__(self, *, probability="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(probability) and probability not in PROBABILITIES:
            raise ValueError(
                f"`probability` must be one of {sorted(PROBABILITIES)} or a function; "
                f"received {probability!r}."
            )
        check_rate("dropout", dropout)
        self.probability = probability
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def project_memory(self, memory):
        """What the energies need of the memory: computed once, for all steps.

        Args:
            memory: Shape (B, S, E).

        Returns:
            The keys, shape (B, S, ·).
        """
        return memory

    def energies(self, query, keys, state=()):
        """How well each position fits each query.

        Args:
            query: Shape (B, T, D).
            keys: What `project_memory` gave. Shape (B, S, ·).
            state: What `get_initial_state` or the last step gave.

        Returns:
            Shape (B, T, S).
        """
        raise NotImplementedError

    def get_initial_state(self, memory, memory_mask=None):
        """What the first step finds of the steps before it: a tuple of tensors."""
        return ()

    def align(self, energies, memory_mask, state, drawn=(), training=False):
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
        probability = PROBABILITIES.get(self.probability, self.probability)
        weights = probability(energies, memory_mask)
        return weights, self.remember(weights[:, 0], state)

    def remember(self, weights, state):
        """The state behind a step with these weights, (B, S)."""
        return state

    def draw(self, steps, batch, source, training):
        """The random numbers of a whole sequence, drawn before its loop.

        Returns:
            Tuple of tensors (T, B, S): factors on the weights, if there is
            dropout, and whatever `align` wants.
        """
        if not training or not self.dropout:
            return ()
        ones = ops.ones((steps, batch, source), self.compute_dtype)
        return (keras.random.dropout(ones, self.dropout, seed=self.seed_generator),)

    def step(
        self,
        query,
        memory,
        keys=None,
        memory_mask=None,
        state=(),
        training=False,
        drawn=None,
    ):
        """Attends with one query a row.

        Args:
            query: Shape (B, D).
            memory: Shape (B, S, E).
            keys: `project_memory(memory)`, or None to have it computed here.
            memory_mask: True where a position counts, shape (B, S), or None.
            state: What `get_initial_state` or the last step gave.
            training: Whether dropout acts.
            drawn: What `draw` gave for this step, or None to draw here.

        Returns:
            The context (B, E), the weights (B, S), and the state.
        """
        if keys is None:
            keys = self.project_memory(memory)
        if drawn is None:
            batch, source = ops.shape(memory)[:2]
            drawn = [d[0] for d in self.draw(1, batch, source, training)]
        energies = self.energies(ops.expand_dims(query, 1), keys, state)
        weights, state = self.align(energies, memory_mask, state, drawn, training)
        weights = weights[:, 0]
        return self._context(weights, memory, drawn), weights, state

    def _context(self, weights, memory, drawn):
        if self.dropout and drawn:
            weights = weights * drawn[0]
        return ops.matmul(ops.expand_dims(weights, 1), memory)[:, 0]

    def call(
        self,
        query,
        memory,
        memory_mask=None,
        keys=None,
        return_attention_scores=False,
        training=False,
    ):
        query, memory = ops.convert_to_tensor(query), ops.convert_to_tensor(memory)
        memory_mask = as_mask(memory_mask)
        check_memory(query, memory, memory_mask)
        memory = without_masked(memory, memory_mask)
        if keys is None:
            keys = self.project_memory(memory)
        if len(query.shape) == 2:
            state = self.get_initial_state(memory, memory_mask)
            context, weights, _ = self.step(
                query, memory, keys, memory_mask, state, training
            )
        else:
            context, weights = self._attend_to_all(
                query, memory, keys, memory_mask, training
            )
        return (context, weights) if return_attention_scores else context

    def _attend_to_all(self, query, memory, keys, memory_mask, training):
        state = self.get_initial_state(memory, memory_mask)
        batch, steps = ops.shape(query)[:2]
        drawn = self.draw(steps, batch, ops.shape(memory)[1], training)
        if state:
            return self._attend_in_turn(
                query, memory, keys, memory_mask, state, drawn, training
            )
        drawn = [ops.transpose(d, (1, 0, 2)) for d in drawn]
        weights, _ = self.align(
            self.energies(query, keys), memory_mask, (), drawn, training
        )
        shown = weights * drawn[0] if self.dropout and drawn else weights
        return ops.matmul(shown, memory), weights

    def _attend_in_turn(self, query, memory, keys, memory_mask, state, drawn, training):
        def step(state, inputs):
            context, weights, state = self.step(
                inputs[0], memory, keys, memory_mask, state, training, inputs[1:]
            )
            return state, (context, weights)

        _, (context, weights) = scan(
            step,
            tuple(state),
            (ops.transpose(query, (1, 0, 2)), *drawn),
            emit_like=(memory[:, 0], memory[:, :, 0]),
        )
        return ops.transpose(context, (1, 0, 2)), ops.transpose(weights, (1, 0, 2))

    def compute_mask(self, query, previous_mask=None):
        mask = previous_mask
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        return mask

    def get_config(self):
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
    def from_config(cls, config):
        config = dict(config)
        for name in ("probability", "attention"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def check_memory(query, memory, memory_mask):
    """Refuses a query, memory or mask whose shapes don't go together."""
    shapes = tuple(query.shape), tuple(memory.shape)
    if len(shapes[0]) not in (2, 3) or len(shapes[1]) != 3:
        raise ValueError(
            "`query` must have shape (B, D) or (B, T, D) and `memory` (B, S, E); "
            f"received shapes {shapes[0]} and {shapes[1]}."
        )
    if None not in (shapes[0][0], shapes[1][0]) and shapes[0][0] != shapes[1][0]:
        raise ValueError(
            f"`memory` must have as many rows as `query`, {shapes[0][0]}; received "
            f"{shapes[1][0]}."
        )
    if memory_mask is None:
        return
    received = tuple(memory_mask.shape)
    expected = shapes[1][:2]
    if len(received) != 2 or any(
        None not in (m, e) and m != e for m, e in zip(received, expected, strict=True)
    ):
        raise ValueError(
            f"`memory_mask` must have shape (B, S) = {expected}; received {received}."
        )


def without_masked(memory, memory_mask):
    """The memory with zeros where it is masked: it may hold anything there."""
    if memory_mask is None:
        return memory
    mask = ops.expand_dims(memory_mask, -1)
    return ops.where(mask, memory, ops.zeros_like(memory))
