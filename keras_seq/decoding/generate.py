"""From a step function to sequences, inside the graph."""

import numbers
import secrets
import typing

import keras
from keras import ops, tree

from keras_seq.decoding._arguments import check_numbers, check_rows
from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._random import uniform
from keras_seq.decoding.strategies import Strategy


class Generation(typing.NamedTuple):
    """What `generate` returns.

    Attributes:
        ids: int32 tensor of shape (B, L): the generated tokens. From the end
            token on, or past a row's own `max_length`, `end_token` is repeated
            (0 if there is none).
        lengths: int32 tensor of shape (B,): tokens generated, the end token
            not counted.
        log_probs: float32 tensor of shape (B, L): ln p of each token, the end
            token included, under the model itself, whatever temperature or
            cut-off the strategy used. 0 past the end; NaN where the logits
            hold NaN or +inf, which no choice of a token makes up for.
        finished: Boolean tensor of shape (B,): whether the row came to its end
            token.
        kept: What the step function gave to keep, each (B, L, ...), 0 past the
            end; None if it gave nothing.
    """

    ids: typing.Any
    lengths: typing.Any
    log_probs: typing.Any
    finished: typing.Any
    kept: typing.Any


def generate(
    step,
    state,
    start_tokens,
    *,
    max_length,
    strategy,
    end_token=None,
    seed=None,
):
    """Generates a sequence for each row, in one compiled loop.

    ```
    logits_t, state_t = step(token_{t-1}, state_{t-1})
    token_t = strategy(logits_t)
    ```

    The loop runs inside the graph, with no Python between tokens, and ends
    when every row has come to its end token or its `max_length`. Called
    eagerly on TensorFlow it is traced first; call it inside a `tf.function` of
    your own to trace once for many calls.

    A prompt is read before: run the model over all of it but its last token,
    and start from that token and the state.

    Args:
        step: Pure function `(tokens, state) -> (logits, state)` or `-> (logits,
            state, keep)`: tokens of shape (B,), logits of shape (B, V), state
            any nest of tensors with a leading B, which keeps its structure,
            shapes and dtypes; keep any nest of (B, ...) tensors, whose values
            of all steps are returned. It is called once more than there are
            steps, to learn what it returns.
        state: The state before the first step. `()` for none.
        start_tokens: Integer tensor of shape (B,): the tokens that the first
            step reads. They are not repeated in the result.
        max_length: Tokens to generate at most, the end token included: a
            positive integer, a scalar tensor, or a tensor of shape (B,) for a
            length of its own for each row. A row of a symbolic tensor that
            turns out to be less than 1 gives no tokens. (On JAX the longest
            must be known when tracing: an integer.)
        strategy: `Greedy()` or `Sample(...)`.
        end_token: Id of the token that ends a row, or None.
        seed: Integer in [0, 2³¹), or a scalar tensor, for draws that differ
            from row to row; or an integer tensor of shape (B,) with a seed for
            each row: then a row's tokens depend on nothing but its own inputs
            and seed, whatever else is in the batch. None draws a new seed when
            tracing. Equal seeds give equal results on every backend, as far as
            the logits agree.

    Returns:
        A `Generation`: `ids` (B, L), `lengths` (B,), `log_probs` (B, L),
        `finished` (B,), `kept`; L is the (longest) `max_length`.

    Raises:
        ValueError: If an argument is out of its range, or `step` returns
            something else than it should.
        TypeError: If `strategy` isn't a `Strategy`.

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
    if not isinstance(strategy, Strategy):
        raise TypeError(
            f"`strategy` must be a Strategy such as Greedy(); received {strategy!r}."
        )
    start_tokens = _check_start_tokens(start_tokens)
    batch = start_tokens.shape[0]
    for name, value, least in (("max_length", max_length, 1), ("seed", seed, 0)):
        if value is None and name == "seed":
            continue
        check_numbers(
            name,
            value,
            f"an integer in [{least}, 2**31) or a tensor of such",
            lambda number, least=least: least <= number < 2**31,
            whole=True,
        )
        if hasattr(value, "shape"):
            check_rows(name, value, batch)
    if seed is None:
        seed = secrets.randbelow(2**31)
    _check_end_token(end_token, None)

    def run():
        return _run(step, state, start_tokens, max_length, strategy, end_token, seed)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.executing_eagerly():
            return tf.function(run, autograph=False)()
    return run()


def _run(step, state, start_tokens, max_length, strategy, end_token, seed):
    state = tree.map_structure(ops.convert_to_tensor, state)
    batch = ops.shape(start_tokens)[0]
    row_seeds = _row_keys(seed, batch)
    row_length, longest = _lengths(max_length, batch)
    structure, keep_like = _first_step(step, start_tokens, state, end_token)
    padding_token = 0 if end_token is None else int(end_token)

    def body(t, carry):
        tokens, finished, lengths, state = carry
        active = ops.logical_and(ops.logical_not(finished), t < row_length)
        logits, state, *keep = step(tokens, state)
        logits = ops.cast(logits, "float32")
        chosen = strategy.next_token(logits, uniform(row_seeds, t))
        log_prob = ops.take_along_axis(
            ops.log_softmax(logits, axis=-1), ops.expand_dims(chosen, -1), axis=-1
        )[:, 0]
        tokens = ops.where(active, chosen, padding_token)
        counted = active
        if end_token is not None:
            ended = ops.logical_and(active, chosen == padding_token)
            finished = ops.logical_or(finished, ended)
            counted = ops.logical_and(active, ops.logical_not(ended))
        lengths = lengths + ops.cast(counted, "int32")
        kept = tree.flatten(keep[0]) if keep_like else ()
        emitted = (log_prob, *kept)
        emitted = (tokens, *(_zero_unless(active, value) for value in emitted))
        return (tokens, finished, lengths, state), emitted

    def keep_going(carry):
        _, finished, lengths, _ = carry
        return ops.any(ops.logical_and(ops.logical_not(finished), lengths < row_length))

    emit_like = (start_tokens, ops.zeros((batch,), "float32"), *keep_like)
    carry = (
        start_tokens,
        ops.zeros((batch,), "bool"),
        ops.zeros((batch,), "int32"),
        state,
    )
    (_, finished, lengths, _), emitted = while_loop(
        keep_going,
        body,
        carry,
        longest,
        emit_like,
        (padding_token, 0.0, *(0 for _ in keep_like)),
    )
    ids, log_probs, *values = (_batch_major(value) for value in emitted)
    kept = None if structure is None else tree.pack_sequence_as(structure, values)
    return Generation(ids, lengths, log_probs, finished, kept)


def _first_step(step, tokens, state, end_token):
    """Checks what `step` returns.

    Returns:
        The structure of what it gives to keep, None for nothing, and a tuple
        of tensors like it.
    """
    results = step(tokens, state)
    if not isinstance(results, (tuple, list)) or len(results) not in (2, 3):
        raise ValueError(
            "`step` must return (logits, state) or (logits, state, keep); received "
            f"{results!r}."
        )
    logits, new_state, *keep = results
    shape = tuple(logits.shape)
    if len(shape) != 2 or shape[0] not in (None, tokens.shape[0] or shape[0]):
        raise ValueError(
            "`step` must return logits of shape (B, V) with B = "
            f"{tokens.shape[0]}; received shape {shape}."
        )
    _check_end_token(end_token, shape[1])
    _check_state(state, new_state)
    structure = keep[0] if keep else None
    return structure, () if structure is None else tuple(tree.flatten(structure))


def _check_state(before, after):
    """Refuses a state whose structure, dtypes or shapes are not as before."""
    forms = []
    for state in (before, after):
        state = tree.map_structure(ops.convert_to_tensor, state)
        forms.append(tree.map_structure(_Form, state))
    if forms[0] != forms[1]:
        raise ValueError(
            "`step` must return a state of the structure, dtypes and shapes of the "
            f"state it was given, {forms[0]}; received {forms[1]}."
        )


class _Form:
    """Dtype and shape of a tensor; sizes that are not known equal any."""

    def __init__(self, tensor):
        self.dtype = keras.backend.standardize_dtype(tensor.dtype)
        self.shape = tuple(tensor.shape)

    def __eq__(self, other):
        return (
            isinstance(other, _Form)
            and self.dtype == other.dtype
            and len(self.shape) == len(other.shape)
            and all(
                a is None or b is None or a == b
                for a, b in zip(self.shape, other.shape, strict=True)
            )
        )

    def __repr__(self):
        return f"{self.dtype}{self.shape}"


def _row_keys(seed, batch):
    seed = ops.cast(ops.convert_to_tensor(seed), "int32")
    if len(seed.shape) == 0:
        return ops.broadcast_to(seed, (batch,)), ops.arange(batch, dtype="int32")
    return seed, ops.zeros_like(seed)


def _lengths(max_length, batch):
    """Each row's own length, and the longest."""
    if isinstance(max_length, numbers.Integral):
        return ops.full((batch,), int(max_length), "int32"), int(max_length)
    max_length = ops.cast(ops.convert_to_tensor(max_length), "int32")
    rows = ops.broadcast_to(max_length, (batch,))
    return rows, ops.max(max_length, initial=0)


def _zero_unless(active, value):
    shape = (-1,) + (1,) * (len(value.shape) - 1)
    return ops.where(ops.reshape(active, shape), value, ops.zeros_like(value))


def _batch_major(x):
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _check_start_tokens(start_tokens):
    start_tokens = ops.convert_to_tensor(start_tokens)
    dtype = keras.backend.standardize_dtype(start_tokens.dtype)
    if len(start_tokens.shape) != 1 or "int" not in dtype:
        raise ValueError(
            "`start_tokens` must be integers of shape (B,); received dtype "
            f"{dtype}, shape {tuple(start_tokens.shape)}."
        )
    return ops.cast(start_tokens, "int32")


def _check_end_token(end_token, vocabulary_size):
    if end_token is None:
        return
    whole = isinstance(end_token, numbers.Integral) and not isinstance(end_token, bool)
    size = 2**31 if vocabulary_size is None else vocabulary_size
    if not whole or not 0 <= end_token < size:
        raise ValueError(
            f"`end_token` must be an integer in [0, {size}) or None; received "
            f"{end_token!r}."
        )
