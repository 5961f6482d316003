"""The hypotheses of a beam search, and how the best of them are picked.

B rows, W beams, V tokens, S source positions.
"""

import typing

from keras import ops, tree

from keras_seq.decoding._arguments import as_column
from keras_seq.decoding._back_pointers import Ends
from keras_seq.decoding._ending import Ending, after
from keras_seq.decoding._largest import largest
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._penalties import coverage_penalty, length_penalty
from keras_seq.decoding._picking import pick, take_rows
from keras_seq.decoding.beam import Beam
from keras_seq.typing import Nest, Tensor

NONE = float("-inf")  # the score where there is no hypothesis


class Live(typing.NamedTuple):
    """The hypotheses that go on, best first."""

    tokens: Tensor  # (B·W,), the last of each
    log_probs: Tensor  # (B, W), ln P of the whole
    state: Nest  # of (B·W, ...)
    limit_state: Nest  # of (B·W, ...)
    coverage: Tensor  # (B·W, S), or () where none is wanted
    penalties: Tensor  # (B, W), the coverage penalty
    recent: Tensor | tuple[()]  # (B·W, S), the last tokens, for stop sequences


class Pool(typing.NamedTuple):
    """The best finished hypotheses, best first; each (B, W)."""

    scores: Tensor
    steps: Tensor  # of the last token
    parents: Tensor  # the beam that the last token was put to
    log_probs: Tensor  # ln p of the last token
    tokens: Tensor  # the last; () where there is but one that can be it
    cuts: Tensor  # how many tokens the end has; () where it has one


class Candidates(typing.NamedTuple):
    """Hypotheses made longer by a token, best first; each (B, N), N ≥ W."""

    scores: Tensor  # what they are picked by
    log_probs: Tensor  # ln P of the whole: the same, but for diversity
    tokens: Tensor
    parents: Tensor
    own: Tensor  # ln p of the token
    cuts: Tensor  # how many tokens an end has with it; 0 where it goes on


