"""What ends a row: one of several tokens, or several tokens in succession."""

import typing
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_seq.decoding._arguments import (
    EndToken,
    StopSequences,
    as_integers,
    check_end_token,
    check_row_count,
    end_tokens,
    known_values,
)
from keras_seq.typing import Array, Integers, Tensor

FREE = -1  # stands where there is no token


class Ending:
    """When a row is done before its length.

    Args:
        end_token: An id, several of them, or None.
        min_length: Tokens before the end at least: a number or shape (B,).
        stops: Integer array or tensor (N, S) or (B, N, S), `FREE` behind the
            shorter ones, or None.
    """

    def __init__(
        self,
        end_token: EndToken | None,
        min_length: Integers = 0,
        stops: Array | None = None,
    ) -> None:
        self.end_token = end_token
        self.tokens = end_tokens(end_token)
        self.padding = self.tokens[0] if self.tokens else 0
        self.min_length = min_length
        self.stops = None if stops is None else _Stops(stops)

    @property
    def happens(self) -> bool:
        """Whether there is anything that ends a row."""
        return bool(self.tokens) or self.stops is not None

    @property
    def count(self) -> int:
        """How many tokens may end a row at a step.

        Raises:
            ValueError: If that isn't known.
        """
        sequences = 0 if self.stops is None else self.stops.ids.shape[-2]
        if sequences is None:
            raise ValueError(
                "`stop_sequences` must have a number that is known when tracing, in a "
                "beam search; received shape "
                f"{tuple(typing.cast(_Stops, self.stops).ids.shape)}."
            )
        return len(self.tokens) + sequences

    @property
    def delayed(self) -> bool:
        """Whether there are steps at which no end token may come."""
        return bool(self.tokens) and not _is_zero(self.min_length)

    def check_vocabulary(self, size: int | None) -> None:
        """Refuses an end token or stop sequence of tokens that there are not."""
        check_end_token(self.end_token, size)
        if self.stops is not None and size is not None:
            most = max(known_values(self.stops.ids), default=0)
            if most >= size:
                raise ValueError(
                    "`stop_sequences` must be below the vocabulary's size "
                    f"{size}; received {most}."
                )

    def is_end(self, tokens: Tensor) -> Tensor:
        """Whether these are end tokens."""
        if len(self.tokens) == 1:
            return tokens == self.tokens[0]
        several = np.array(self.tokens, "int32")
        return ops.any(ops.expand_dims(tokens, -1) == several, axis=-1)

    def forbid(self, scores: Tensor, t: int | Tensor, each: int) -> Tensor:
        """The scores (B·each, V), -inf at end tokens that would come too early."""
        early = ops.convert_to_tensor(t < _tensor(self.min_length))
        if len(early.shape):
            early = ops.expand_dims(ops.repeat(early, each, axis=0), -1)
        ends = self.is_end(ops.arange(ops.shape(scores)[-1], dtype="int32"))
        return ops.where(ops.logical_and(early, ends), float("-inf"), scores)

    def start(self, rows: int | Tensor) -> Tensor | tuple[()]:
        """The last tokens written, before the first: (rows, S), or nothing."""
        if self.stops is None:
            return ()
        return ops.full((rows, self.stops.longest), FREE, dtype="int32")

    def stopped(self, recent: Tensor, t: int | Tensor) -> Tensor:
        """The length of the stop sequence that these tokens end on, 0 for none.

        The longest, if there are several: the first of its tokens came first.

        Args:
            recent: int32 tensor (B, ..., S): the last tokens, as `after` gives.
            t: The step that wrote the last of them.
        """
        stops: typing.Any = self.stops
        written = t + 1 - stops.lengths
        possible = stops.lengths > 0
        if not _is_zero(self.min_length):
            least = _tensor(self.min_length)
            least = ops.reshape(least, (-1, 1)) if len(least.shape) else least
            possible = ops.logical_and(possible, written >= least)
        ids, counts, lengths = stops.aligned, stops.counts, stops.lengths
        for _ in range(len(recent.shape) - 2):
            ids, counts = ops.expand_dims(ids, 1), ops.expand_dims(counts, 1)
            lengths, possible = (ops.expand_dims(x, 1) for x in (lengths, possible))
        same = ops.expand_dims(recent, -2) == ids
        same = ops.all(ops.logical_or(same, ops.logical_not(counts)), axis=-1)
        same = ops.logical_and(same, possible)
        return ops.max(ops.where(same, lengths, 0), axis=-1, initial=0)


