"""Sequences that a finite automaton accepts."""

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from keras import ops

from keras_seq.decoding._arguments import (
    Id,
    Ids,
    as_integers,
    brief,
    check_row_count,
    check_whole,
    known_values,
)
from keras_seq.decoding.constraints import Constraint
from keras_seq.typing import Array, Nest, Tensor

# From what a state leads to, (token, state), to its number.
_Numbers: TypeAlias = dict[tuple[tuple[int, int], ...], int]


class Automaton(Constraint):
    """The sequence is one that a finite automaton accepts.

    ```
    state_t = transitions[state_{t-1}, token_t]
    ```

    The end token is a token like the others: it is allowed in the states that
    have a transition for it. A state with no transition at all is a dead end.
    `max_length` may cut a sequence off before the automaton is through.

    Args:
        transitions: Integer tensor of shape (N, V): the state to which a token
            leads, -1 where it is forbidden.
        start: The state before the first token: an integer in [0, N), or an
            integer tensor of shape () or (B,).

    Raises:
        ValueError: If an argument is of another shape or dtype or out of its
            range; when called, if V is not that of the logits.

    Example:

    Pairs of 1 and 2, then the end token 0:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy, generate
    >>> pairs = Automaton([[0, 1, -1], [-1, -1, 0]])
    >>> generate(
    ...     lambda tokens, state: (np.array([[0.0, 5.0, 9.0]]), state),
    ...     (),
    ...     np.array([0]),
    ...     max_length=5,
    ...     strategy=Greedy(),
    ...     constraint=pairs,
    ... ).ids.numpy()
    array([[1, 2, 1, 2, 1]], dtype=int32)
    """

    def __init__(
        self, transitions: Array | Sequence[Ids], *, start: Id | Ids = 0
    ) -> None:
        transitions = as_integers("transitions", transitions, (2,), "(N, V)", least=-1)
        start = as_integers("start", start, (0, 1), "() or (B,)", least=0)
        for name, value in (("transitions", transitions), ("start", start)):
            states, most = transitions.shape[0], max(known_values(value), default=0)
            if states is not None and most >= states:
                raise ValueError(
                    f"`{name}` must hold states below N = {states}; received {most}."
                )
        self.transitions = transitions
        self.start = start

    @classmethod
    def of(
        cls,
        sequences: Iterable[Iterable[Id]],
        vocabulary_size: int,
        *,
        end_token: Id,
    ) -> "Automaton":
        """The automaton that accepts these sequences and no others.

        It has the fewest states, so that many thousand regular sequences, such
        as all dates of a century, need few.

        Args:
            sequences: Iterable of sequences of token ids.
            vocabulary_size: V.
            end_token: Id of the token that ends each of them; it is put behind
                them.

        Returns:
            An `Automaton`.

        Raises:
            ValueError: If there are no sequences, or an id is not in the
                vocabulary.

        Example:

        >>> yes_or_no = Automaton.of([[1, 2, 3], [4, 3]], 5, end_token=0)
        >>> yes_or_no.transitions.shape
        (5, 5)
        """
        check_whole("vocabulary_size", vocabulary_size, 1)
        check_whole("end_token", end_token, 0)
        paths = sorted(
            {
                (*_path(sequence, place), int(end_token))
                for place, sequence in enumerate(sequences)
            }
        )
        ids = {token for path in paths for token in path}
        if not paths or min(ids) < 0 or max(ids) >= vocabulary_size:
            raise ValueError(
                "`sequences` must hold at least one sequence, and ids in [0, "
                f"{vocabulary_size}); received {len(paths)} sequences, ids "
                f"{sorted(ids)[:1]} to {sorted(ids)[-1:]}."
            )
        numbers: _Numbers = {}
        try:
            start = _number(paths, numbers)
        except RecursionError:
            longest = max(map(len, paths)) - 1
            raise ValueError(
                "`sequences` must hold sequences of some hundred ids at most; received "
                f"one of {longest}."
            ) from None
        transitions = np.full((len(numbers), vocabulary_size), -1, "int32")
        for leads, state in numbers.items():
            for token, target in leads:
                transitions[state, token] = target
        return cls(transitions, start=start)

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        start = ops.cast(ops.convert_to_tensor(self.start), "int32")
        if len(start.shape):
            check_row_count("start", start, start_tokens.shape[0])
        return ops.broadcast_to(start, ops.shape(start_tokens))

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        size = self.transitions.shape[1]
        if size not in (None, vocabulary_size):
            raise ValueError(
                f"`transitions` must have V = {vocabulary_size} columns, as many as "
                f"there are logits; received {size}."
            )
        return ops.take(self.transitions, state, axis=0) >= 0

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        transitions = ops.cast(ops.convert_to_tensor(self.transitions), "int32")
        place = state * ops.shape(transitions)[1] + tokens
        # What is not allowed comes only where rows have ended.
        return ops.maximum(ops.take(ops.reshape(transitions, (-1,)), place), 0)


def _path(sequence: Iterable[Id], place: int) -> tuple[int, ...]:
    """The ids of a sequence, each an integer."""
    try:
        if not isinstance(sequence, (str, bytes)):
            ids = tuple(sequence)
            if not any(isinstance(token, (bool, np.bool_)) for token in ids):
                return tuple(map(operator.index, ids))
    except TypeError:
        pass
    raise ValueError(
        f"`sequences` must hold sequences of token ids; received {brief(sequence)} at "
        f"place {place}."
    )


def _number(paths: Sequence[tuple[int, ...]], numbers: _Numbers) -> int:
    """Numbers the state from which these sorted paths lead on.

    States from which the same leads on are one state.

    Args:
        paths: Sorted list of tuples of token ids.
        numbers: The numbers of the states so far.
    """
    leads = tuple(
        (token, _number([path[1:] for path in group], numbers))
        for token, group in itertools.groupby(
            filter(None, paths), operator.itemgetter(0)
        )
    )
    return numbers.setdefault(leads, len(numbers))
