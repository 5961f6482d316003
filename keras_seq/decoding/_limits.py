"""A constraint, or none, as the loops use it."""

import keras
from keras import ops

from keras_seq.decoding._stepping import as_tensors, check_state
from keras_seq.decoding.constraints import Constraint
from keras_seq.typing import Nest, Tensor

_FORBIDDEN = float("-inf")


class Limits:
    """What a constraint leaves of the logits; without a constraint, all.

    Args:
        constraint: A `Constraint` or None.
    """

    def __init__(self, constraint: Constraint | None) -> None:
        self.constraint = constraint

    def start(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        """The state before the first token, with a leading B."""
        if self.constraint is None:
            return ()
        state = self.constraint.initial_state(start_tokens, max_length)
        state = as_tensors(state)
        after = self.constraint.next_state(state, start_tokens)
        check_state("`constraint.next_state`", state, after)
        return state

    def apply(self, state: Nest, scores: Tensor) -> Tensor:
        """The scores, of shape (rows, V), with -inf at forbidden tokens."""
        if self.constraint is None:
            return scores
        allowed = self.constraint.allowed(state, scores.shape[-1])
        allowed = ops.convert_to_tensor(allowed)
        dtype = keras.backend.standardize_dtype(allowed.dtype)
        if dtype != "bool":
            raise ValueError(
                "`constraint.allowed` must return booleans that broadcast to "
                f"(rows, V); received dtype {dtype}."
            )
        return ops.where(allowed, scores, _FORBIDDEN)

    def leaves_any(self, scores: Tensor) -> Tensor | bool:
        """Whether a row has a token that can be chosen, shape (rows,)."""
        if self.constraint is None:
            return True
        return ops.any(scores != _FORBIDDEN, axis=-1)

    def advance(self, state: Nest, tokens: Tensor) -> Nest:
        """The state after these tokens, shape (rows,)."""
        if self.constraint is None:
            return state
        return as_tensors(self.constraint.next_state(state, tokens))
