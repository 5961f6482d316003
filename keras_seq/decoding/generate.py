"""From a step function to sequences, inside the graph."""

import typing

from keras_seq.decoding._arguments import (
    EndToken,
    Ids,
    StopSequences,
    check_boolean,
)
from keras_seq.decoding._request import (
    GenerateOptions,
    Inputs,
    Processors,
    Request,
    check_room,
    checked,
)
from keras_seq.decoding._search import beam_search
from keras_seq.decoding._single import choose_tokens
from keras_seq.decoding._stepping import Fields, Step, StepWithConstants
from keras_seq.decoding._traced import traced
from keras_seq.decoding.beam import Beam
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.results import Generation
from keras_seq.decoding.strategies import Strategy
from keras_seq.typing import Integers, Nest, Tensor

if typing.TYPE_CHECKING:
    from typing_extensions import Unpack


@typing.overload
def generate(
    step: Step,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive | Beam,
    constants: None = None,
    return_reasons: typing.Literal[False] = False,
    **options: "Unpack[GenerateOptions]",
) -> Generation: ...


@typing.overload
def generate(
    step: StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive | Beam,
    constants: Nest,
    return_reasons: typing.Literal[False] = False,
    **options: "Unpack[GenerateOptions]",
) -> Generation: ...


@typing.overload
def generate(
    step: Step,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive | Beam,
    constants: None = None,
    return_reasons: typing.Literal[True],
    **options: "Unpack[GenerateOptions]",
) -> tuple[Generation, Tensor]: ...


@typing.overload
def generate(
    step: StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    strategy: Strategy | Contrastive | Beam,
    constants: Nest,
    return_reasons: typing.Literal[True],
    **options: "Unpack[GenerateOptions]",
) -> tuple[Generation, Tensor]: ...


