"""One sequence a row: each step chooses a token, and the rest follows."""

from keras import ops, tree

from keras_seq.decoding._arguments import Id
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._random import Pair, uniform
from keras_seq.decoding._stepping import Fields, Step, first_step, zero_unless
from keras_seq.decoding.strategies import Strategy
from keras_seq.typing import Nest, Tensor


def choose_tokens(
    step: Step,
    state: Nest,
    start_tokens: Tensor,
    row_length: Tensor,
    longest: int | Tensor,
    *,
    strategy: Strategy,
    limits: Limits,
    end_token: Id | None,
    keys: Pair,
) -> Fields:
    """Calls `step` and `strategy` in turn until every row has ended.

    Args:
        step: Function `(tokens, state) -> (logits, state[, keep])`.
        state: Nest of tensors.
        start_tokens: int32 tensor of shape (B,).
        row_length: int32 tensor of shape (B,): tokens at most.
        longest: The largest of them.
        strategy: A `Strategy`.
        limits: `Limits` on the tokens.
        end_token: Integer or None.
        keys: What `uniform` draws with.

    Returns:
        The fields of a `Generation`, in their order.
    """
    batch = ops.shape(start_tokens)[0]
    _, keep_like = first_step(step, start_tokens, state, end_token)
    padding_token = 0 if end_token is None else int(end_token)

    def body(t: Tensor, carry: Nest) -> tuple[Nest, tuple[Tensor, ...]]:
        tokens, going, finished, lengths, state, limit_state = carry
        logits, state, *keep = step(tokens, state)
        logits = ops.cast(logits, "float32")
        possible = limits.apply(limit_state, logits)
        chosen = strategy.next_token(possible, uniform(keys, t))
        log_prob = ops.take_along_axis(
            ops.log_softmax(logits, axis=-1), ops.expand_dims(chosen, -1), axis=-1
        )[:, 0]
        active = ops.logical_and(going, limits.leaves_any(possible))
        tokens = ops.where(active, chosen, padding_token)
        limit_state = limits.advance(limit_state, tokens)
        counted = active
        if end_token is not None:
            ended = ops.logical_and(active, chosen == padding_token)
            finished = ops.logical_or(finished, ended)
            counted = ops.logical_and(active, ops.logical_not(ended))
        lengths = lengths + ops.cast(counted, "int32")
        going = ops.logical_and(counted, lengths < row_length)
        kept = tree.flatten(keep[0]) if keep_like is not None else ()
        emitted = (log_prob, *kept)
        emitted = (tokens, *(zero_unless(active, value) for value in emitted))
        return (tokens, going, finished, lengths, state, limit_state), emitted

    like = () if keep_like is None else tree.flatten(keep_like)
    carry = (
        start_tokens,
        row_length > 0,
        ops.zeros((batch,), "bool"),
        ops.zeros((batch,), "int32"),
        state,
        limits.start(start_tokens, longest),
    )
    (_, _, finished, lengths, *_), emitted = while_loop(
        lambda carry: ops.any(carry[1]),
        body,
        carry,
        longest,
        (start_tokens, ops.zeros((batch,), "float32"), *like),
        (padding_token, 0.0, *(0 for _ in like)),
    )
    ids, log_probs, *values = (_batch_major(value) for value in emitted)
    kept = None if keep_like is None else tree.pack_sequence_as(keep_like, values)
    return ids, lengths, log_probs, finished, kept, ops.sum(log_probs, axis=-1)


def _batch_major(x: Tensor) -> Tensor:
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))
