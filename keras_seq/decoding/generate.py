"""From a step function to sequences, inside the graph."""

import numbers
import secrets
import typing

import keras
from keras import ops

from keras_seq.decoding._arguments import (
    Id,
    Ids,
    as_tokens,
    check_end_token,
    check_leading_rows,
    check_rows,
    check_whole,
)
from keras_seq.decoding._limits import Limits
from keras_seq.decoding._random import row_keys
from keras_seq.decoding._search import beam_search
from keras_seq.decoding._single import choose_tokens
from keras_seq.decoding._stepping import Step, StepWithConstants, as_tensors, bind
from keras_seq.decoding.beam import Beam
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.strategies import Strategy
from keras_seq.typing import Integers, Nest, Tensor


class Generation(typing.NamedTuple):
    """What `generate` returns.

    B rows, L tokens at most. With `Beam`, each has a second axis: B becomes
    (B, W), the hypotheses of each row, finished ones first, best first.

    Attributes:
        ids: int32 tensor of shape (B, L): the generated tokens. From the end
            token on, or past a row's own `max_length`, `end_token` is repeated
            (0 if there is none).
        lengths: int32 tensor of shape (B,): tokens generated, the end token
            not counted.
        log_probs: float32 tensor of shape (B, L): ln p of each token, the end
            token included, under the model itself, whatever temperature,
            cut-off or constraint there was. 0 past the end; NaN where the
            logits hold NaN or +inf, which no choice of a token makes up for.
        finished: Boolean tensor of shape (B,): whether the row came to its end
            token.
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


@typing.overload
def generate(
    step: Step,
    state: Nest,
    start_tokens: Ids,
    *,
    max_length: Integers,
    strategy: Strategy | Beam,
    end_token: Id | None = None,
    seed: Integers | None = None,
    constants: None = None,
    constraint: Constraint | None = None,
) -> Generation: ...


@typing.overload
def generate(
    step: StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    max_length: Integers,
    strategy: Strategy | Beam,
    end_token: Id | None = None,
    seed: Integers | None = None,
    constants: Nest,
    constraint: Constraint | None = None,
) -> Generation: ...


def generate(
    step: Step | StepWithConstants,
    state: Nest,
    start_tokens: Ids,
    *,
    max_length: Integers,
    strategy: Strategy | Beam,
    end_token: Id | None = None,
    seed: Integers | None = None,
    constants: Nest = None,
    constraint: Constraint | None = None,
) -> Generation:
    """Generates a sequence for each row, in one compiled loop.

    ```
    logits_t, state_t = step(token_{t-1}, state_{t-1}[, constants])
    token_t = strategy(logits_t)        of the tokens that the constraint allows
    ```

    The loop runs inside the graph, with no Python between tokens, and ends
    when every row has come to its end token or its `max_length`. Called
    eagerly on TensorFlow it is traced first; call it inside a `tf.function` of
    your own to trace once for many calls.

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
        start_tokens: Integer tensor of shape (B,): the tokens that the first
            step reads. They are not repeated in the result.
        max_length: Tokens to generate at most, the end token included: a
            positive integer, a scalar tensor, or a tensor of shape (B,) for a
            length of its own for each row. A row of a symbolic tensor that
            turns out to be less than 1 gives no tokens. (On JAX the longest
            must be known when tracing: an integer.)
        strategy: `Greedy()`, `Sample(...)` or `Beam(...)`.
        end_token: Id of the token that ends a row, or None.
        seed: Integer in [0, 2³¹), or a scalar tensor, for draws that differ
            from row to row; or an integer tensor of shape (B,) with a seed for
            each row: then a row's tokens depend on nothing but its own inputs
            and seed, whatever else is in the batch. None draws a new seed when
            tracing. Equal seeds give equal results on every backend, as far as
            the logits agree. `Beam` draws nothing.
        constants: Nest of tensors with a leading B that `step` reads and that
            no step changes, such as the memory of an encoder, its keys and its
            mask; or None. A beam search repeats them once, where it has to
            reorder the state at every step.
        constraint: A `Constraint` on the tokens, or None. A row in which every
            token is forbidden stops there, unfinished; a beam search drops
            such a hypothesis.

    Returns:
        A `Generation`: `ids` (B, L), `lengths` (B,), `log_probs` (B, L),
        `finished` (B,), `kept`, `scores` (B,); with `Beam` `ids` (B, W, L),
        `lengths` (B, W) and so on. L is the (longest) `max_length`.

    Raises:
        ValueError: If an argument is out of its range, a tensor in `state` or
            `constants` doesn't have as many rows as `start_tokens` (a scalar has
            none), or `step` returns something else than it should.
        TypeError: If `strategy` isn't a `Strategy` or `Beam`, or `constraint`
            no `Constraint`.

    Example:

    A model that counts on, and ends after 4:

    >>> import numpy as np
    >>> from keras_seq.decoding import Greedy
    >>> def step(tokens, state):
    ...     return keras.ops.one_hot(tokens + 1, 6) * 9.0, state
    >>> result = generate(
    ...     step, (), np.array([0, 3]), max_length=6, strategy=Greedy(), end_token=5
    ... )
    >>> result.ids.numpy()
    array([[1, 2, 3, 4, 5, 5],
           [4, 5, 5, 5, 5, 5]], dtype=int32)
    >>> result.lengths.numpy()
    array([4, 1], dtype=int32)
    """
    if not isinstance(strategy, (Strategy, Beam)):
        raise TypeError(
            "`strategy` must be a Strategy such as Greedy(), or a Beam; received "
            f"{strategy!r}."
        )
    if constraint is not None and not isinstance(constraint, Constraint):
        raise TypeError(
            f"`constraint` must be a Constraint or None; received {constraint!r}."
        )
    tokens = as_tokens("start_tokens", start_tokens, 1, "(B,)")
    check_whole("max_length", max_length, 1)
    if seed is None:
        seed = secrets.randbelow(2**31)
    check_whole("seed", seed, 0)
    for name, value in (("max_length", max_length), ("seed", seed)):
        check_rows(name, value, tokens.shape[0])
    check_end_token(end_token, None)
    check_leading_rows("state", state, tokens.shape[0])
    check_leading_rows("constants", constants, tokens.shape[0], none_is_fine=True)

    def run() -> Generation:
        batch = ops.shape(tokens)[0]
        row_length, longest = _lengths(max_length, batch)
        inputs = as_tensors(state), tokens, row_length, longest
        limits = Limits(constraint)
        if isinstance(strategy, Beam):
            fields = beam_search(
                step,
                *inputs,
                beam=strategy,
                limits=limits,
                end_token=end_token,
                constants=constants,
            )
        else:
            keys = row_keys(seed, batch)
            fields = choose_tokens(
                bind(step, constants),
                *inputs,
                strategy=strategy,
                limits=limits,
                end_token=end_token,
                keys=keys,
            )
        return Generation(*fields)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.executing_eagerly():
            return tf.function(run, autograph=False)()
    return run()


def _lengths(max_length: Integers, batch: Tensor) -> tuple[Tensor, int | Tensor]:
    """Each row's own length, and the longest."""
    if isinstance(max_length, numbers.Integral):
        return ops.full((batch,), int(max_length), "int32"), int(max_length)
    max_length = ops.cast(ops.convert_to_tensor(max_length), "int32")
    rows = ops.broadcast_to(max_length, (batch,))
    return rows, ops.max(max_length, initial=0)
