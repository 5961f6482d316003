"""What comes out of decoding."""

import enum
import itertools
import typing

import numpy as np
from keras import ops

from keras_seq.decoding._shown import as_array, table
from keras_seq.typing import Nest, Tensor

_ROWS_SHOWN, _TOKENS_SHOWN = 8, 24  # in a notebook


class FinishReason(enum.IntEnum):
    """Why a row has ended.

    Attributes:
        RUNNING: It has not: `stream` goes on with it.
        END_TOKEN: It came to an end token.
        STOP_SEQUENCE: It wrote a stop sequence.
        LENGTH: It has as many tokens as it may have.
        DEAD_END: Every token was forbidden, or had a logit of -inf; with `Beam`, too,
            that there is no hypothesis for the place.

    Example:

    >>> FinishReason(3).name
    'LENGTH'
    """

    RUNNING = 0
    END_TOKEN = 1
    STOP_SEQUENCE = 2
    LENGTH = 3
    DEAD_END = 4


class Generation(typing.NamedTuple):
    """What `generate` returns.

    B rows, L tokens at most. With `Beam`, each has a second axis: B becomes
    (B, W), the hypotheses of each row, finished ones first, best first.

    Attributes:
        ids: int32 tensor of shape (B, L): the generated tokens. Behind the end
            token or stop sequence, or past a row's own `max_length`, the (first)
            end token is repeated (0 if there is none).
        lengths: int32 tensor of shape (B,): tokens generated, without the end
            token or the stop sequence that ended the row, which stands in `ids`
            from this place on.
        log_probs: float32 tensor of shape (B, L): ln p of each token, the end
            token included, under the model itself, whatever temperature,
            cut-off, constraint or processor there was. 0 past the end; NaN where
            the logits, or what a processor makes of them, hold NaN or +inf, which
            no choice of a token makes up for.
        finished: Boolean tensor of shape (B,): whether the row came to an end
            token or a stop sequence.
        kept: What the step function gave to keep, each (B, L, ...), 0 past the
            end; None if it gave nothing.
        scores: float32 tensor of shape (B,): the sum of `log_probs`, that is
            ln P of the row; with `Beam`, the score that it ranks by, -inf where
            there was no hypothesis for the place.
    """

    ids: Tensor
    lengths: Tensor
    log_probs: Tensor
    finished: Tensor
    kept: Nest
    scores: Tensor

    def __repr__(self) -> str:
        shape = tuple(self.ids.shape)
        lengths, finished = as_array(self.lengths), as_array(self.finished)
        told = [f"ids of shape {shape}"]
        if lengths is not None and finished is not None and lengths.size:
            told.append(f"{lengths.min()} to {lengths.max()} tokens")
            told.append(f"{finished.sum()} of {finished.size} finished")
        return f"Generation({', '.join(told)})"

    def _repr_html_(self) -> str | None:
        arrays = (self.ids, self.lengths, self.finished, self.scores)
        ids, lengths, finished, scores = map(as_array, arrays)
        if ids is None or lengths is None or finished is None or scores is None:
            return None  # its `repr` is shown
        rows: list[list[object]] = []
        for place in itertools.islice(np.ndindex(lengths.shape), _ROWS_SHOWN):
            tokens = ids[place][: lengths[place]].tolist()
            more = " …" if len(tokens) > _TOKENS_SHOWN else ""
            shown = f"{' '.join(map(str, tokens[:_TOKENS_SHOWN]))}{more}"
            ended = "ended" if finished[place] else "cut off"
            number = ", ".join(map(str, place))
            score = f"{scores[place]:.4g}"
            rows.append([number, shown, lengths[place], ended, score])
        head = ["row", "ids", "tokens", "", "score"]
        return table(repr(self), head, rows, more=lengths.size - len(rows))


class Piece(typing.NamedTuple):
    """What `stream` gives at a time: some steps of B rows, in NumPy.

    N is how many steps were taken, at most `block`.

    Attributes:
        ids: int32 array of shape (B, N): the tokens of these steps, as in a
            `Generation`.
        new: int32 array of shape (B,): how many of them are the row's, the end
            counted; the rest of the row is padding.
        log_probs: float32 array of shape (B, N): ln p of each token.
        kept: What the step function gave to keep, each (B, N, ...); None if it
            gave nothing.
        lengths: int32 array of shape (B,): tokens generated in all so far, without
            an end token or the stop sequence that ended the row.
        reasons: int32 array of shape (B,): why each row has ended, a `FinishReason`;
            `RUNNING` while it goes on.
    """

    ids: np.ndarray
    new: np.ndarray
    log_probs: np.ndarray
    kept: Nest
    lengths: np.ndarray
    reasons: np.ndarray


def reasons_for(by_token: Tensor, finished: Tensor, full: Tensor) -> Tensor:
    """The `FinishReason` of each that has ended, int32.

    Args:
        by_token: Whether it has come to an end token.
        finished: Whether it has come to that or to a stop sequence.
        full: Whether it has come to its length.
    """
    reasons = ops.where(full, int(FinishReason.LENGTH), int(FinishReason.DEAD_END))
    reasons = ops.where(finished, int(FinishReason.STOP_SEQUENCE), reasons)
    reasons = ops.where(by_token, int(FinishReason.END_TOKEN), reasons)
    return ops.cast(reasons, "int32")
