"""The loop of contrastive search, whose steps read what might come next."""

import typing
from collections.abc import Callable

from keras import ops, tree

from keras_seq.decoding._arguments import as_column
from keras_seq.decoding._largest import largest
from keras_seq.decoding._limits import FORBIDDEN
from keras_seq.decoding._picking import pick, take
from keras_seq.decoding._single import Choosing, Rows
from keras_seq.decoding._stepping import Step, read_by, repeat_rows
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.typing import Nest, Tensor

_FAR = -2.0  # below any cosine


class Reading(typing.NamedTuple):
    """What is known when the last token of each row was read."""

    state: Nest
    logits: Tensor  # (B, V)
    keep: Nest
    # The directions of the hidden states, (B, C, D): that of the j-th token that was
    # read, from 0, is at place j mod C.
    seen: Tensor


class LookingAhead(Choosing):
    """`Choosing` by a `Contrastive`: the state of its rows is a `Reading`.

    Args:
        step: As for `Choosing`.
        wide_step: From k to the same for k rows of each.
        state: As for `Choosing`, or a `Reading` to go on from.
        *arguments: As for `Choosing`.
        strategy: A `Contrastive`.
        constants: What it makes the past of.
        **options: As for `Choosing`.
    """

    def __init__(
        self,
        step: Step,
        wide_step: Callable[[int], Step],
        state: Nest,
        *arguments: typing.Any,
        strategy: Contrastive,
        constants: Nest,
        **options: typing.Any,
    ) -> None:
        state = state.state if isinstance(state, Reading) else state
        super().__init__(step, state, *arguments, strategy=strategy, **options)
        if not isinstance(self.vocabulary_size, int):
            raise ValueError(
                "`step` must return logits (B, V) whose V is known when tracing, where "
                f"`strategy` is a Contrastive; received V = {self.vocabulary_size}."
            )
        self.contrast = strategy
        self.count = min(strategy.max_top_k, self.vocabulary_size)
        self.wide_step = wide_step(self.count)
        batch = self.start_tokens.shape[0]
        top_k = as_column("top_k", strategy.top_k, "int32", batch)
        alpha = as_column(
            "degeneration_penalty", strategy.degeneration_penalty, "float32", batch
        )
        # What a symbolic tensor holds can't be refused.
        self.top_k, self.alpha = ops.maximum(top_k, 1), ops.clip(alpha, 0.0, 1.0)
        hidden = strategy.hidden_in(self.keep_like, batch)
        self.past = strategy.past_in(constants, batch, hidden.shape[-1])

    @property
    def room(self) -> int | Tensor:
        """For how many hidden states there is room: those of the last tokens."""
        longest, window = self.longest, self.contrast.window
        if isinstance(longest, int):
            return max(1, longest if window is None else min(longest, window))
        longest = longest if window is None else ops.minimum(longest, window)
        return ops.maximum(longest, 1)

    def first(self) -> Rows:
        """The rows when the start tokens were read."""
        rows = super().first()
        logits, state, keep = read_by(self.step, rows.tokens, rows.state)
        hidden = self.contrast.hidden_in(keep, rows.tokens.shape[0])
        here = _at(0, self.room)
        seen = ops.where(here, ops.expand_dims(_direction(hidden), 1), 0.0)
        return rows._replace(state=Reading(state, logits, keep, seen))

    def _predicted(self, rows: Rows) -> tuple[Tensor, Nest, Nest]:
        reading = rows.state
        return reading.logits, reading, reading.keep

    def _chosen(
        self, t: Tensor, possible: Tensor, drawn: Tensor, state: Reading
    ) -> tuple[Tensor, Reading]:
        few, tokens = largest(possible, self.count)
        batch = ops.shape(tokens)[0]
        logits, after, keep = read_by(
            self.wide_step,
            ops.reshape(tokens, (batch * self.count,)),
            repeat_rows(state.state, self.count),
        )
        hidden = _direction(self.contrast.hidden_in(keep, None))
        hidden = ops.reshape(hidden, (batch, self.count, hidden.shape[-1]))
        near = self._nearest(t, hidden, state.seen)
        p = ops.exp(few - ops.logsumexp(possible, axis=-1, keepdims=True))
        scores = (1 - self.alpha) * p - self.alpha * near
        in_order = ops.arange(self.count, dtype="int32") < self.top_k
        can_be = ops.logical_and(in_order, few != FORBIDDEN)
        # Where all are NaN it is the first of them, the likeliest.
        can_be = ops.logical_and(can_be, ops.logical_not(ops.isnan(scores)))
        best = ops.argmax(ops.where(can_be, scores, FORBIDDEN), axis=-1)
        best = ops.expand_dims(ops.cast(best, "int32"), -1)
        chosen = pick(tokens, best)[:, 0]
        direction = pick(hidden, best)
        rows = ops.arange(batch, dtype="int32") * self.count + best[:, 0]
        seen = ops.where(_at((t + 1) % self.room, self.room), direction, state.seen)
        # The shape is told again: more may be known of x than of `rows`.
        taken = tree.map_structure(
            lambda x, like: ops.reshape(take(x, rows), ops.shape(like)),
            (after, logits, keep),
            tuple(state[:3]),
        )
        after, logits, keep = taken
        return chosen, Reading(after, logits, keep, seen)

    def _nearest(self, t: Tensor, hidden: Tensor, seen: Tensor) -> Tensor:
        """The largest cosine between each candidate and what was read, (B, k)."""
        read = ops.arange(self.room, dtype="int32") <= t
        near = _largest_cosine(hidden, seen, read)
        if self.past is None:
            return near
        states, mask = self.past
        counts = True if mask is None else ops.expand_dims(mask, 1)
        return ops.maximum(near, _largest_cosine(hidden, _direction(states), counts))


def _largest_cosine(hidden: Tensor, seen: Tensor, counts: Tensor) -> Tensor:
    cosines = ops.matmul(hidden, ops.transpose(seen, (0, 2, 1)))
    return ops.max(ops.where(counts, cosines, _FAR), axis=-1, initial=_FAR)


def _direction(hidden: Tensor) -> Tensor:
    """Vectors of length 1, or 0 where they are."""
    length = ops.sqrt(ops.sum(hidden * hidden, axis=-1, keepdims=True))
    return hidden / ops.where(length > 0, length, 1.0)


def _at(place: int | Tensor, room: int | Tensor) -> Tensor:
    """True at a place, (1, room, 1)."""
    return ops.reshape(ops.arange(room, dtype="int32") == place, (1, -1, 1))