def after(recent: Tensor, tokens: Tensor) -> Tensor:
    """The last tokens, (..., S), when these (...) have been written."""
    return ops.concatenate([recent[..., 1:], ops.expand_dims(tokens, -1)], axis=-1)


class _Stops:
    """The sequences in a form that compares with the last S tokens.

    Attributes:
        aligned: int32 (1 or B, N, S): ids, moved to the right.
        counts: Boolean, likewise: where there is an id.
        lengths: int32 (1 or B, N).
        longest: S.
    """

    def __init__(self, ids: Array) -> None:
        self.ids = ids
        ids = ops.cast(ops.convert_to_tensor(ids), "int32")
        if len(ids.shape) == 2:
            ids = ops.expand_dims(ids, 0)
        if ids.shape[-1] is None:
            # There may turn out to be no place for a token; a place is needed.
            ids = ops.pad(ids, ((0, 0), (0, 0), (0, 1)), constant_values=FREE)
        self.longest = ops.shape(ids)[-1]
        self.lengths = ops.sum(ops.cast(ids != FREE, "int32"), axis=-1)
        missing = self.longest - ops.expand_dims(self.lengths, -1)
        place = ops.arange(self.longest, dtype="int32")
        place = ops.broadcast_to(place, ops.shape(ids)) - missing
        self.counts = place >= 0
        self.aligned = ops.take_along_axis(ids, ops.maximum(place, 0), axis=-1)


def as_stops(
    value: StopSequences | None, ends: tuple[int, ...], batch: int | None
) -> Array | None:
    """The stop sequences as an integer array (N, S) or (B, N, S); None for none.

    Raises:
        ValueError: If they are of another form, or hold what can't be written.
    """
    if value is None:
        return None
    if not hasattr(value, "dtype"):
        value = _padded(value)
    expected = "(N, S) or (B, N, S)"
    value = as_integers("stop_sequences", value, (2, 3), expected, least=FREE)
    if len(value.shape) == 3:
        check_row_count("stop_sequences", value, batch)
    if 0 in value.shape[-2:]:
        return None
    _check_filling(value)
    for token in known_values(value):
        if token in ends:
            raise ValueError(
                "`stop_sequences` must not hold an end token, which ends a row by "
                f"itself; received {token}."
            )
    return value


def _padded(sequences: typing.Any) -> np.ndarray:
    """Sequences of different lengths as an array (N, S)."""
    listed = isinstance(sequences, Sequence) and not isinstance(sequences, (str, bytes))
    rows = []
    for place, sequence in enumerate(sequences if listed else ()):
        row = np.asarray(sequence)
        if row.ndim != 1 or not row.size or row.dtype.kind not in "iu" or row.min() < 0:
            raise ValueError(
                "`stop_sequences` must hold sequences of one token id or more; "
                f"received {sequence!r} at place {place}."
            )
        rows.append(row)
    if not listed:
        raise ValueError(
            "`stop_sequences` must be sequences of token ids, an integer array of "
            f"shape (N, S) or (B, N, S), or None; received {sequences!r}."
        )
    padded = np.full((len(rows), max(map(len, rows), default=0)), FREE, "int64")
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded


def _check_filling(ids: Array) -> None:
    """Refuses known ids that go on behind a place without one."""
    known = known_values(ids)
    if known:
        rows = np.array(known).reshape(-1, ids.shape[-1])
        free = rows == FREE
        if np.any(free[:, :-1] & ~free[:, 1:]):
            raise ValueError(
                f"`stop_sequences` must have {FREE} behind the ids of a shorter "
                f"sequence alone; received {rows.astype(int).tolist()}."
            )


def _is_zero(value: Integers) -> bool:
    return isinstance(value, int) and value == 0


def _tensor(value: Integers) -> Tensor:
    return ops.cast(ops.convert_to_tensor(value), "int32")
