"""How the next token is chosen from the logits."""

import abc
import math

from keras import ops

from keras_seq.decoding._arguments import (
    as_column,
    brief,
    check_numbers,
    dtype_of,
)
from keras_seq.decoding._largest import largest
from keras_seq.decoding._picking import pick
from keras_seq.decoding._shown import with_arguments
from keras_seq.typing import Integers, Numbers, Tensor

_FEW = 256  # of the likeliest tokens, which are put in order first
_MARGIN = 1 + 1e-5  # sums are rounded


class Strategy(abc.ABC):
    """Chooses the next token of each row. One method to override."""

    def __repr__(self) -> str:
        return with_arguments(self)

    @abc.abstractmethod
    def next_token(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Chooses a token.

        Args:
            logits: float32 tensor of shape (B, V).
            uniform: Numbers drawn from [0, 1), one for each row, shape (B,);
                the only source of chance, so that equal seeds give equal
                tokens.

        Returns:
            int32 tensor of shape (B,).
        """


def next_token(strategy: Strategy, logits: Tensor, uniform: Tensor) -> Tensor:
    """What a strategy chooses; refuses what is no token of each row."""
    name = f"`{type(strategy).__name__}.next_token`"
    chosen = strategy.next_token(logits, uniform)
    shape, rows = tuple(getattr(chosen, "shape", ())), logits.shape[0]
    if len(shape) != 1 or rows not in (None, shape[0] or rows):
        came = f"shape {shape}" if hasattr(chosen, "shape") else brief(chosen)
        raise ValueError(
            f"{name} must return tokens of shape (B,) = ({rows},); received {came}."
        )
    if "int" not in dtype_of(chosen):
        raise ValueError(
            f"{name} must return integers; received dtype {dtype_of(chosen)}."
        )
    return ops.cast(chosen, "int32")


class Greedy(Strategy):
    """Takes the likeliest token; of several, the one with the lowest id.

    Example:

    >>> import numpy as np
    >>> Greedy().next_token(np.array([[0.0, 2.0, 1.0]]), None).numpy()
    array([1], dtype=int32)
    """

    def next_token(self, logits: Tensor, uniform: Tensor) -> Tensor:
        return ops.cast(ops.argmax(logits, axis=-1), "int32")


class Sample(Strategy):
    """Draws from softmax(logits / temperature), its tail cut off if asked.

    With `top_k` only the k likeliest tokens can be drawn. With `top_p` only
    the likeliest tokens that together hold a probability of at least p, the
    nucleus, which always has one token at least. With both, the k likeliest
    are kept first, and the nucleus is taken of what they hold.

    Args:
        temperature: Above 0 and finite; below 1 sharpens, above 1 flattens.
        top_k: Positive integer, or None for all tokens.
        top_p: In (0, 1], or None for all tokens.

    Each is a number or a tensor: a scalar, or of shape (B,) for a value of
    its own for each row. The values of symbolic tensors can't be checked here;
    below its range each of them acts as its limit, which takes the likeliest
    token.

    A token whose logit is -inf is never drawn. Logits that hold NaN or +inf
    have no distribution: what is drawn then means nothing.

    Raises:
        ValueError: If a value is out of its range.

    Example:

    >>> import numpy as np
    >>> strategy = Sample(temperature=0.5, top_k=2)
    >>> logits = np.array([[3.0, 2.0, 1.0]])
    >>> [int(strategy.next_token(logits, np.array([u]))[0]) for u in (0.1, 0.999)]
    [0, 1]

    References:
        Fan, Lewis and Dauphin (2018), Hierarchical neural story generation
        (top-k). Holtzman, Buys, Du, Forbes and Choi (2020), The curious case
        of neural text degeneration (top-p).
    """

    def __init__(
        self,
        temperature: Numbers = 1.0,
        top_k: Integers | None = None,
        top_p: Numbers | None = None,
    ) -> None:
        check_numbers(
            "temperature",
            temperature,
            "above 0 and finite",
            lambda number: 0 < number < math.inf,
        )
        if top_k is not None:
            check_numbers(
                "top_k",
                top_k,
                "a positive integer",
                lambda number: number > 0,
                whole=True,
            )
        if top_p is not None:
            check_numbers("top_p", top_p, "in (0, 1]", lambda number: 0 < number <= 1)
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    def next_token(self, logits: Tensor, uniform: Tensor) -> Tensor:
        temperature = as_column(
            "temperature", self.temperature, "float32", logits.shape[0]
        )
        weights = ops.exp(tempered(logits, temperature))
        if self.top_k is None and self.top_p is None:
            return _draw(weights, uniform)
        top_k = _column_or_none("top_k", self.top_k, "int32", logits.shape[0])
        top_p = _column_or_none("top_p", self.top_p, "float32", logits.shape[0])
        total = ops.sum(weights, axis=-1, keepdims=True)
        # A k of more than all tokens is as none.
        every = True if top_k is None else top_k > ops.shape(weights)[-1]

        def draw(ranked: Tensor, order: Tensor) -> Tensor:
            rank = ops.arange(ops.shape(ranked)[-1], dtype="int32")
            held = total
            if top_k is not None:
                ranked = ops.where((rank < top_k) | (rank == 0), ranked, 0.0)
                held = ops.where(every, total, ops.sum(ranked, axis=-1, keepdims=True))
            if top_p is not None:
                before = ops.cumsum(ranked, axis=-1) - ranked
                inside = (before < top_p * held) | (rank == 0)
                ranked = ops.where(inside, ranked, 0.0)
            place = ops.expand_dims(_draw(ranked, uniform), -1)
            return ops.cast(pick(order, place)[:, 0], "int32")

        def draw_of_all() -> Tensor:
            order = ops.argsort(-weights, axis=-1)
            return draw(pick(weights, order), order)

        if weights.shape[-1] is None or weights.shape[-1] < 4 * _FEW:
            drawn = draw_of_all()
        else:
            # To put thousands in order takes longer than a step of many a model. The
            # likeliest few are enough where none behind them can be drawn.
            few, order = largest(weights, _FEW)
            enough = False if top_k is None else top_k <= _FEW
            if top_p is not None:
                mass = ops.sum(few, axis=-1, keepdims=True)
                inside = (top_p >= 1) | (mass > top_p * total * _MARGIN)
                enough = enough | (every & inside)
            drawn = ops.cond(ops.all(enough), lambda: draw(few, order), draw_of_all)
        if top_p is None:
            return drawn
        # The nucleus of 1 is all tokens, in whatever order.
        whole = ops.reshape(every & (top_p >= 1), (-1,))
        return ops.where(whole, _draw(weights, uniform), drawn)


def _column_or_none(
    name: str, value: Numbers | None, dtype: str, batch: int | None
) -> Tensor:
    return None if value is None else as_column(name, value, dtype, batch)


def tempered(logits: Tensor, temperature: Tensor) -> Tensor:
    """Logits / temperature, with the largest at 0 so that none overflows."""
    logits = ops.cast(logits, "float32")
    below = logits - ops.max(logits, axis=-1, keepdims=True)
    return ops.where(below == 0, 0.0, below / ops.maximum(temperature, 0.0))


def _draw(weights: Tensor, uniform: Tensor) -> Tensor:
    """Draws an index with probability proportional to its weight, (B, V)."""
    cumulative = ops.cumsum(weights, axis=-1)
    threshold = ops.expand_dims(ops.cast(uniform, "float32"), -1) * cumulative[:, -1:]
    # Sums that are taken in parallel may fall by a rounding error, and the
    # threshold may be rounded up to the total: no weight of 0 may come of that.
    possible = weights > 0
    beyond = ops.logical_and(possible, cumulative > threshold)
    return ops.where(ops.any(beyond, axis=-1), _first(beyond), _last(possible))


def _first(condition: Tensor) -> Tensor:
    return ops.cast(ops.argmax(ops.cast(condition, "int32"), axis=-1), "int32")


def _last(condition: Tensor) -> Tensor:
    return ops.shape(condition)[-1] - 1 - _first(ops.flip(condition, axis=-1))
