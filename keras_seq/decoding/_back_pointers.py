"""From what every step wrote down, and who came from whom, to sequences."""

import typing

from keras import ops

from keras_seq.decoding._loop import while_loop
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

    def body(back: Tensor, beams: Tensor) -> tuple[Nest, tuple[Tensor, ...]]:
        step = longest - 1 - back
        at_end = ops.logical_and(ends.finished, ends.last == step)
        inside = step <= ends.last

        def of_beam(values: Tensor) -> Tensor:
            return ops.take_along_axis(values[step], beams, axis=1)

        token = ops.where(at_end, ends.tokens, of_beam(trail.tokens))
        log_prob = ops.where(at_end, ends.log_probs, of_beam(trail.log_probs))
        parent = ops.where(at_end, ends.beams, of_beam(trail.parents))
        emitted = (
            ops.where(inside, token, padding_token),
            ops.where(inside, log_prob, 0.0),
            parent,
        )
        return ops.where(inside, parent, beams), emitted

    _, emitted = while_loop(
        lambda beams: True,
        body,
        ends.beams,
        longest,
        (ends.beams, ends.log_probs, ends.beams),
        (padding_token, 0.0, 0),
    )
    # The last step was read first.
    ids, log_probs, parents = (
        ops.transpose(ops.flip(value, axis=0), (1, 2, 0)) for value in emitted
    )
    kept = [_along(parents, values, ends) for values in trail.kept]
    return ids, log_probs, kept


def _along(parents: Tensor, values: Tensor, ends: Ends) -> Tensor:
    """Picks from (L, B·W, ...) what belongs to the hypotheses: (B, W, L, ...)."""
    batch, width, longest = ops.shape(parents)
    steps, rows, *rest = ops.shape(values)
    t = ops.arange(longest, dtype="int32")
    row = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1))
    places = t * (batch * width) + row * width + parents
    picked = ops.take(ops.reshape(values, (steps * rows, *rest)), places, axis=0)
    return zero_unless(t <= ops.expand_dims(ends.last, -1), picked)