def generate(
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
    return_reasons: bool = False,
    jit_compile: bool = False,
) -> Generation | tuple[Generation, Tensor]:
    """Generates a sequence for each row, in one compiled loop.

    ```
    logits_t, state_t = step(token_{t-1}, state_{t-1}[, constants])
    token_t = strategy(processed logits_t)  of the tokens that the constraint allows
    ```

    The loop runs inside the graph, with no Python between tokens, and ends
    when every row has come to its end or its `max_length`. Called eagerly on
    TensorFlow it is traced first, and what was traced is kept: a call with the same
    step function, equal settings and tensors of the same shapes isn't traced again.
    Weights are read at every call, and arrays and layers that the step function
    finds exchanged are noticed; other values of Python's that it reads stay as
    they were when it was traced. Inside a `tf.function` of your own, that one decides.

    A prompt is read before: run the model over all of it but its last token,
    and start from that token and the state.

    With `Beam`, every hypothesis is a row: `step` finds B·W rows wherever B is
    said below of what it is given and returns.

    Args:
        step: Pure function `(tokens, state) -> (logits, state)` or `-> (logits,
            state, keep)`: tokens of shape (B,), logits of shape (B, V), state
            any nest of tensors with a leading B, which keeps its structure,
            shapes and dtypes; keep any nest of (B, ...) tensors, whose values
            of all steps are returned. It is called once more than there are
            steps, to learn what it returns. With `constants` it is called as
            `(tokens, state, constants)`.
        state: The state before the first step, in which no leaf is None. `()` for
            none.
        start_tokens: Integer tensor of shape (B,), none below 0: the tokens that the
            first step reads. They are not repeated in the result.
        max_length: Tokens to generate at most, the end token included: a
            positive integer, a scalar tensor, or a tensor of shape (B,) for a
            length of its own for each row. Room is taken for all of them at once:
            2²⁷ in all sequences together at most. A row of a symbolic tensor that
            turns out to be less than 1 gives no tokens. (On JAX the longest
            must be known when tracing: an integer.)
        strategy: `Greedy()`, `Sample(...)`, `Contrastive(...)` or `Beam(...)`.
        end_token: Id of the token that ends a row, or a list of several, each of
            which does. None, or an empty list, is for none.
        seed: Integer in [0, 2³¹), or a scalar tensor, for draws that differ
            from row to row; or an integer tensor of shape (B,) with a seed for
            each row: then a row's tokens depend on nothing but its own inputs
            and seed, whatever else is in the batch. None draws a new seed when
            tracing. Equal seeds give equal results on every backend, as far as
            the logits agree. `Beam` and
            `Contrastive` draw nothing.
        constants: Nest of tensors with a leading B that `step` reads and that
            no step changes, such as the memory of an encoder, its keys and its
            mask; or None. A beam search repeats them once, where it has to
            reorder the state at every step. NumPy's arrays come to the step as
            they are, and are part of what is traced.
        constraint: A `Constraint` on the tokens, or None. A row in which every
            token is forbidden, or whose logits are all -inf, stops there,
            unfinished; a beam search drops such a hypothesis.
        logits_processor: A `LogitsProcessor` such as `RepetitionPenalty(1.2)`, or a
            list of them, each given what the one before returns; or None. They
            find -inf at the tokens that are forbidden; the strategy's own
            temperature and cut-offs come behind them. A beam search gives them
            ln p instead, and ranks by what they return, divided by its sum where
            that is above a probability of 1.
        min_length: Tokens before the end at least, at most `max_length`: 0 or
            above, a scalar tensor, or a tensor of shape (B,). Until then end tokens
            are forbidden, and a stop sequence doesn't count. What `max_length` or a
            dead end cuts off may be shorter.
        stop_sequences: Sequences of token ids, each of which ends a row that has
            generated it; of any lengths, without an end token. Or an integer
            tensor of shape (N, S), or (B, N, S) for sequences of its own for each
            row, -1 behind the shorter ones (-1 alone: no sequence). `ids` holds
            what ended the row, from `lengths` on; of several that end with a token,
            the longest.
        return_reasons: Whether to return why each row has ended, too.
        jit_compile: Whether XLA compiles the loop, where it is called eagerly on
            TensorFlow: in some seconds for each combination of shapes, after which
            steps of small models are several times as fast (benchmarks/README.md
            says when). In a graph, and on other backends, it changes nothing.

    Returns:
        A `Generation`: `ids` (B, L), `lengths` (B,), `log_probs` (B, L),
        `finished` (B,), `kept`, `scores` (B,); with `Beam` `ids` (B, W, L),
        `lengths` (B, W) and so on. L is the (longest) `max_length`. With
        `return_reasons` also a `FinishReason` for each row, int32 of shape (B,) or
        (B, W).

    Raises:
        ValueError: If an argument is out of its range, a tensor in `state` or
            `constants` doesn't have as many rows as `start_tokens` (a scalar has
            none), or `step` or a processor returns something else than it should.
        TypeError: If `step` can't be called with these arguments, `strategy` isn't a
            `Strategy`, `Contrastive` or `Beam`, `constraint` no `Constraint` or
            `logits_processor` none.

    Example:

    A model that counts on, and ends after 4:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_seq.decoding import Greedy
    >>> def step(tokens, state):
    ...     return ops.one_hot(tokens + 1, 6) * 9.0, state
    >>> result = generate(
    ...     step, (), np.array([0, 3]), max_length=6, strategy=Greedy(), end_token=5
    ... )
    >>> result.ids.numpy()
    array([[1, 2, 3, 4, 5, 5],
           [4, 5, 5, 5, 5, 5]], dtype=int32)
    >>> result.lengths.numpy()
    array([4, 1], dtype=int32)
    """
    return_reasons = check_boolean("return_reasons", return_reasons)
    jit_compile = check_boolean("jit_compile", jit_compile)
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
    check_room(request, inputs)
    *fields, reasons = traced(_run, request, inputs, jit_compile=jit_compile)
    result = Generation(*fields)
    return (result, reasons) if return_reasons else result


def _run(request: Request, inputs: Inputs) -> Fields:
    if not isinstance(request.strategy, Beam):
        return choose_tokens(request.choosing(inputs))
    ending = request.ending(inputs)
    return beam_search(
        request.step,
        inputs.state,
        inputs.tokens,
        *inputs.lengths(),
        beam=request.strategy,
        limits=request.limits(ending),
        ending=ending,
        constants=inputs.constants,
    )
