"""What may come next, and what processors make of the logits, as the loops use it."""

import keras
from keras import ops

from keras_seq.decoding._arguments import as_tensor, check_leading_rows
from keras_seq.decoding._ending import Ending
from keras_seq.decoding._stepping import as_tensors, check_state
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.processors import LogitsProcessor
from keras_seq.typing import Nest, Tensor

FORBIDDEN = float("-inf")


class Limits:
    """What is left of the logits; without a constraint and processors, all.

    Args:
        constraint: A `Constraint` or None.
        processors: Several `LogitsProcessor`s.
        ending: When end tokens may come.
    """

    def __init__(
        self,
        constraint: Constraint | None,
        processors: tuple[LogitsProcessor, ...],
        ending: Ending,
    ) -> None:
        self.constraint = constraint
        self.processors = processors
        self.ending = ending

    @property
    def forbids(self) -> bool:
        """Whether a token may be forbidden before a processor sees it."""
        return self.constraint is not None or self.ending.delayed

    def start(
        self,
        start_tokens: Tensor,
        max_length: int | Tensor,
        vocabulary_size: int | Tensor,
    ) -> Nest:
        """The states before the first token, with a leading B."""
        if self.constraint is None and not self.processors:
            return ()
        constrained: Nest = ()
        if self.constraint is not None:
            constrained = self.constraint.initial_state(start_tokens, max_length)
        processed = [
            processor.initial_state(start_tokens, max_length, vocabulary_size)
            for processor in self.processors
        ]
        for processor, own in zip(self.processors, processed, strict=True):
            name = f"{type(processor).__name__}.initial_state()"
            check_leading_rows(name, own, start_tokens.shape[0])
        state = as_tensors((constrained, processed))
        after = self.advance(state, start_tokens)
        check_state("`constraint.next_state`", state[0], after[0])
        for processor, own, behind in zip(
            self.processors, state[1], after[1], strict=True
        ):
            check_state(f"`{type(processor).__name__}.next_state`", own, behind)
        return state

    def apply(self, state: Nest, scores: Tensor, t: int | Tensor, each: int) -> Tensor:
        """The scores, of shape (B·each, V), as they are to be chosen by.

        First what is forbidden becomes -inf, so that no processor that cuts off keeps
        that alone; and it stays so, whatever a processor makes of it.
        """
        allowed = scores
        if self.constraint is not None:
            allowed = self._allowed(state, scores)
        if self.ending.delayed:
            allowed = self.ending.forbid(allowed, t, each)
        if not self.processors:
            return allowed
        processed = allowed
        for processor, own in zip(self.processors, state[1], strict=True):
            processed = _process(processor, own, processed)
        if self.forbids:
            processed = ops.where(allowed == FORBIDDEN, FORBIDDEN, processed)
        return processed

    def leaves_any(self, scores: Tensor) -> Tensor:
        """Whether a row has a token that can be chosen, shape (rows,)."""
        return ops.any(scores != FORBIDDEN, axis=-1)

    def shown(self, log_prob: Tensor, scores: Tensor) -> Tensor:
        """Ln p, (rows,), NaN where a processor leaves NaN or +inf."""
        if not self.processors:
            return log_prob
        in_order = ops.all(scores < float("inf"), axis=-1)
        return ops.where(in_order, log_prob, float("nan"))

    def advance(self, state: Nest, tokens: Tensor) -> Nest:
        """The states after these tokens, shape (rows,)."""
        if self.constraint is None and not self.processors:
            return state
        constrained, processed = state
        if self.constraint is not None:
            constrained = self.constraint.next_state(constrained, tokens)
        processed = [
            processor.next_state(own, tokens)
            for processor, own in zip(self.processors, processed, strict=True)
        ]
        return as_tensors((constrained, processed))

    def _allowed(self, state: Nest, scores: Tensor) -> Tensor:
        assert self.constraint is not None
        allowed = self.constraint.allowed(state[0], scores.shape[-1])
        expected = "booleans that broadcast to (rows, V)"
        allowed = as_tensor("constraint.allowed()", allowed, expected)
        dtype = keras.backend.standardize_dtype(allowed.dtype)
        if dtype != "bool":
            raise ValueError(
                "`constraint.allowed` must return booleans that broadcast to "
                f"(rows, V); received dtype {dtype}."
            )
        return ops.where(allowed, scores, FORBIDDEN)


def _process(processor: LogitsProcessor, state: Nest, logits: Tensor) -> Tensor:
    """What the processor makes of them; refuses what are no logits (rows, V)."""
    name = f"`{type(processor).__name__}.process`"
    result = processor.process(state, logits)
    if result is None:
        raise ValueError(
            f"{name} must return logits of shape (rows, V); received None."
        )
    result = as_tensor(f"{name[1:-1]}()", result, "logits of shape (rows, V)")
    dtype = keras.backend.standardize_dtype(result.dtype)
    shape, expected = tuple(result.shape), tuple(logits.shape)
    same = len(shape) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(shape, expected, strict=True)
    )
    if "float" not in dtype or not same:
        raise ValueError(
            f"{name} must return logits of the shape that it was given, {expected}, "
            f"in a floating-point dtype; received dtype {dtype}, shape {shape}."
        )
    return ops.cast(result, "float32")
