"""Which tokens may come next."""

import abc
import numbers
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_seq.decoding._arguments import (
    Id,
    Ids,
    as_integers,
    check_in_vocabulary,
    check_row_count,
    marked,
)
from keras_seq.typing import Nest, Tensor


class Constraint(abc.ABC):
    """Says at every step which tokens are allowed. One method to override.

    What depends on the tokens before needs a state, and overrides the other
    two methods too. The state follows its hypothesis through a beam search.

    Example:

    Tokens that rise:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_seq.decoding import Greedy, generate
    >>> class Rising(Constraint):
    ...     def initial_state(self, start_tokens, max_length):
    ...         return start_tokens
    ...     def allowed(self, state, vocabulary_size):
    ...         return np.arange(vocabulary_size) > ops.expand_dims(state, -1)
    ...     def next_state(self, state, tokens):
    ...         return tokens
    >>> logits = np.array([[3.0, 1.0, 2.0, 0.0]])
    >>> generate(
    ...     lambda tokens, state: (logits, state),
    ...     (),
    ...     np.array([0]),
    ...     max_length=3,
    ...     strategy=Greedy(),
    ...     constraint=Rising(),
    ... ).ids.numpy()
    array([[2, 3, 0]], dtype=int32)

    (After 3 nothing is allowed: the row has stopped.)
    """

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        """The state before the first token.

        Args:
            start_tokens: int32 tensor of shape (B,).
            max_length: Tokens at most: an integer, or on TensorFlow a scalar
                int32 tensor.

        Returns:
            Nest of tensors with a leading B; `()` for none.
        """
        return ()

    @abc.abstractmethod
    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        """Which tokens may come next.

        Args:
            state: The state, with a leading B (a beam search: B·W).
            vocabulary_size: V.

        Returns:
            Boolean tensor of shape (B, V), or one that broadcasts to it.
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


class ForbiddenTokens(Constraint):
    """These tokens never come.

    Args:
        ids: Integer tensor of shape (N,).

    Raises:
        ValueError: If the ids are of another shape or dtype, or negative; when
            called, if one is not in the vocabulary.

    Example:

    >>> ForbiddenTokens([0, 3]).allowed((), 5).numpy()
    array([False,  True,  True, False,  True])
    """

    def __init__(self, ids: Ids) -> None:
        self.ids = as_integers("ids", ids, (1,), "(N,)", least=0)

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        check_in_vocabulary("ids", self.ids, vocabulary_size)
        ids = ops.arange(vocabulary_size, dtype="int32")
        forbidden = ops.expand_dims(ops.cast(self.ids, "int32"), -1)
        return ops.all(ids != forbidden, axis=0)


_LONGEST = 1024  # n-gram, each of whose tokens is compared by operations of its own


class NoRepeatedNgrams(Constraint):
    """No n tokens in succession come a second time in a row.

    Counted are the tokens that are generated; the start token isn't one of
    them.

    Args:
        n: Positive integer, at most 1,024; 1 lets no token come twice.

    Raises:
        ValueError: If `n` is no such integer.

    Example:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> generate(
    ...     lambda tokens, state: (np.array([[2.0, 1.0]]), state),
    ...     (),
    ...     np.array([0]),
    ...     max_length=4,
    ...     strategy=Greedy(),
    ...     constraint=NoRepeatedNgrams(2),
    ... ).ids.numpy()
    array([[0, 0, 1, 0]], dtype=int32)

    References:
        Paulus, Xiong and Socher (2018), A deep reinforced model for abstractive
        summarization (section 2.5).
    """

    def __init__(self, n: Id) -> None:
        if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"`n` must be a positive integer; received {n!r}.")
        if n > _LONGEST:
            raise ValueError(f"`n` must be at most {_LONGEST}; received {n!r}.")
        self.n: int = int(n)

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        # The tokens, behind n - 1 places that equal none: so every token has
        # n - 1 before it.
        rows = ops.shape(start_tokens)[0]
        tokens = ops.full((rows, max_length + self.n - 1), -1, dtype="int32")
        return tokens, ops.zeros((rows, 1), "int32")

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        tokens, count = state
        before = self.n - 1
        longest = ops.shape(tokens)[1] - before
        repeats = ops.arange(longest, dtype="int32") < count
        for i in range(before):
            last = ops.take_along_axis(tokens, count + i, axis=1)
            repeats = ops.logical_and(repeats, tokens[:, i : longest + i] == last)
        repeating = ops.where(repeats, tokens[:, before:], -1)
        return ops.logical_not(marked(repeating, vocabulary_size))

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        history, count = state
        place = ops.arange(ops.shape(history)[1], dtype="int32")
        here = place == count + self.n - 1
        return ops.where(here, ops.expand_dims(tokens, -1), history), count + 1


class ForcedPrefix(Constraint):
    """The sequence begins with these tokens.

    Args:
        ids: Integer tensor of shape (P,), or (B, P) for a prefix of its own for
            each row. -1 leaves a place free: so prefixes may differ in length,
            and have gaps.

    Raises:
        ValueError: If the ids are of another shape or dtype, or below -1; when
            called, if one is not in the vocabulary.

    Example:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> generate(
    ...     lambda tokens, state: (np.array([[0.0, 1.0, 2.0]] * 2), state),
    ...     (),
    ...     np.array([0, 0]),
    ...     max_length=4,
    ...     strategy=Greedy(),
    ...     constraint=ForcedPrefix([[0, 1], [1, -1]]),
    ... ).ids.numpy()
    array([[0, 1, 2, 2],
           [1, 2, 2, 2]], dtype=int32)
    """

    def __init__(self, ids: Ids | Sequence[Ids]) -> None:
        self.ids = as_integers("ids", ids, (1, 2), "(P,) or (B, P)", least=-1)

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        ids = ops.cast(ops.convert_to_tensor(self.ids), "int32")
        if len(ids.shape) == 2:
            check_row_count("ids", ids, start_tokens.shape[0])
        # Behind the prefix stands a place that is free.
        ids = ops.pad(ids, [(0, 0)] * (len(ids.shape) - 1) + [(0, 1)], "constant", -1)
        shape = (ops.shape(start_tokens)[0], ops.shape(ids)[-1])
        return ops.broadcast_to(ids, shape), ops.zeros_like(start_tokens)

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        check_in_vocabulary("ids", self.ids, vocabulary_size)
        ids, count = state
        place = ops.minimum(count, ops.shape(ids)[1] - 1)
        forced = ops.take_along_axis(ids, ops.expand_dims(place, -1), axis=1)
        tokens = ops.arange(vocabulary_size, dtype="int32")
        return ops.logical_or(forced == -1, forced == tokens)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        ids, count = state
        return ids, count + 1


class AllOf(Constraint):
    """What every one of several constraints allows.

    Args:
        *constraints: Each a `Constraint`.

    Raises:
        TypeError: If one is something else.

    Example:

    >>> both = AllOf(ForbiddenTokens([0]), ForbiddenTokens([3, 4]))
    >>> both.allowed(((), ()), 5).numpy()
    array([False,  True,  True, False, False])
    """

    def __init__(self, *constraints: Constraint) -> None:
        for constraint in constraints:
            if not isinstance(constraint, Constraint):
                raise TypeError(
                    f"`constraints` must be Constraints; received {constraint!r}."
                )
        self.constraints = constraints

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        return tuple(
            constraint.initial_state(start_tokens, max_length)
            for constraint in self.constraints
        )

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        allowed = np.ones(vocabulary_size, bool)
        for constraint, own in zip(self.constraints, state, strict=True):
            allowed = ops.logical_and(allowed, constraint.allowed(own, vocabulary_size))
        return allowed

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        return tuple(
            constraint.next_state(own, tokens)
            for constraint, own in zip(self.constraints, state, strict=True)
        )
