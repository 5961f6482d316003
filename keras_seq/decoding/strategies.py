"""How the next token is chosen from the logits."""

import abc
import numbers

import keras
from keras import ops


class Strategy(abc.ABC):
    """Chooses the next token of each row. One method to override."""

    @abc.abstractmethod
    def next_token(self, logits, uniform):
        """Chooses a token.

        Args:
            logits: float32 tensor of shape (B, V).
            uniform: Numbers drawn from [0, 1), one for each row, shape (B,);
                the only source of chance, so that equal seeds give equal
                tokens.

        Returns:
            int32 tensor of shape (B,).
        """


class Greedy(Strategy):
    """Takes the likeliest token; of several, the one with the lowest id.

    Example:

    >>> import numpy as np
    >>> Greedy().next_token(np.array([[0.0, 2.0, 1.0]]), None).numpy()
    array([1], dtype=int32)
    """

    def next_token(self, logits, uniform):
        return ops.cast(ops.argmax(logits, axis=-1), "int32")


class Sample(Strategy):
    """Draws from softmax(logits / temperature), its tail cut off if asked.

    With `top_k` only the k likeliest tokens can be drawn. With `top_p` only
    the likeliest tokens that together hold a probability of at least p, the
    nucleus, which always has one token at least. With both, the k likeliest
    are kept first, and the nucleus is taken of what they hold.

    Args:
        temperature: Above 0; below 1 sharpens, above 1 flattens.
        top_k: Positive integer, or None for all tokens.
        top_p: In (0, 1], or None for all tokens.

    Each is a number or a tensor: a scalar, or of shape (B,) for a value of
    its own for each row. The values of symbolic tensors can't be checked here;
    who feeds them must.

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

    def __init__(self, temperature=1.0, top_k=None, top_p=None):
        _check("temperature", temperature, "above 0", lambda v: v > 0)
        if top_k is not None:
            _check("top_k", top_k, "a positive integer", lambda v: v > 0, whole=True)
        if top_p is not None:
            _check("top_p", top_p, "in (0, 1]", lambda v: 0 < v <= 1)
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    def next_token(self, logits, uniform):
        logits = ops.cast(logits, "float32") / _column(self.temperature, "float32")
        probabilities = ops.softmax(logits, axis=-1)
        if self.top_k is None and self.top_p is None:
            return _draw(probabilities, uniform)
        order = ops.argsort(-probabilities, axis=-1)
        ranked = ops.take_along_axis(probabilities, order, axis=-1)
        if self.top_k is not None:
            rank = ops.arange(ops.shape(ranked)[-1], dtype="int32")
            ranked = ops.where(rank < _column(self.top_k, "int32"), ranked, 0.0)
        if self.top_p is not None:
            before = ops.cumsum(ranked, axis=-1) - ranked
            nucleus = _column(self.top_p, "float32") * ops.sum(
                ranked, axis=-1, keepdims=True
            )
            ranked = ops.where(before < nucleus, ranked, 0.0)
        drawn = ops.expand_dims(_draw(ranked, uniform), -1)
        return ops.cast(ops.take_along_axis(order, drawn, axis=-1)[:, 0], "int32")


def _draw(weights, uniform):
    """Draws an index with probability proportional to its weight, (B, V)."""
    cumulative = ops.cumsum(weights, axis=-1)
    total = cumulative[:, -1:]
    threshold = ops.expand_dims(ops.cast(uniform, "float32"), -1) * total
    index = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1)
    # Rounding may lift the threshold to the total: take the last that counts.
    last = ops.sum(ops.cast(cumulative < total, "int32"), axis=-1)
    return ops.minimum(index, last)


def _column(value, dtype):
    """A scalar, or a (B,) tensor as a column that broadcasts over (B, V)."""
    value = ops.cast(ops.convert_to_tensor(value), dtype)
    return ops.expand_dims(value, -1) if len(value.shape) else value


def _check(name, value, expected, accepts, whole=False):
    if isinstance(value, bool) or isinstance(value, str):
        raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
    if not isinstance(value, numbers.Real):
        if not hasattr(value, "shape"):
            raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
        if len(value.shape) > 1:
            raise ValueError(
                f"`{name}` must be a scalar or of shape (B,); received shape "
                f"{tuple(value.shape)}."
            )
        try:
            values = keras.ops.convert_to_numpy(value).reshape(-1).tolist()
        except Exception:  # a symbolic tensor, whose values are not known yet
            return
    else:
        values = [value]
    for number in values:
        if not accepts(number) or (whole and number != int(number)):
            raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
