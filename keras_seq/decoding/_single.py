"""One sequence a row: each step chooses a token, and the rest follows."""

import typing

from keras import ops, tree

from keras_seq.decoding._ending import Ending, after
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._picking import pick
from keras_seq.decoding._random import Pair, uniform
from keras_seq.decoding._stepping import Fields, Step, first_step, read_by, zero_unless
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.results import FinishReason, reasons_for
from keras_seq.decoding.strategies import Strategy, next_token
from keras_seq.typing import Nest, Tensor


class Rows(typing.NamedTuple):
    """The rows between two steps."""

    tokens: Tensor  # (B,), the last of each
    going: Tensor  # (B,)
    finished: Tensor  # (B,), by an end token
    lengths: Tensor  # (B,)
    state: Nest
    limit_state: Nest
    # For stop sequences, () where there are none: the last tokens, (B, S), and how
    # many are those of one that ended the row, (B,), or 0.
    recent: Tensor
    cuts: Tensor

    @property
    def written(self) -> Tensor:
        """How many tokens each row has, those of its end counted: int32 (B,)."""
        count = self.lengths + ops.cast(self.finished, "int32")
        return count if isinstance(self.cuts, tuple) else count + self.cuts


class Written(typing.NamedTuple):
    """What was written in some steps, rows first."""

    ids: Tensor
    log_probs: Tensor
    kept: Nest


