"""Beam search: the loop over the hypotheses of every row."""

from keras import ops, tree

from keras_seq.decoding._back_pointers import Ends, Trail, read_back
from keras_seq.decoding._ending import Ending
from keras_seq.decoding._groups import choose_in_turn, in_one_order
from keras_seq.decoding._hypotheses import NONE, Search
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._stepping import (
    Fields,
    Step,
    StepWithConstants,
    bind,
    first_step,
    repeat_rows,
)
from keras_seq.decoding.beam import Beam
from keras_seq.decoding.results import reasons_for
from keras_seq.typing import Nest, Tensor


def beam_search(
    step: Step | StepWithConstants,
    state: Nest,
    start_tokens: Tensor,
    row_length: Tensor,
    longest: int | Tensor,
    *,
    beam: Beam,
    limits: Limits,
    ending: Ending,
    constants: Nest,
) -> Fields:
    """Searches for the best hypotheses of each row.

    A hypothesis is a row of its own for the step function: row b·W + w of B·W.

    A row is done when no live hypothesis can beat the worst of a full pool.
    Let a live hypothesis have ln P = ℓ. Whatever tokens follow, each has
    ln p ≤ 0, so that ln P ≤ ℓ ≤ 0 at the end; lp grows with |Y| ≤ `max_length`
    for α ≥ 0, so that ln P / lp(Y) ≤ ℓ / lp(max_length); and cp ≤ 0, being a
    sum of logarithms of at most 1. So the score will be ℓ / lp(max_length) at
    most, which is largest where ℓ is. Of equals the one in the pool stays.

    Args:
        step: Function `(tokens, state[, constants]) -> (logits, state[, keep])`.
        state: Nest of tensors with a leading B.
        start_tokens: int32 tensor of shape (B,).
        row_length: int32 tensor of shape (B,): tokens at most.
        longest: The largest of them.
        beam: A `Beam`.
        limits: `Limits` on the tokens.
        ending: What ends a hypothesis.
        constants: Nest of tensors with a leading B, or None.

    Returns:
        The fields of a `Generation`, in their order, and the reasons.
    """
    search = Search(beam, start_tokens, row_length, ending)
    tokens, state, constants = (
        repeat_rows(nest, beam.max_width) for nest in (start_tokens, state, constants)
    )
    step = bind(step, constants)
    logits, keep_like = first_step(step, tokens, state)
    ending.check_vocabulary(logits.shape[-1])
    if logits.shape[-1] is None:
        raise ValueError(
            "`step` must return logits (B·W, V) whose V is known when tracing; "
            f"received shape {tuple(logits.shape)}."
        )
    limit_state = limits.start(start_tokens, longest, logits.shape[-1])
    limit_state = repeat_rows(limit_state, beam.max_width)

    def body(t: Tensor, carry: Nest) -> tuple[Nest, tuple[Tensor, ...]]:
        going, steps, live, pool = carry
        logits, state, *keep = step(live.tokens, live.state)
        log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        ranks = limits.apply(live.limit_state, log_probs, t, beam.max_width)
        if limits.processors:
            ranks = _of_one_at_most(ranks)
        own = log_probs if limits.processors else None
        candidates, survivors = choose_in_turn(search, live, ranks, t, own)
        covered, penalties = search.cover(live, *keep)
        if ending.happens:
            pool = search.collect(pool, candidates, penalties, going, steps)
        live = search.succeed(live, survivors, going, state, covered, penalties, limits)
        steps = steps + ops.cast(going, "int32")
        going = search.goes_on(going, steps, live, pool)
        kept = tree.flatten(keep[0]) if keep_like is not None else ()
        emitted = (survivors.tokens, survivors.parents, survivors.own, *kept)
        return (going, steps, live, pool), emitted

    live = search.first(tokens, state, limit_state, keep_like)
    pool = search.empty_pool()
    like = () if keep_like is None else tree.flatten(keep_like)
    (_, steps, live, pool), written = while_loop(
        lambda carry: ops.any(carry[0]),
        body,
        (search.row_length > 0, ops.zeros_like(search.row_length), live, pool),
        longest,
        (pool.steps, pool.parents, pool.log_probs, *like),
        (0, 0, 0.0, *(0 for _ in like)),
    )
    scores, ends = search.results(steps, live, pool)
    tokens, parents, own, *values = written
    ids, log_probs, values = read_back(
        Trail(tokens, parents, own, values), ends, longest, ending.padding
    )
    kept = None if keep_like is None else tree.pack_sequence_as(keep_like, values)
    lengths = ends.last + 1 - ends.cuts
    reasons = _reasons(scores, ends, ending)
    fields = ids, lengths, log_probs, ends.finished, kept, scores, reasons
    return fields if beam.groups == 1 else in_one_order(fields, beam.groups)


def _of_one_at_most(log_probs: Tensor) -> Tensor:
    """Ln p, divided by their sum where that is above 1.

    None is above 0 then, without which no search could know when to end.
    """
    total = ops.logsumexp(log_probs, axis=-1, keepdims=True)
    return log_probs - ops.maximum(total, 0.0)


def _reasons(scores: Tensor, ends: Ends, ending: Ending) -> Tensor:
    by_token = ops.zeros_like(ends.finished)
    if ending.tokens:
        by_token = ops.logical_and(ends.finished, ending.is_end(ends.tokens))
    return reasons_for(by_token, ends.finished, scores > NONE)
