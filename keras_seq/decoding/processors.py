"""What is done to the logits before a token is chosen."""

import abc
import math
import typing
from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import ops

from keras_seq.decoding._arguments import (
    Id,
    check_in_vocabulary,
    check_numbers,
    check_row_count,
    known_values,
)
from keras_seq.decoding._shown import with_arguments
from keras_seq.typing import Array, ArrayLike, Nest, Tensor


class LogitsProcessor(abc.ABC):
    """Changes the logits at every step. One method to override.

    What depends on the tokens before needs a state, and overrides the other
    two methods too. The state follows its hypothesis through a beam search, so
    what is a row's own, a penalty or a count, belongs into it: a beam search
    has W rows for each of the B that `initial_state` knows.

    Example:

    Logits that sink where the last token comes again:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_seq.decoding import Greedy, generate
    >>> class NotAgain(LogitsProcessor):
    ...     def initial_state(self, start_tokens, max_length, vocabulary_size):
    ...         return start_tokens
    ...     def process(self, state, logits):
    ...         return logits - 5.0 * ops.one_hot(state, logits.shape[-1])
    ...     def next_state(self, state, tokens):
    ...         return tokens
    >>> generate(
    ...     lambda tokens, state: (np.array([[3.0, 1.0, 2.0]]), state),
    ...     (),
    ...     np.array([1]),
    ...     max_length=4,
    ...     strategy=Greedy(),
    ...     logits_processor=NotAgain(),
    ... ).ids.numpy()
    array([[0, 2, 0, 2]], dtype=int32)
    """

    def __repr__(self) -> str:
        return with_arguments(self)

    def initial_state(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        """The state before the first token.

        Args:
            start_tokens: int32 tensor of shape (B,).
            max_length: Tokens at most: an integer, or on TensorFlow a scalar
                int32 tensor.
            vocabulary_size: V: an integer, or a scalar tensor where it isn't
                known when tracing.

        Returns:
            Nest of tensors with a leading B; `()` for none.
        """
        return ()

    @abc.abstractmethod
    def process(self, state: Nest, logits: Tensor) -> Tensor:
        """The logits as the token is to be chosen by.

        Args:
            state: The state, with a leading B (a beam search: B·W).
            logits: float32 tensor of shape (B, V), -inf where a token is
                forbidden, which stays so. A beam search gives ln p.

        Returns:
            Floating-point tensor of shape (B, V).
        """

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        """The state after these tokens.

        Args:
            state: The state before.
            tokens: int32 tensor of shape (B,). In rows that have ended it is the
                padding, and what the state becomes means nothing; but it must
                not fail.

        Returns:
            The state, of the same structure, shapes and dtypes.
        """
        return state


class LogitBias(LogitsProcessor):
    """Adds a number to the logits of some tokens.

    Args:
        bias: Dict from token ids to numbers, or the numbers of all tokens,
            shape (V,), or (B, V) for each row. -inf forbids a token.

    Raises:
        ValueError: If an id is negative, a number is NaN or inf, or the shape is
            another; when called, if an id is not in the vocabulary.

    Example:

    >>> import numpy as np
    >>> bias = LogitBias({2: 1.5, 0: -np.inf})
    >>> bias.process((), np.array([[1.0, 1.0, 1.0]])).numpy()
    array([[-inf, 1. , 2.5]], dtype=float32)
    """

    def __init__(self, bias: Mapping[Id, float] | ArrayLike) -> None:
        if isinstance(bias, Mapping):
            for token, number in bias.items():
                check_numbers("bias", token, *_ID, whole=True)
                check_numbers(f"bias[{token}]", number, *_BIAS)
        else:
            bias = _as_array(bias)
            if not all(map(_BIAS[1], known_values(bias))):
                raise ValueError(f"`bias` must hold {_BIAS[0]}; received {bias!r}.")
        self.bias: typing.Any = bias

    def initial_state(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        if isinstance(self.bias, Mapping) or len(self.bias.shape) == 1:
            return ()
        check_row_count("bias", self.bias, start_tokens.shape[0])
        return ops.cast(ops.convert_to_tensor(self.bias), "float32")

    def process(self, state: Nest, logits: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32")
        bias, size = self.bias, logits.shape[-1]
        if isinstance(bias, Mapping):
            if size is None:
                raise ValueError(
                    "`bias` must be of shape (V,) or (B, V) where V is not known when "
                    "tracing; received a dict."
                )
            check_in_vocabulary("bias", np.array(list(bias), "int64"), size)
            bias = np.zeros(size, "float32")
            bias[[int(token) for token in self.bias]] = list(self.bias.values())
        elif None not in (size, bias.shape[-1]) and bias.shape[-1] != size:
            raise ValueError(
                f"`bias` must have V = {size} numbers a row, as many as there are "
                f"logits; received shape {tuple(bias.shape)}."
            )
        elif len(bias.shape) == 2:
            bias = state
        return logits + ops.cast(ops.convert_to_tensor(bias), "float32")


def _as_array(bias: typing.Any) -> Array:
    """An array of numbers (V,) or (B, V), or a tensor as it was given."""
    given, dtype = bias, "object"
    try:
        bias = bias if hasattr(bias, "dtype") else np.asarray(bias, "float32")
        dtype = keras.backend.standardize_dtype(bias.dtype)
    except (TypeError, ValueError):
        pass  # it is no array of numbers, and is said to be none
    ragged = hasattr(given, "row_splits")
    numeric = given is not None and not ragged and ("float" in dtype or "int" in dtype)
    if not numeric or len(bias.shape) not in (1, 2):
        came = f"shape {tuple(bias.shape)}" if numeric else repr(given)
        raise ValueError(
            "`bias` must be a dict, or numbers of shape (V,) or (B, V); received "
            f"{came}."
        )
    return bias


_ID: tuple[str, Callable[[float], bool]] = (
    "a dict from token ids, at least 0",
    lambda number: number >= 0,
)
_BIAS: tuple[str, Callable[[float], bool]] = (
    "numbers that are no NaN and below inf",
    lambda number: number < math.inf,
)
