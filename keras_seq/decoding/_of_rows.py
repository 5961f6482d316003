"""Processors with a number, or one for each row."""

from collections.abc import Callable

from keras import ops

from keras_seq.decoding._arguments import as_column, check_numbers
from keras_seq.decoding.processors import LogitsProcessor
from keras_seq.typing import Nest, Numbers, Tensor


class OfRows(LogitsProcessor):
    """A processor with one number for all rows, or one for each.

    The state is that number, (B, 1), which so is that of its row in a beam search.
    """

    def __init__(
        self, name: str, value: Numbers, expected: str, accepts: Callable[[float], bool]
    ) -> None:
        check_numbers(name, value, expected, accepts)
        self._name = name
        setattr(self, name, value)

    def initial_state(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        batch = start_tokens.shape[0]
        column = as_column(self._name, getattr(self, self._name), "float32", batch)
        return ops.broadcast_to(column, (ops.shape(start_tokens)[0], 1))
