"""From a step function to sequences, inside the graph."""

import numbers
import secrets
import typing

import keras
from keras import ops, tree

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
            cut-off the strategy used. 0 past the end.
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
        step: Function `(tokens, state) -> (logits, state)` or `-> (logits,
            state, keep)`: tokens of shape (B,), logits of shape (B, V), state
            any nest of tensors with a leading B, which keeps its structure,
            shapes and dtypes; keep any nest of (B, ...) tensors, whose values
            of all steps are returned.
        state: The state before the first step. `()` for none.
        start_tokens: Integer tensor of shape (B,): the tokens that the first
            step reads. They are not repeated in the result.
        max_length: Tokens to generate at most, the end token included: a
            positive integer, a scalar tensor, or a tensor of shape (B,) for a
            length of its own for each row. (On JAX the longest must be known
            when tracing: an integer.)
        strategy: `Greedy()` or `Sample(...)`.
        end_token: Id of the token that ends a row, or None.
        seed: Integer in [0, 2³¹), or an integer tensor of shape (B,) with a
            seed for each row: then a row's tokens depend on nothing but its
            own inputs and seed, whatever else is in the batch. None draws a
            new seed when tracing. Equal seeds give equal results on every
            backend, as far as the logits agree.

    Returns:
        A `Generation`: `ids` (B, L), `lengths` (B,), `log_probs` (B, L),
        `finished` (B,), `kept`; L is the (longest) `max_length`.

    Raises:
        ValueError: If an argument is out of its range.
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
    start_tokens = ops.cast(ops.convert_to_tensor(start_tokens), "int32")
    if len(start_tokens.shape) != 1:
        raise ValueError(
            "`start_tokens` must have shape (B,); received shape "
            f"{tuple(start_tokens.shape)}."
        )
    _check_integer("max_length", max_length, 1)
    _check_integer("seed", seed, 0)
    if seed is None:
        seed = secrets.randbelow(2**31)
    if end_token is not None and not isinstance(end_token, numbers.Integral):
        raise ValueError(f"`end_token` must be an integer; received {end_token!r}.")

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

    def advance(tokens, state):
        results = step(tokens, state)
        logits, state, *keep = results
        return ops.cast(logits, "float32"), state, tree.flatten(keep[0] if keep else ())

    def body(t, carry):
        tokens, finished, lengths, state = carry
        active = ops.logical_and(ops.logical_not(finished), t < row_length)
        logits, state, keep = advance(tokens, state)
        chosen = strategy.next_token(logits, uniform(row_seeds, t))
        log_prob = ops.take_along_axis(
            ops.log_softmax(logits, axis=-1), ops.expand_dims(chosen, -1), axis=-1
        )[:, 0]
        tokens = ops.where(active, chosen, padding_token)
        if end_token is not None:
            ended = ops.logical_and(active, chosen == end_token)
            finished = ops.logical_or(finished, ended)
            active_length = ops.logical_and(active, ops.logical_not(ended))
        else:
            active_length = active
        lengths = lengths + ops.cast(active_length, "int32")
        emitted = (tokens, _zero_where(active, log_prob))
        emitted += tuple(_zero_where(active, value) for value in keep)
        return (tokens, finished, lengths, state), emitted

    def keep_going(carry):
        _, finished, lengths, _ = carry
        return ops.any(ops.logical_and(ops.logical_not(finished), lengths < row_length))

    padding_token = 0 if end_token is None else end_token
    structure, keep_like = _kept(step, start_tokens, state)
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
    ids, log_probs, *kept = (_batch_major(value) for value in emitted)
    if structure is not None:
        kept = tree.pack_sequence_as(structure, kept)
    return Generation(ids, lengths, log_probs, finished, kept if kept else None)


def _kept(step, start_tokens, state):
    """What `step` gives to keep: its structure, and tensors like it."""
    results = step(start_tokens, state)
    if len(results) == 2:
        return None, ()
    return results[2], tuple(tree.flatten(results[2]))


def _row_keys(seed, batch):
    if isinstance(seed, numbers.Integral):
        return ops.full((batch,), seed, "int32"), ops.arange(batch, dtype="int32")
    seed = ops.cast(ops.convert_to_tensor(seed), "int32")
    return seed, ops.zeros_like(seed)


def _lengths(max_length, batch):
    """Each row's own length, and the longest."""
    if isinstance(max_length, numbers.Integral):
        return ops.full((batch,), max_length, "int32"), int(max_length)
    max_length = ops.cast(ops.convert_to_tensor(max_length), "int32")
    return ops.broadcast_to(max_length, (batch,)), ops.max(max_length)


def _zero_where(active, value):
    shape = (-1,) + (1,) * (len(value.shape) - 1)
    return ops.where(ops.reshape(active, shape), value, ops.zeros_like(value))


def _batch_major(x):
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _check_integer(name, value, least):
    if value is None or hasattr(value, "shape"):
        if value is not None and len(value.shape) > 1:
            raise ValueError(
                f"`{name}` must be a scalar or of shape (B,); received shape "
                f"{tuple(value.shape)}."
            )
        return
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or not least <= value < 2**31
    ):
        raise ValueError(
            f"`{name}` must be an integer in [{least}, 2**31) or an integer tensor; "
            f"received {value!r}."
        )
