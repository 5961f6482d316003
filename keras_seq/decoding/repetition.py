"""Processors that hold it against a token that it came before."""

import math

from keras import ops

from keras_seq.decoding._arguments import (
    Ids,
    as_integers,
    check_in_vocabulary,
    check_row_count,
    marked,
)
from keras_seq.decoding._of_rows import OfRows
from keras_seq.typing import Array, Nest, Numbers, Tensor

_LEAST = 1e-6


class RepetitionPenalty(OfRows):
    """Makes tokens that came before less likely, by a factor.

    ```
    l_v ← l_v / θ  where l_v > 0,  l_v · θ  elsewhere     if v came before
    ```

    A token came before if it was generated, or is in `prompt`; the start token
    counts if it is in the prompt. The factor acts on the logits as they are, so
    that what it does depends on their zero; a beam search gives ln p, which is
    never above 0.

    Args:
        penalty: θ, above 0 and finite: above 1 holds it against a token that it
            came, below 1 favours it. 1.1 to 1.3 is usual. A number, or a tensor:
            a scalar, or of shape (B,).
        prompt: Integer tensor of shape (B, P), or (P,) for all rows: tokens that
            came before. -1 leaves a place free. None for none.

    Raises:
        ValueError: If an argument is of another shape or dtype or out of its
            range; when called, if a token is not in the vocabulary.

    Example:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> generate(
    ...     lambda tokens, state: (np.array([[3.0, 2.0, 1.0]]), state),
    ...     (),
    ...     np.array([2]),
    ...     max_length=4,
    ...     strategy=Greedy(),
    ...     logits_processor=RepetitionPenalty(2.0, prompt=[[2]]),
    ... ).ids.numpy()
    array([[0, 1, 0, 0]], dtype=int32)

    References:
        Keskar, McCann, Varshney, Xiong and Socher (2019), CTRL: a conditional
        transformer language model for controllable generation (section 4.1;
        there l_v / θ whatever the sign).
    """

    penalty: Numbers

    def __init__(
        self, penalty: Numbers, prompt: Ids | Array | list[list[int]] | None = None
    ) -> None:
        super().__init__(
            "penalty",
            penalty,
            "above 0 and finite",
            lambda number: 0 < number < math.inf,
        )
        if prompt is not None:
            prompt = as_integers("prompt", prompt, (1, 2), "(P,) or (B, P)", least=-1)
        self.prompt = prompt

    def initial_state(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        penalty = super().initial_state(start_tokens, max_length, vocabulary_size)
        rows = ops.shape(start_tokens)[0]
        seen = ops.zeros((rows, vocabulary_size), "bool")
        if self.prompt is not None:
            if isinstance(vocabulary_size, int):
                check_in_vocabulary("prompt", self.prompt, vocabulary_size)
            prompt = ops.cast(ops.convert_to_tensor(self.prompt), "int32")
            if len(prompt.shape) == 2:
                check_row_count("prompt", prompt, start_tokens.shape[0])
            prompt = ops.broadcast_to(prompt, (rows, ops.shape(prompt)[-1]))
            seen = marked(prompt, vocabulary_size)
        return penalty, seen

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        penalty, seen = state
        logits = ops.cast(logits, "float32")
        penalty = ops.maximum(penalty, _LEAST)
        weakened = ops.where(logits > 0, logits / penalty, logits * penalty)
        return ops.where(seen, weakened, logits)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        penalty, seen = state
        return penalty, ops.logical_or(seen, _one_hot(tokens, seen))


class FrequencyPenalty(OfRows):
    """Takes from the logit of a token for every time that it was generated.

    ```
    l_v ← l_v - α · c_v        c_v: how often v was generated in the row
    ```

    Args:
        penalty: α, finite; below 0 favours what came before. 0.1 to 1 is usual. A
            number, or a tensor: a scalar, or of shape (B,).

    Raises:
        ValueError: If the penalty isn't finite.

    Example:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> generate(
    ...     lambda tokens, state: (np.array([[3.0, 2.5, 0.0]]), state),
    ...     (),
    ...     np.array([2]),
    ...     max_length=5,
    ...     strategy=Greedy(),
    ...     logits_processor=FrequencyPenalty(1.0),
    ... ).ids.numpy()
    array([[0, 1, 0, 1, 0]], dtype=int32)

    References:
        OpenAI's API reference, `frequency_penalty`.
    """

    penalty: Numbers

    def __init__(self, penalty: Numbers) -> None:
        super().__init__("penalty", penalty, "finite", math.isfinite)

    def initial_state(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        penalty = super().initial_state(start_tokens, max_length, vocabulary_size)
        rows = ops.shape(start_tokens)[0]
        return penalty, ops.zeros((rows, vocabulary_size), "int32")

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        penalty, counts = state
        return ops.cast(logits, "float32") - penalty * self._weights(counts)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        penalty, counts = state
        return penalty, counts + ops.cast(_one_hot(tokens, counts), "int32")

    def _weights(self, counts: Tensor) -> Tensor:
        return ops.cast(counts, "float32")


class PresencePenalty(FrequencyPenalty):
    """Takes from the logit of a token once it was generated, however often.

    ```
    l_v ← l_v - α · 1[c_v > 0]        c_v: how often v was generated in the row
    ```

    Args:
        penalty: α, finite; below 0 favours what came before. 0.1 to 1 is usual. A
            number, or a tensor: a scalar, or of shape (B,).

    Raises:
        ValueError: If the penalty isn't finite.

    Example:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> generate(
    ...     lambda tokens, state: (np.array([[3.0, 2.5, 0.0]]), state),
    ...     (),
    ...     np.array([2]),
    ...     max_length=4,
    ...     strategy=Greedy(),
    ...     logits_processor=PresencePenalty(1.0),
    ... ).ids.numpy()
    array([[0, 1, 0, 0]], dtype=int32)

    References:
        OpenAI's API reference, `presence_penalty`.
    """

    def _weights(self, counts: Tensor) -> Tensor:
        return ops.cast(counts > 0, "float32")


def _one_hot(tokens: Tensor, like: Tensor) -> Tensor:
    """Booleans (B, V): which token it is."""
    every = ops.arange(ops.shape(like)[-1], dtype="int32")
    return ops.expand_dims(tokens, -1) == every
