"""What is asked for, checked: what a loop is made of, and the tensors that it reads."""

import numbers
import secrets
import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seq.decoding._arguments import (
    EndToken,
    Ids,
    StopSequences,
    as_tokens,
    check_end_token,
    check_leading_rows,
    check_rows,
    check_whole,
    end_tokens,
    known_values,
)
from keras_seq.decoding._ending import Ending, as_stops
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._look_ahead import LookingAhead
from keras_seq.decoding._random import row_keys
from keras_seq.decoding._single import Choosing
from keras_seq.decoding._stepping import (
    Step,
    StepWithConstants,
    as_tensors,
    bind,
    check_step,
    repeat_rows,
)
from keras_seq.decoding.beam import Beam
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.processors import LogitsProcessor
from keras_seq.decoding.strategies import Strategy
from keras_seq.typing import Array, Integers, Nest, Tensor

if typing.TYPE_CHECKING:
    from typing_extensions import Required

Processors: typing.TypeAlias = LogitsProcessor | Sequence[LogitsProcessor]
"""One, or several in their order."""


class Options(typing.TypedDict, total=False):
    """What is given by name, whatever the step and the result are."""

    max_length: "Required[Integers]"
    end_token: EndToken | None
    seed: Integers | None
    constraint: Constraint | None
    logits_processor: Processors | None
    min_length: Integers
    stop_sequences: StopSequences | None


class GenerateOptions(Options, total=False):
    """Those of `generate` alone."""

    jit_compile: bool


class Request(typing.NamedTuple):
    """What a loop is made of; nothing in it changes from step to step."""

    step: typing.Any
    strategy: Strategy | Contrastive | Beam
    constraint: Constraint | None
    processors: tuple[LogitsProcessor, ...]
    end_token: EndToken | None

    def ending(self, inputs: "Inputs") -> Ending:
        """What ends a row."""
        return Ending(self.end_token, inputs.min_length, inputs.stops)

    def limits(self, ending: Ending) -> Limits:
        """What may come next."""
        return Limits(self.constraint, self.processors, ending)

    def choosing(self, inputs: "Inputs") -> Choosing:
        """The loop that chooses a token a row."""
        assert not isinstance(self.strategy, Beam)
        ending = self.ending(inputs)
        constants, strategy = inputs.constants, self.strategy
        step = bind(self.step, constants)
        arguments = inputs.state, inputs.tokens, *inputs.lengths()
        options: dict[str, typing.Any] = {
            "limits": self.limits(ending),
            "ending": ending,
            "keys": row_keys(inputs.seed, ops.shape(inputs.tokens)[0]),
        }
        if not isinstance(strategy, Contrastive):
            return Choosing(step, *arguments, strategy=strategy, **options)

        def wide_step(count: int) -> Step:
            if constants is None:
                return step
            return bind(self.step, repeat_rows(constants, count))

        return LookingAhead(
            step,
            wide_step,
            *arguments,
            strategy=strategy,
            constants=constants,
            **options,
        )


class Inputs(typing.NamedTuple):
    """What a loop reads: tensors, and numbers that are known."""

    state: Nest
    tokens: Tensor
    max_length: Integers
    longest: int | None
    min_length: Integers
    stops: Array | None
    seed: Tensor
    constants: Nest

    def lengths(self) -> tuple[Tensor, int | Tensor]:
        """Each row's own length, and the longest."""
        batch = ops.shape(self.tokens)[0]
        if self.longest is not None and isinstance(self.max_length, int):
            return ops.full((batch,), self.longest, "int32"), self.longest
        max_length = ops.cast(ops.convert_to_tensor(self.max_length), "int32")
        rows = ops.broadcast_to(max_length, (batch,))
        if self.longest is not None:
            return rows, self.longest
        return rows, ops.max(max_length, initial=0)