class Choosing:
    """The loop, whole or in parts.

    Args:
        step: Function `(tokens, state) -> (logits, state[, keep])`.
        state: Nest of tensors.
        start_tokens: int32 tensor of shape (B,).
        row_length: int32 tensor of shape (B,): tokens at most.
        longest: The largest of them.
        strategy: A `Strategy`; for `LookingAhead` a `Contrastive`.
        limits: `Limits` on the tokens.
        ending: What ends a row.
        keys: What `uniform` draws with.
    """

    def __init__(
        self,
        step: Step,
        state: Nest,
        start_tokens: Tensor,
        row_length: Tensor,
        longest: int | Tensor,
        *,
        strategy: Strategy | Contrastive,
        limits: Limits,
        ending: Ending,
        keys: Pair,
    ) -> None:
        logits, self.keep_like = first_step(step, start_tokens, state)
        ending.check_vocabulary(logits.shape[-1])
        self.step = step
        self.state = state
        self.start_tokens = start_tokens
        self.row_length = row_length
        self.longest = longest
        self.strategy = strategy
        self.limits = limits
        self.ending = ending
        self.keys = keys
        self.vocabulary_size = ops.shape(logits)[-1]

    def first(self) -> Rows:
        """The rows before the first step."""
        batch = ops.shape(self.start_tokens)[0]
        none = ops.zeros((batch,), "bool")
        return Rows(
            self.start_tokens,
            self.row_length > 0,
            none,
            ops.zeros((batch,), "int32"),
            self.state,
            self.limits.start(self.start_tokens, self.longest, self.vocabulary_size),
            self.ending.start(batch),
            () if self.ending.stops is None else ops.zeros((batch,), "int32"),
        )

    def run(self, rows: Rows, begin: int | Tensor, steps: int | Tensor) -> Nest:
        """As many steps as are said, or fewer if all rows end.

        Args:
            rows: The rows before.
            begin: How many steps came before.
            steps: How many steps at most.

        Returns:
            The `Rows` after, and a `Written` of (B, steps).
        """
        keep = self.keep_like
        like = () if keep is None else tree.flatten(keep)
        batch = ops.shape(self.start_tokens)[0]
        # All at once: in the loop the generator would be most of a small step's time.
        places = begin + ops.arange(steps, dtype="int32")
        drawn = uniform(self.keys, ops.expand_dims(places, 1))
        rows, emitted = while_loop(
            lambda rows: ops.any(rows.going),
            lambda t, rows: self._step(begin + t, rows, drawn[t]),
            rows,
            steps,
            (self.start_tokens, ops.zeros((batch,), "float32"), *like),
            (self.ending.padding, 0.0, *(0 for _ in like)),
        )
        ids, log_probs, *values = (_batch_major(value) for value in emitted)
        kept = None if keep is None else tree.pack_sequence_as(keep, values)
        return rows, Written(ids, log_probs, kept)

    def _step(
        self, t: Tensor, rows: Rows, drawn: Tensor
    ) -> tuple[Rows, tuple[Tensor, ...]]:
        logits, state, keep = self._predicted(rows)
        logits = ops.cast(logits, "float32")
        possible = self.limits.apply(rows.limit_state, logits, t, 1)
        chosen, state = self._chosen(t, possible, drawn, state)
        log_probs = ops.log_softmax(logits, axis=-1)
        log_prob = pick(log_probs, ops.expand_dims(chosen, -1))[:, 0]
        log_prob = self.limits.shown(log_prob, possible)
        active = ops.logical_and(rows.going, self.limits.leaves_any(possible))
        tokens = ops.where(active, chosen, self.ending.padding)
        kept = tree.flatten(keep) if self.keep_like is not None else ()
        emitted = (log_prob, *kept)
        emitted = (tokens, *(zero_unless(active, value) for value in emitted))
        return self._after(t, rows, tokens, active, state), emitted

    def _predicted(self, rows: Rows) -> tuple[Tensor, Nest, Nest]:
        """The logits behind the last token, the state, and what is kept."""
        return read_by(self.step, rows.tokens, rows.state)

    def _chosen(
        self, t: Tensor, possible: Tensor, drawn: Tensor, state: Nest
    ) -> tuple[Tensor, Nest]:
        """The next tokens, and the state with which they are read."""
        assert isinstance(self.strategy, Strategy)
        return next_token(self.strategy, possible, drawn), state

    def _after(
        self, t: Tensor, rows: Rows, tokens: Tensor, active: Tensor, state: Nest
    ) -> Rows:
        """The rows behind these tokens, which count where a row is active."""
        ending, finished, counted = self.ending, rows.finished, active
        if ending.tokens:
            ended = ops.logical_and(active, ending.is_end(tokens))
            finished = ops.logical_or(finished, ended)
            counted = ops.logical_and(active, ops.logical_not(ended))
        lengths = rows.lengths + ops.cast(counted, "int32")
        going = ops.logical_and(counted, lengths < self.row_length)
        recent, cuts = rows.recent, rows.cuts
        if ending.stops is not None:
            recent = after(recent, tokens)
            cut = ops.where(counted, ending.stopped(recent, t), 0)
            lengths = lengths - cut
            cuts = cuts + cut
            going = ops.logical_and(going, cut == 0)
        return Rows(
            tokens,
            going,
            finished,
            lengths,
            state,
            self.limits.advance(rows.limit_state, tokens),
            recent,
            cuts,
        )

    def outcome(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Which rows have come to their end, and why each has stopped."""
        finished = rows.finished
        if self.ending.stops is not None:
            finished = ops.logical_or(finished, rows.cuts > 0)
        full = rows.lengths >= self.row_length
        reasons = reasons_for(rows.finished, finished, full)
        running = int(FinishReason.RUNNING)
        return finished, ops.where(rows.going, running, reasons)


def choose_tokens(choosing: Choosing) -> Fields:
    """Calls step and strategy in turn until every row has ended.

    Returns:
        The fields of a `Generation`, in their order, and the reasons.
    """
    rows, written = choosing.run(choosing.first(), 0, choosing.longest)
    finished, reasons = choosing.outcome(rows)
    ids, log_probs, kept = written
    scores = ops.sum(log_probs, axis=-1)
    return ids, rows.lengths, log_probs, finished, kept, scores, reasons


def _batch_major(x: Tensor) -> Tensor:
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))
