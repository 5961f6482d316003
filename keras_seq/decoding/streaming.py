"""Tokens as they come: the loop of `generate`, a few steps at a time."""

import typing
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops, tree

from keras_seq.decoding._arguments import (
    EndToken,
    Id,
    Ids,
    StopSequences,
    check_whole,
    known_values,
)
from keras_seq.decoding._request import Inputs, Options, Processors, Request, checked
from keras_seq.decoding._single import Rows
from keras_seq.decoding._stepping import Step, StepWithConstants
from keras_seq.decoding._traced import for_a_while
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.results import FinishReason, Piece
from keras_seq.decoding.strategies import Strategy
from keras_seq.typing import Integers, Nest, Tensor

if typing.TYPE_CHECKING:
    from typing_extensions import Unpack


@typing.overload
def stream(
    step: Step,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive,
    constants: None = None,
    block: Id = 8,
    **options: "Unpack[Options]",
) -> Iterator[Piece]: ...


@typing.overload
def stream(
    step: StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive,
    constants: Nest,
    block: Id = 8,
    **options: "Unpack[Options]",
) -> Iterator[Piece]: ...


def stream(
    step: Step | StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    max_length: Integers,
    strategy: Strategy | Contrastive,
    end_token: EndToken | None = None,
    seed: Integers | None = None,
    constants: Nest = None,
    constraint: Constraint | None = None,
    logits_processor: Processors | None = None,
    min_length: Integers = 0,
    stop_sequences: StopSequences | None = None,
    block: Id = 8,
) -> Iterator[Piece]:
    """Generates as `generate` does, and gives the tokens as they come.

    The loop runs `block` steps at a time; between them Python sees what is new.
    With the same seed the tokens are those that `generate` gives at once. It ends
    when every row has. A row's stop sequence is only known when it is whole: its
    first tokens may have been given in an earlier piece.

    Args:
        step: As for `generate`.
        state: As for `generate`.
        start_tokens: As for `generate`.
        max_length: As for `generate`.
        strategy: `Greedy()`, `Sample(...)`, `Contrastive(...)` or a `Strategy` of your
            own. The hypotheses of a `Beam` aren't settled before the end.
        end_token: As for `generate`.
        seed: As for `generate`.
        constants: As for `generate`.
        constraint: As for `generate`.
        logits_processor: As for `generate`.
        min_length: As for `generate`.
        stop_sequences: As for `generate`.
        block: Steps at a time at most, a positive integer: a few for a terminal,
            more where little is to be lost between them. Each block is one call of
            a compiled function.

    Returns:
        An iterator over `Piece`s: `ids` (B, N), `new` (B,), `log_probs` (B, N),
        `kept`, `lengths` (B,) and `reasons` (B,), in NumPy.

    Raises:
        ValueError: As `generate`; if `block` is no positive integer.
        TypeError: As `generate`; if `strategy` is a `Beam`.
        RuntimeError: If it is called inside a graph, whose tokens have no values.

    Example:

    A model that counts on, and ends after 7:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_seq.decoding import Greedy
    >>> def step(tokens, state):
    ...     return ops.one_hot(tokens + 1, 9) * 9.0, state
    >>> pieces = stream(
    ...     step,
    ...     (),
    ...     np.array([0, 5]),
    ...     max_length=20,
    ...     strategy=Greedy(),
    ...     end_token=8,
    ...     block=3,
    ... )
    >>> for piece in pieces:
    ...     print([ids[:n].tolist() for ids, n in zip(piece.ids, piece.new)])
    [[1, 2, 3], [6, 7, 8]]
    [[4, 5, 6], []]
    [[7, 8], []]
    """
    if not isinstance(strategy, (Strategy, Contrastive)):
        raise TypeError(
            "`strategy` must be a Strategy such as Greedy(), as the hypotheses of a "
            f"Beam aren't settled before the end; received {strategy!r}."
        )
    if hasattr(block, "dtype") and not isinstance(block, np.integer):
        raise ValueError(f"`block` must be a positive integer; received {block!r}.")
    check_whole("block", block, 1)
    if _inside_a_graph():
        raise RuntimeError(
            "`stream` must be called eagerly: inside a graph tokens have no values "
            "to be given before the end. Call `generate` there."
        )
    request, inputs = checked(
        step,
        state,
        start_tokens,
        max_length=max_length,
        strategy=strategy,
        end_token=end_token,
        seed=seed,
        constants=constants,
        constraint=constraint,
        logits_processor=logits_processor,
        min_length=min_length,
        stop_sequences=stop_sequences,
    )
    longest = max(known_values(ops.convert_to_tensor(inputs.max_length)), default=0)
    return _pieces(request, inputs, max(1, min(int(block), int(longest))))


def _pieces(request: Request, inputs: Inputs, block: int) -> Iterator[Piece]:
    rows = for_a_while(_first)(request, inputs)
    inputs = inputs._replace(state=())  # the rows have it now
    steps, begin = for_a_while(_some_steps), 0
    while True:
        place = ops.convert_to_tensor(begin, "int32")
        rows, new, reasons, written = steps(request, inputs, rows, place, block)
        new, reasons, lengths = map(ops.convert_to_numpy, (new, reasons, rows.lengths))
        ids, log_probs, kept = _in_numpy(written, int(new.max(initial=0)))
        yield Piece(ids, new, log_probs, kept, lengths, reasons)
        if not np.any(reasons == FinishReason.RUNNING):
            return
        begin += block


def _first(request: Request, inputs: Inputs) -> Rows:
    return request.choosing(inputs).first()


def _some_steps(
    request: Request, inputs: Inputs, rows: Rows, begin: Tensor, block: int
) -> tuple[Rows, Tensor, Tensor, Nest]:
    """The rows after some steps, how much is new, reasons, and what was written."""
    choosing = request.choosing(inputs._replace(state=rows.state))
    after, written = choosing.run(rows, begin, block)
    _, reasons = choosing.outcome(after)
    return after, after.written - rows.written, reasons, written


def _in_numpy(written: Nest, steps: int) -> Nest:
    """What was written, without the steps that no row took."""
    return tree.map_structure(
        lambda x: None if x is None else ops.convert_to_numpy(x)[:, :steps], written
    )


def _inside_a_graph() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.executing_eagerly()
    return False