def checked(
    step: Step | StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    max_length: Integers,
    strategy: Strategy | Contrastive | Beam,
    end_token: EndToken | None = None,
    seed: Integers | None = None,
    constants: Nest = None,
    constraint: Constraint | None = None,
    logits_processor: Processors | None = None,
    min_length: Integers = 0,
    stop_sequences: StopSequences | None = None,
) -> tuple[Request, Inputs]:
    """The arguments of `generate`, which refuses what is no good."""
    check_step(step, constants)
    if not isinstance(strategy, (Strategy, Contrastive, Beam)):
        raise TypeError(
            "`strategy` must be a Strategy such as Greedy(), a Contrastive or a Beam; "
            f"received {strategy!r}."
        )
    if constraint is not None and not isinstance(constraint, Constraint):
        raise TypeError(
            f"`constraint` must be a Constraint or None; received {constraint!r}."
        )
    processors = _processors(logits_processor)
    tokens = as_tokens("start_tokens", start_tokens, 1, "(B,)", least=0)
    batch = tokens.shape[0]
    check_whole("max_length", max_length, 1)
    check_whole("min_length", min_length, 0)
    if seed is None:
        seed = secrets.randbelow(2**31)
    check_whole("seed", seed, 0)
    for name, value in (
        ("max_length", max_length),
        ("min_length", min_length),
        ("seed", seed),
    ):
        check_rows(name, value, batch)
    _check_order(min_length, max_length)
    check_end_token(end_token, None)
    stops = as_stops(stop_sequences, end_tokens(end_token), batch)
    check_leading_rows("state", state, batch)
    check_leading_rows("constants", constants, batch, none_is_fine=True)
    inputs = Inputs(
        as_tensors(state),
        tokens,
        _number(max_length),
        _longest(max_length),
        _number(min_length),
        stops,
        ops.cast(ops.convert_to_tensor(seed), "int32"),
        constants,
    )
    return Request(step, strategy, constraint, processors, end_token), inputs


def _processors(given: typing.Any) -> tuple[LogitsProcessor, ...]:
    if given is None:
        return ()
    listed = isinstance(given, Sequence)
    several = tuple(given) if listed else (given,)
    for processor in several:
        if not isinstance(processor, LogitsProcessor):
            raise TypeError(
                "`logits_processor` must be a LogitsProcessor, a list of such, or "
                f"None; received {given!r}."
            )
    return several


def _check_order(min_length: Integers, max_length: Integers) -> None:
    """Refuses known lengths of which the least is above the largest."""
    least, most = (_known(value) for value in (min_length, max_length))
    if least and most:
        rows = max(len(least), len(most))
        pairs = zip(
            least if len(least) == rows else least * rows,
            most if len(most) == rows else most * rows,
            strict=True,
        )
        if any(a > b for a, b in pairs):
            raise ValueError(
                f"`min_length` must be at most `max_length`, {max_length!r}; received "
                f"{min_length!r}."
            )


def check_room(request: Request, inputs: Inputs) -> None:
    """Refuses a length for which there can't be room, before it is taken."""
    beam = request.strategy
    rows = inputs.tokens.shape[0] or 1
    rows *= beam.max_width if isinstance(beam, Beam) else 1
    longest = max(_known(inputs.max_length), default=0)
    if longest * rows > _MOST_TOKENS:
        raise ValueError(
            f"`max_length` must be at most {_MOST_TOKENS // rows} for {rows} "
            f"sequences, as room is taken for all of their tokens; received "
            f"{int(longest)}."
        )


_MOST_TOKENS = 2**27  # of all sequences together: some gigabytes


def _known(value: typing.Any) -> list[float]:
    if isinstance(value, numbers.Integral):
        return [int(value)]
    return known_values(value)


def _number(value: Integers) -> Integers:
    """An integer of Python's, or an int32 tensor."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return ops.cast(ops.convert_to_tensor(value), "int32")


def _longest(max_length: typing.Any) -> int | None:
    """The longest length where it must be known, or is."""
    if isinstance(max_length, numbers.Integral):
        return int(max_length)
    if keras.backend.backend() == "jax":
        # Inside a trace of the caller's it may not be known: JAX says so then.
        return int(max(known_values(max_length), default=0)) or None
    return None
