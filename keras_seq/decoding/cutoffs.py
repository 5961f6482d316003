"""Processors that know the logits alone: which tokens are left to choose from."""

import math

from keras import ops

from keras_seq.decoding._of_rows import OfRows
from keras_seq.decoding.strategies import tempered
from keras_seq.typing import Nest, Numbers, Tensor

_NEVER = float("-inf")


class Temperature(OfRows):
    """Logits / temperature, as `Sample` has it, for the processors behind it.

    A cut-off in a processor comes before the temperature of `Sample`. For one
    that comes behind it, give the temperature in front of it, and none to `Sample`.

    Args:
        temperature: Above 0 and finite; below 1 sharpens, above 1 flattens. A
            number, or a tensor: a scalar, or of shape (B,).

    Raises:
        ValueError: If the temperature is out of its range.

    Example:

    >>> import numpy as np
    >>> halved = Temperature(0.5)
    >>> halved.process(np.array([[0.5]]), np.array([[1.0, 2.0, 4.0]])).numpy()
    array([[-6., -4.,  0.]], dtype=float32)
    """

    temperature: Numbers

    def __init__(self, temperature: Numbers) -> None:
        super().__init__(
            "temperature",
            temperature,
            "above 0 and finite",
            lambda number: 0 < number < math.inf,
        )

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        temperature = ops.cast(state, "float32")
        return ops.where(logits == _NEVER, _NEVER, tempered(logits, temperature))


class MinP(OfRows):
    """Leaves the tokens whose probability is at least a share of the largest.

    ```
    p_v ≥ min_p · max_u p_u
    ```

    Where the model is sure few tokens are left, where it isn't many are.

    Args:
        min_p: In [0, 1]: 0 leaves all, 1 the likeliest. 0.05 to 0.1 is usual. A
            number, or a tensor: a scalar, or of shape (B,).

    Raises:
        ValueError: If `min_p` is out of its range.

    Example:

    >>> import numpy as np
    >>> p = np.array([[0.5, 0.3, 0.15, 0.05]])
    >>> MinP(0.25).process(np.array([[0.25]]), np.log(p)).numpy().round(2)
    array([[-0.69, -1.2 , -1.9 ,  -inf]], dtype=float32)

    References:
        Nguyen, Baker, Neo, Roush, Kirsch and Shwartz-Ziv (2025), Turning up the
        heat: min-p sampling for creative and coherent LLM outputs.
    """

    min_p: Numbers

    def __init__(self, min_p: Numbers) -> None:
        super().__init__("min_p", min_p, "in [0, 1]", lambda number: 0 <= number <= 1)

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        share = ops.clip(ops.cast(state, "float32"), 0.0, 1.0)
        least = ops.max(logits, axis=-1, keepdims=True) + ops.log(share)
        # NaN is in no order: it stays, and shows in `log_probs`.
        return ops.where(logits < least, _NEVER, logits)


class Typical(OfRows):
    """Leaves the tokens whose information is nearest to what is expected.

    ```
    H = -Σ_v p_v ln p_v        d_v = |H + ln p_v|
    ```

    Of the tokens in the order of d, those are left that come first and together
    hold a probability of `mass` at least; and what is as near as the last of
    them. The likeliest token may be among those that go.

    Args:
        mass: In (0, 1]: 1 leaves all. 0.2 to 0.95 is usual. A number, or a
            tensor: a scalar, or of shape (B,).

    Raises:
        ValueError: If the mass is out of its range.

    Example:

    H = 1.13 here, nearest to -ln 0.3 = 1.2, then to -ln 0.5 = 0.69:

    >>> import numpy as np
    >>> p = np.array([[0.5, 0.3, 0.15, 0.05]])
    >>> Typical(0.4).process(np.array([[0.4]]), np.log(p)).numpy().round(2)
    array([[-0.69, -1.2 ,  -inf,  -inf]], dtype=float32)

    References:
        Meister, Pimentel, Wiher and Cotterell (2023), Locally typical sampling.
    """

    mass: Numbers

    def __init__(self, mass: Numbers) -> None:
        super().__init__("mass", mass, "in (0, 1]", lambda number: 0 < number <= 1)

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        log_p = ops.log_softmax(logits, axis=-1)
        p = ops.exp(log_p)
        entropy = -ops.sum(ops.where(p > 0, p * log_p, 0.0), axis=-1, keepdims=True)
        distance = ops.where(logits == _NEVER, math.inf, ops.abs(entropy + log_p))
        order = ops.argsort(distance, axis=-1)
        ranked = ops.take_along_axis(p, order, axis=-1)
        left = ops.cumsum(ranked, axis=-1) - ranked < ops.cast(state, "float32")
        last = ops.maximum(ops.sum(ops.cast(left, "int32"), -1, keepdims=True) - 1, 0)
        far = ops.take_along_axis(distance, order, axis=-1)
        farthest = ops.take_along_axis(far, last, axis=-1)
        return ops.where(distance > farthest, _NEVER, logits)