class Search:
    """What stays the same through a search, and the parts of its steps."""

    def __init__(
        self,
        beam: Beam,
        start_tokens: Tensor,
        row_length: Tensor,
        ending: Ending,
    ) -> None:
        known = start_tokens.shape[0]
        rows = ops.shape(start_tokens)[0]
        self.groups = beam.groups
        self.batch = rows * self.groups
        self.width = beam.max_width // self.groups
        self.ending = ending
        self.beam = beam
        self.mask = beam.mask_for(known)
        row_width = as_column("width", beam.width, "int32", known) // self.groups
        row_width = ops.broadcast_to(row_width, (rows, 1))
        # What a symbolic tensor holds can't be refused.
        self.row_width = ops.clip(row_width, 1, self.width)
        self.alpha, self.beta, self.delta = (
            as_column(name, getattr(beam, name), "float32", known)
            for name in ("length_penalty", "coverage_penalty", "diversity_penalty")
        )
        self.row_length = row_length
        if self.groups > 1:
            for name in ("mask", "row_width", "alpha", "beta", "row_length"):
                setattr(self, name, self._for_groups(getattr(self, name)))
        self.places = ops.arange(self.width, dtype="int32")

    def _for_groups(self, value: Tensor | None) -> Tensor | None:
        """What there is for each row, for each of its groups."""
        if value is None or not len(value.shape):
            return value
        return ops.repeat(value, self.groups, axis=0)

    def first(self, tokens: Tensor, state: Nest, limit_state: Nest, keep: Nest) -> Live:
        """The hypotheses before the first step.

        The beams are alike, so only one of them counts; else they stayed alike.
        """
        first = ops.where(self.places == 0, 0.0, NONE)
        covered = ()
        if self.beam.covers:
            covered = ops.zeros_like(self._attention(keep))
            self._check_mask(covered.shape[1])
        return Live(
            tokens,
            ops.broadcast_to(first, (self.batch, self.width)),
            state,
            limit_state,
            covered,
            ops.zeros((self.batch, self.width), "float32"),
            self.ending.start(self.batch * self.width),
        )

    def empty_pool(self) -> Pool:
        """No finished hypothesis."""
        integers = ops.zeros((self.batch, self.width), "int32")
        floats = ops.zeros((self.batch, self.width), "float32")
        tokens, cuts = self._told(integers, integers)
        return Pool(floats + NONE, integers, integers, floats, tokens, cuts)

    def _told(self, tokens: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be kept of ends besides: what differs from one to another."""
        if self.ending.stops is not None:
            return tokens, cuts
        return (tokens, ()) if len(self.ending.tokens) > 1 else ((), ())

    def candidates(
        self,
        live: Live,
        ranks: Tensor,
        t: Tensor,
        token_log_probs: Tensor | None = None,
    ) -> Candidates:
        """The best continuations: with one end token 2W, or all if there are fewer.

        The best of each beam are found first, so that never all W·V are put in
        order. W of a beam are enough, and as many as may end: at most W that go on
        are wanted, and what ends counts among the best W alone.

        Args:
            live: The hypotheses that are made longer.
            ranks: What the tokens are picked by, (B·W, V); NaN where the logits held
                NaN or +inf.
            t: The step.
            token_log_probs: ln p, likewise, where that is something else.
        """
        may_end = max(self.ending.count, 1)
        each = min(self.width + may_end, ranks.shape[-1])
        count = self.width * each
        own, tokens = largest(ranks, each)
        own = ops.where(ops.isnan(own), NONE, own)
        whole = ops.reshape(own, (self.batch, self.width, each))
        whole = whole + ops.expand_dims(live.log_probs, -1)
        if token_log_probs is not None:
            own = pick(token_log_probs, tokens)
        log_probs, index = ops.top_k(
            ops.reshape(whole, (self.batch, count)),
            min(self.width * (1 + may_end), count),
        )
        index = ops.cast(index, "int32")
        own, tokens = (
            pick(ops.reshape(values, (self.batch, count)), index)
            for values in (own, tokens)
        )
        parents = index // each
        cuts = self._cuts(live, tokens, parents, t)
        return Candidates(log_probs, log_probs, tokens, parents, own, cuts)

    def _cuts(self, live: Live, tokens: Tensor, parents: Tensor, t: Tensor) -> Tensor:
        cuts = ops.zeros_like(tokens)
        if self.ending.tokens:
            cuts = ops.cast(self.ending.is_end(tokens), "int32")
        if self.ending.stops is not None:
            places = ops.shape(live.recent)[-1]
            recent = ops.reshape(live.recent, (self.batch, self.width, places))
            recent = pick(recent, parents)
            cuts = ops.maximum(cuts, self.ending.stopped(after(recent, tokens), t))
        return cuts

    def cover(self, live: Live, keep: Nest = None) -> tuple[Tensor, Tensor]:
        """Coverage and its penalty after this step, of the beams that it read."""
        if not self.beam.covers:
            return live.coverage, live.penalties
        covered = live.coverage + self._attention(keep)
        sources = ops.shape(covered)[1]
        return covered, coverage_penalty(
            self.beta,
            ops.reshape(covered, (self.batch, self.width, sources)),
            self.mask,
        )

    def collect(
        self,
        pool: Pool,
        candidates: Candidates,
        penalties: Tensor,
        going: Tensor,
        steps: Tensor,
    ) -> Pool:
        """The pool, after the candidates that end have been put to it.

        Only the best W candidates may end, so that what would not survive if it
        went on is not kept for having ended.
        """
        best = Candidates(*(values[:, : self.width] for values in candidates))
        ends = ops.logical_and(best.cuts > 0, best.log_probs > NONE)
        ends = ops.logical_and(ends, self.places < self.row_width)
        ends = ops.logical_and(ends, ops.expand_dims(going, -1))
        steps = ops.broadcast_to(ops.expand_dims(steps, -1), ops.shape(best.tokens))
        penalties = pick(penalties, best.parents)
        scores = self._scores(best.log_probs, steps + 1, penalties)
        scores = ops.where(ends, scores, NONE)
        told = self._told(best.tokens, best.cuts)
        entered = Pool(scores, steps, best.parents, best.own, *told)
        both = tree.map_structure(
            lambda *pair: ops.concatenate(pair, axis=1), pool, entered
        )
        scores, index = ops.top_k(both.scores, self.width)
        scores = ops.where(self.places < self.row_width, scores, NONE)
        rest = tree.map_structure(lambda values: pick(values, index), both[1:])
        return Pool(scores, *rest)

    def survivors(self, candidates: Candidates) -> Candidates:
        """The best W candidates that go on: `Candidates` of shape (B, W)."""
        scores = candidates.scores
        if self.ending.happens:
            scores = ops.where(candidates.cuts > 0, NONE, scores)
        scores, index = ops.top_k(scores, self.width)
        scores = ops.where(self.places < self.row_width, scores, NONE)
        log_probs = scores
        if candidates.log_probs is not candidates.scores:
            log_probs = pick(candidates.log_probs, index)
            log_probs = ops.where(scores > NONE, log_probs, NONE)
        tokens, parents, own = (pick(values, index) for values in candidates[2:5])
        cuts = ops.zeros_like(tokens)
        return Candidates(scores, log_probs, tokens, parents, own, cuts)

    def succeed(
        self,
        live: Live,
        survivors: Candidates,
        going: Tensor,
        state: Nest,
        covered: Tensor,
        penalties: Tensor,
        limits: Limits,
    ) -> Live:
        """The live hypotheses after a step.

        In rows that are done, `log_probs` and `penalties` stay as they were.
        """
        base = ops.expand_dims(ops.arange(self.batch, dtype="int32"), -1) * self.width
        rows = ops.reshape(base + survivors.parents, (-1,))
        tokens = ops.reshape(survivors.tokens, (-1,))
        going = ops.expand_dims(going, -1)
        penalties = pick(penalties, survivors.parents)
        recent = live.recent
        if self.ending.stops is not None:
            recent = after(take_rows(recent, rows), tokens)
        return Live(
            ops.reshape(tokens, ops.shape(live.tokens)),
            ops.where(going, survivors.log_probs, live.log_probs),
            take_rows(state, rows),
            limits.advance(take_rows(live.limit_state, rows), tokens),
            take_rows(covered, rows),
            ops.where(going, penalties, live.penalties),
            recent,
        )

    def goes_on(self, going: Tensor, steps: Tensor, live: Live, pool: Pool) -> Tensor:
        """Which rows are not done, (B,): see `beam_search` for the proof."""
        worst = pick(pool.scores, self.row_width - 1)
        longest = length_penalty(self.alpha, ops.expand_dims(self.row_length, -1))
        best = live.log_probs[:, :1]
        if self.groups > 1:
            best = ops.max(live.log_probs, axis=-1, keepdims=True)
        open_ = ops.logical_and(best / longest > worst, best > NONE)[:, 0]
        if self.groups > 1:
            # What a group chooses counts for those behind it as long as they go on.
            open_ = ops.any(ops.reshape(open_, (-1, self.groups)), axis=-1)
            open_ = self._for_groups(open_)
        going = ops.logical_and(going, open_)
        return ops.logical_and(going, steps < self.row_length)

    def results(self, steps: Tensor, live: Live, pool: Pool) -> tuple[Tensor, Ends]:
        """Scores (B, W), and the `Ends` of the hypotheses that are returned.

        The finished ones first; those that go on fill the places that are left.
        """
        steps = ops.broadcast_to(ops.expand_dims(steps, -1), ops.shape(pool.steps))
        going_on = self._scores(live.log_probs, steps, live.penalties)
        going_on, order = ops.top_k(going_on, self.width)
        finished = ops.sum(ops.cast(pool.scores > NONE, "int32"), -1, keepdims=True)
        index = ops.where(
            self.places < finished, self.places, self.width + self.places - finished
        )

        def merge(pooled: Tensor, lived: Tensor) -> Tensor:
            return pick(ops.concatenate([pooled, lived], axis=1), index)

        scores = merge(pool.scores, going_on)
        scores = ops.where(self.places < self.row_width, scores, NONE)
        there = scores > NONE
        ended = ops.logical_and(self.places < finished, there)
        tokens = ops.full_like(pool.steps, self.ending.padding)
        tokens, cuts = (
            merge(told, ops.zeros_like(told)) if ops.is_tensor(told) else all_alike
            for told, all_alike in (
                (pool.tokens, tokens),
                (pool.cuts, ops.cast(ended, "int32")),
            )
        )
        return scores, Ends(
            last=ops.where(there, merge(pool.steps, steps - 1), -1),
            beams=merge(pool.parents, ops.cast(order, "int32")),
            log_probs=merge(pool.log_probs, ops.zeros_like(pool.log_probs)),
            finished=ended,
            tokens=tokens,
            cuts=cuts,
        )

    def _check_mask(self, sources: int | None) -> None:
        masked = None if self.mask is None else self.mask.shape[1]
        if None not in (masked, sources) and masked != sources:
            raise ValueError(
                "`coverage_mask` must have as many source positions as the attention, "
                f"{sources}; received {masked}."
            )

    def _scores(self, log_probs: Tensor, lengths: Tensor, penalties: Tensor) -> Tensor:
        scores = log_probs / length_penalty(self.alpha, lengths) + penalties
        # Where the attention is NaN, as the logits are then: no order has a NaN.
        return ops.where(ops.isnan(scores), NONE, scores)

    def _attention(self, keep: Nest) -> Tensor:
        return ops.cast(self.beam.attention_in(keep), "float32")
