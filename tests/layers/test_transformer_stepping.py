"""Steps give what the whole sequence gives, in loops and with rows gathered."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops, tree

from keras_seq.decoding import Greedy, generate
from keras_seq.layers import PositionalEncoding, TransformerState
from tests.layers.transformers import (
    MEMORY,
    MEMORY_MASKS,
    B,
    D,
    H,
    L,
    S,
    T,
    X,
    assert_close,
    decoder,
    oracle,
    random,
)

PLACES = T + 2


def stepped(layer, x, state, *given):
    outputs, scores = [], []
    for t in range(x.shape[1]):
        output, state, weights = layer.step(x[:, t], state, *given)
        outputs.append(output)
        scores.append(weights)
    outputs = np.stack(outputs, axis=1)
    return outputs, state, [np.stack(w, axis=2) for w in zip(*scores, strict=True)]


@pytest.mark.parametrize("name", MEMORY_MASKS)
@pytest.mark.parametrize("norm_first", [True, False])
def test_steps_equal_the_whole(norm_first, name):
    layer, mask = decoder(norm_first=norm_first), MEMORY_MASKS[name]
    state = layer.get_initial_state(MEMORY, max_length=PLACES)
    keys = layer.project_memory(MEMORY)
    outputs, state, scores = stepped(layer, X, state, MEMORY, keys, mask)
    expected, _, expected_scores = oracle(layer, memory=MEMORY, memory_mask=mask)
    assert_close([outputs], [expected])
    assert_close(scores, expected_scores)
    np.testing.assert_array_equal(state.position, [T] * B)
    whole = layer(X, MEMORY, memory_mask=mask)
    np.testing.assert_allclose(outputs, whole, atol=5e-6)


def test_steps_of_a_language_model():
    layer = decoder(memory=False)
    state = layer.get_initial_state(batch_size=B, max_length=PLACES)
    outputs, _, scores = stepped(layer, X, state)
    expected, expected_scores, _ = oracle(layer)
    assert_close([outputs], [expected])
    assert [s.shape for s in scores] == [(B, H, T, PLACES)] * L
    assert_close([s[..., :T] for s in scores], expected_scores)
    for s in scores:
        np.testing.assert_array_equal(s[..., T:], 0.0)


def test_memory_or_keys():
    layer, mask = decoder(), MEMORY_MASKS["holes"]
    hurt = np.where(mask[..., None], MEMORY, np.nan)
    state = layer.get_initial_state(MEMORY, max_length=PLACES)
    wanted, *_ = oracle(layer, X[:, :1], memory=MEMORY, memory_mask=mask)
    by_memory, *_ = layer.step(X[:, 0], state, hurt, memory_mask=mask)
    by_keys, *_ = layer.step(
        X[:, 0], state, keys=layer.project_memory(hurt, mask), memory_mask=mask
    )
    assert_close([by_memory, by_keys], [wanted[:, 0]] * 2)


def test_past_keys_are_kept_and_not_computed_again():
    layer = decoder()
    keys = layer.project_memory(MEMORY)
    state = layer.get_initial_state(MEMORY, max_length=PLACES)
    for t in range(3):
        before = state
        _, state, _ = layer.step(X[:, t], before, None, keys)
        for old, new in zip(
            before.keys + before.values, state.keys + state.values, strict=True
        ):
            old, new = np.delete(old, t, axis=2), np.delete(new, t, axis=2)
            np.testing.assert_array_equal(new, old)
    assert isinstance(state, TransformerState)
    for tensor in tree.flatten(state):
        assert tensor.shape[0] == B
    # What has been is not asked for again: it may change without effect.
    changed = X.copy()
    changed[:, :3] = 9.0
    again, *_ = layer.step(changed[:, 3], state, None, keys)
    expected, *_ = oracle(layer, memory=MEMORY)
    assert_close([again], [expected[:, 3]])


def test_a_prompt_at_once_then_steps():
    layer, mask = decoder(), MEMORY_MASKS["right"]
    keys = layer.project_memory(MEMORY)
    state = layer.get_initial_state(MEMORY, max_length=T)
    first, state, scores = layer.read(X[:, :3], state, None, keys, mask)
    rest, state, more = stepped(layer, X[:, 3:], state, None, keys, mask)
    expected, _, wanted = oracle(layer, memory=MEMORY, memory_mask=mask)
    assert_close([first, rest], [expected[:, :3], expected[:, 3:]])
    assert_close(scores, [w[:, :, :3] for w in wanted])
    assert_close(more, [w[:, :, 3:] for w in wanted])


def test_prompts_of_different_lengths():
    """A row goes on from its own length, whatever stood behind its prompt."""
    layer = decoder(memory=False)
    lengths = np.array([4, 1, 2])
    state = layer.get_initial_state(batch_size=B, max_length=T)
    _, state, _ = layer.read(X[:, :4], state, lengths=lengths)
    np.testing.assert_array_equal(state.position, lengths)
    following = random(31, B, 1, D)
    output, state, _ = layer.step(following[:, 0], state)
    for row, length in enumerate(lengths):
        whole = np.concatenate([X[row, :length], following[row]])[None]
        expected, *_ = oracle(layer, whole)
        assert_close([output[row]], [expected[0, -1]])


def test_no_step_fits_behind_the_last():
    layer = decoder(memory=False)
    state = layer.get_initial_state(batch_size=B, max_length=2)
    outputs, state, _ = stepped(layer, X[:, :4], state)
    expected, *_ = oracle(layer, X[:, :2])
    assert_close([outputs[:, :2]], [expected])
    assert np.isnan(outputs[:, 2:]).all()
    np.testing.assert_array_equal(state.position, [4] * B)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_in_a_compiled_loop(jit_compile):
    layer, mask = decoder(), tf.constant(MEMORY_MASKS["holes"])

    @tf.function(jit_compile=jit_compile)
    def run(x, memory):
        keys = layer.project_memory(memory)
        state = layer.get_initial_state(memory, max_length=T)

        def body(t, state, outputs):
            output, state, _ = layer.step(x[:, t], state, memory, keys, mask)
            return t + 1, state, outputs.write(t, output)

        outputs = tf.TensorArray("float32", size=T, element_shape=(B, D))
        _, state, outputs = tf.while_loop(
            lambda t, *_: t < T, body, (0, state, outputs), maximum_iterations=T
        )
        return tf.transpose(outputs.stack(), (1, 0, 2)), state.position

    outputs, position = run(tf.constant(X), tf.constant(MEMORY))
    expected, *_ = oracle(layer, memory=MEMORY, memory_mask=mask.numpy())
    assert_close([outputs], [expected])
    np.testing.assert_array_equal(position, [T] * B)


def test_rows_gathered_between_steps():
    """As in a beam search: each row continues as the row that it came from."""
    layer, beams = decoder(), np.array([[2, 0, 0], [1, 1, 2], [0, 2, 1]])
    row = np.zeros((1, S), bool)
    row[0, 2:5] = True  # one source for all rows, as all beams have
    memory, mask = np.repeat(MEMORY[:1], B, 0), np.repeat(row, B, 0)
    keys = layer.project_memory(memory)
    state = layer.get_initial_state(memory, max_length=T)
    history = np.zeros((B, 0, D), "float32")
    for t, chosen in enumerate(beams):
        history = np.concatenate([history, X[:, t : t + 1]], axis=1)
        output, state, _ = layer.step(X[:, t], state, memory, keys, mask)
        expected, *_ = oracle(layer, history, memory=memory, memory_mask=mask)
        assert_close([output], [expected[:, -1]])
        history = history[chosen]
        state = tree.map_structure(
            lambda tensor, rows=chosen: ops.take(tensor, rows, axis=0), state
        )


@pytest.mark.parametrize("memory", [True, False])
def test_generate(memory):
    """Greedy generation, against the oracle reading the whole prefix each time."""
    vocabulary, length = 9, 6
    table = 2.0 * random(41, vocabulary, D)
    kernel = random(42, D, vocabulary)
    layer, mask = decoder(memory=memory), MEMORY_MASKS["right"] if memory else None
    positions = PositionalEncoding(scale=True)
    start = np.array([1, 4, 7])
    given = {"memory": MEMORY, "memory_mask": mask} if memory else {}

    def run(memory, start):
        keys = layer.project_memory(memory) if given else None
        rows = {"memory": memory} if given else {"batch_size": len(start)}
        state = layer.get_initial_state(max_length=length, **rows)

        def step(tokens, state):
            x = positions(ops.take(table, tokens, axis=0), start=state.position)
            output, state, scores = layer.step(x, state, None, keys, mask)
            return ops.matmul(output, kernel), state, scores

        return generate(step, state, start, max_length=length, strategy=Greedy())

    result = run(MEMORY, start)
    ids, scores = start[:, None], None
    for _ in range(length):
        whole = positions(table[ids]).numpy()
        output, own, crossed = oracle(layer, whole, **given)
        logits = output[:, -1] @ kernel
        best = np.sort(logits)[:, -2:]
        assert (best[:, 1] - best[:, 0] > 1e-3).all()  # rounding decides nothing
        ids = np.concatenate([ids, logits.argmax(-1)[:, None]], axis=1)
        scores = crossed if given else own
    np.testing.assert_array_equal(result.ids, ids[:, 1:])
    assert len(np.unique(ids[:, 1:])) > 2
    assert_close([np.moveaxis(k, 1, 2) for k in result.kept], scores)
    compiled = tf.function(lambda memory, start: run(memory, start).ids)
    again = compiled(tf.constant(MEMORY), tf.constant(start))
    np.testing.assert_array_equal(again, ids[:, 1:])


def test_gradients_through_steps():
    layer = decoder()

    def slopes(run):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run() * random(51, B, T, D))
        return tape.gradient(loss, layer.trainable_variables)

    def by_steps():
        state = layer.get_initial_state(MEMORY, max_length=T)
        keys, outputs = layer.project_memory(MEMORY), []
        for t in range(T):
            output, state, _ = layer.step(X[:, t], state, MEMORY, keys)
            outputs.append(output)
        return tf.stack(outputs, axis=1)

    whole = slopes(lambda: layer(X, MEMORY))
    for one, other in zip(slopes(by_steps), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_half_precision():
    layer = decoder(dtype="mixed_float16")
    state = layer.get_initial_state(MEMORY, max_length=PLACES)
    mask = MEMORY_MASKS["row"]
    outputs, state, _ = stepped(layer, X, state, MEMORY, None, mask)
    assert {keras.backend.standardize_dtype(k.dtype) for k in state.keys} == {"float16"}
    expected, *_ = oracle(layer, memory=MEMORY, memory_mask=mask)
    assert outputs.dtype == np.float16
    np.testing.assert_allclose(outputs, expected, atol=2e-2)
