"""From what every step wrote down, and who came from whom, to sequences."""

import typing

from keras import ops

from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._picking import pick, take
from keras_seq.decoding._stepping import zero_unless
from keras_seq.typing import Nest, Tensor


class Trail(typing.NamedTuple):
    """What the search wrote down at each step.

    Attributes:
        tokens: int32 tensor of shape (L, B, W): the token that each beam took.
        parents: int32 tensor of shape (L, B, W): the beam that it came from.
        log_probs: float32 tensor of shape (L, B, W): ln p of the token.
        kept: Flat list of tensors of shape (L, B·W, ...): what the step gave
            to keep for the beam that it read, a parent.
    """

    tokens: Tensor
    parents: Tensor
    log_probs: Tensor
    kept: list[Tensor]


class Ends(typing.NamedTuple):
    """The hypotheses to read back, each of shape (B, W).

    Attributes:
        last: int32: the step of the last token; -1 for no hypothesis.
        beams: int32: where `finished`, the beam that the last token was put to,
            else the beam that took the last token.
        log_probs: float32: ln p of the last token, where `finished`.
        finished: Boolean: whether the last token ended it.
        tokens: int32: the last token, where `finished`.
        cuts: int32: how many tokens the end has: 0 where there is none.
    """

    last: Tensor
    beams: Tensor
    log_probs: Tensor
    finished: Tensor
    tokens: Tensor
    cuts: Tensor


def read_back(
    trail: Trail, ends: Ends, longest: int | Tensor, padding_token: int
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Follows every hypothesis from its last token to its first.

    Gathering ids and kept values at every step would move all of them L times;
    this moves each of them once.

    Returns:
        ids (B, W, L), log_probs (B, W, L) and a list of kept values
        (B, W, L, ...).
    """
    # The last token of what has ended was put to a beam, all others were taken by one.
    taken = ends.last - ops.cast(ends.finished, "int32")

    def body(back: Tensor, beams: Tensor) -> tuple[Nest, tuple[Tensor, ...]]:
        step = longest - 1 - back
        parents = pick(trail.parents[step], beams)
        beams = ops.where(step <= taken, parents, beams)
        return beams, (beams,)

    _, (found,) = while_loop(
        lambda beams: True, body, ends.beams, longest, (ends.beams,), (0,)
    )
    # The last step was read first. What a step read is what the one before took.
    read = ops.flip(found, axis=0)
    took = ops.concatenate([read, ops.expand_dims(ends.beams, 0)], axis=0)[1:]
    step = ops.reshape(ops.arange(longest, dtype="int32"), (-1, 1, 1))
    steps, batch, width = ops.shape(took)

    def of_each(written: Tensor, last: Tensor, padding: float) -> Tensor:
        flat = pick(*(ops.reshape(x, (-1, width)) for x in (written, took)))
        values = ops.reshape(flat, (steps, batch, width))
        values = ops.where(step <= taken, values, last)
        values = ops.where(step <= ends.last, values, padding)
        return ops.transpose(values, (1, 2, 0))

    ids = of_each(trail.tokens, ends.tokens, padding_token)
    log_probs = of_each(trail.log_probs, ends.log_probs, 0.0)
    parents = ops.transpose(read, (1, 2, 0))
    kept = [_along(parents, values, ends) for values in trail.kept]
    return ids, log_probs, kept


def _along(parents: Tensor, values: Tensor, ends: Ends) -> Tensor:
    """Picks from (L, B·W, ...) what belongs to the hypotheses: (B, W, L, ...)."""
    batch, width, longest = ops.shape(parents)
    steps, rows, *rest = ops.shape(values)
    t = ops.arange(longest, dtype="int32")
    row = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1))
    places = t * (batch * width) + row * width + parents
    picked = take(ops.reshape(values, (steps * rows, *rest)), places)
    return zero_unless(t <= ops.expand_dims(ends.last, -1), picked)
