"""`generate` is one loop inside the graph: traced once, ended early, served."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Greedy, Sample, generate
from tests.decoding import oracle
from tests.decoding.models import stepper

MODEL = oracle.LanguageModel()


def counting_on(tokens, state):
    return tf.one_hot(tokens + 1, 100) * 50.0, state


def test_called_eagerly_the_step_is_traced_not_run():
    calls = []

    def step(tokens, state):
        calls.append(tf.executing_eagerly())
        return tf.one_hot((tokens + 1) % 7, 7), state

    generate(step, (), np.array([0]), max_length=500, strategy=Greedy())
    assert len(calls) <= 3
    assert not any(calls)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_loop_ends_when_all_rows_are_done(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def steps_taken(starts, max_length, end_token):
        # The state of a row counts all steps, even those after its end.
        def step(tokens, count):
            logits, _ = counting_on(tokens, ())
            return logits, count + 1, count + 1

        result = generate(
            step,
            tf.zeros_like(starts),
            starts,
            max_length=max_length,
            strategy=Greedy(),
            end_token=end_token,
        )
        return tf.reduce_max(result.kept), tf.shape(result.ids)[1]

    for starts, end_token, expected in (
        ([0, 0], 9, 9),
        ([0, 5], 9, 9),
        ([8, 8], 9, 1),
        ([20, 8], 9, 30),
        ([0, 5], None, 30),
    ):
        steps, width = steps_taken(tf.constant(starts), 30, end_token)
        assert (int(steps), int(width)) == (expected, 30)


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3)])
def test_no_rows(strategy):
    @tf.function(
        input_signature=[tf.TensorSpec([None], "int32"), tf.TensorSpec([None], "int32")]
    )
    def run(starts, max_length):
        options = {"max_length": max_length, "strategy": strategy, "end_token": 9}
        result = generate(counting_on, (), starts, **options)
        return result.ids, result.lengths

    for rows in (0, 2):
        ids, lengths = run(tf.range(rows), tf.range(2, 2 + rows))
        assert ids.shape[0] == lengths.shape[0] == rows
        assert ids.shape[-1] == (3 if rows else 0)


def test_steps_after_the_end_are_not_run():
    ran = tf.Variable(0)

    def step(tokens, state):
        ran.assign_add(1)
        return counting_on(tokens, state)

    for starts, max_length, expected in (
        ([0, 5], 90, 9),
        ([8], 90, 1),
        ([20], 7, 7),
        ([20, 20, 0], np.array([2, 6, 80]), 9),
        ([20, 20], np.array([1, 3]), 3),
    ):
        ran.assign(0)
        generate(
            step,
            (),
            np.array(starts),
            max_length=max_length,
            strategy=Greedy(),
            end_token=9,
        )
        # And once to learn what the step returns.
        assert int(ran) == expected + 1


def test_one_trace_for_all_batches_and_settings():
    reader = stepper(MODEL)
    traced = []

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def compiled(prompts, longest, temperature, top_k, seeds):
        traced.append(prompts.shape)
        _, state = reader.read(prompts[:, :-1])
        return generate(
            reader.step,
            state,
            prompts[:, -1],
            max_length=longest,
            strategy=Sample(temperature, top_k=top_k),
            end_token=3,
            seed=seeds,
        )

    for rows, length, longest in ((1, 2, 1), (2, 7, 9), (4, 3, 20)):
        rng = np.random.default_rng(rows)
        prompts = rng.integers(0, MODEL.vocabulary, (rows, length))
        temperature = rng.uniform(0.5, 2, rows).astype("float32")
        top_k = rng.integers(2, 11, rows).astype("int32")
        seeds = rng.integers(0, 2**31, rows).astype("int32")
        result = compiled(
            tf.constant(prompts, tf.int32),
            tf.constant(longest),
            tf.constant(temperature),
            tf.constant(top_k),
            tf.constant(seeds),
        )
        for row in range(rows):

            def choose(t, logits, row=row, seeds=seeds, k=top_k, tau=temperature):
                number = oracle.uniform((int(seeds[row]), 0), t)
                return oracle.sample(logits, number, temperature=tau[row], top_k=k[row])

            ids, counted, _ = MODEL.generate(
                prompts[row].tolist(), longest, choose, end_token=3
            )
            assert result.ids[row].numpy().tolist() == ids
            assert int(result.lengths[row]) == counted
    assert len(traced) == 1


def test_a_symbolic_length_below_1_gives_no_tokens():
    @tf.function(input_signature=[tf.TensorSpec([3], tf.int32)])
    def compiled(lengths):
        starts = tf.constant([1, 1, 1])
        return generate(
            counting_on, (), starts, max_length=lengths, strategy=Greedy(), end_token=0
        )

    result = compiled(tf.constant([2, 0, -4]))
    assert result.ids.numpy().tolist() == [[2, 3], [0, 0], [0, 0]]
    assert result.lengths.numpy().tolist() == [2, 0, 0]
    assert not result.finished.numpy().any()
    assert compiled(tf.constant([0, -1, -4])).ids.shape == (3, 0)


@pytest.mark.parametrize(
    ("strategy", "max_length"),
    [
        (Greedy(), 12),
        (Sample(temperature=1.3, top_k=7, top_p=0.9), tf.constant([12, 2, 5, 1])),
    ],
    ids=["greedy, one length", "sample, a length a row"],
)
def test_compiled_by_xla(strategy, max_length):
    reader = stepper(MODEL)

    def run(starts, max_length):
        return generate(
            reader.step,
            reader.initial_state(4),
            starts,
            max_length=max_length,
            strategy=strategy,
            end_token=3,
            seed=5,
        )

    starts = tf.constant([1, 5, 8, 10])
    expected = run(starts, max_length)
    result = tf.function(run, jit_compile=True)(starts, max_length)
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_array_equal(result.lengths, expected.lengths)
    np.testing.assert_allclose(result.log_probs, expected.log_probs, atol=2e-5)
    assert result.ids.shape == (4, 12)


def test_saved_and_loaded_it_gives_the_same(tmp_path):
    reader = stepper(MODEL)
    module = tf.Module()
    module.variables_of_layers = [v.value for y in reader.layers for v in y.weights]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int32, "prompts"),
            tf.TensorSpec([None], tf.int32, "lengths"),
            tf.TensorSpec([None], tf.float32, "temperature"),
            tf.TensorSpec([None], tf.int32, "seed"),
        ]
    )
    def serve(prompts, lengths, temperature, seed):
        _, state = reader.read(prompts[:, :-1])
        result = generate(
            lambda tokens, state: (*reader.step(tokens, state), {"read": tokens}),
            state,
            prompts[:, -1],
            max_length=lengths,
            strategy=Sample(temperature, top_p=0.95),
            end_token=3,
            seed=seed,
        )
        return {"ids": result.ids, "read": result.kept["read"]}

    module.serve = serve
    arguments = (
        tf.constant([[1, 2, 3], [4, 5, 6]]),
        tf.constant([9, 14]),
        tf.constant([0.7, 1.9]),
        tf.constant([1, 2]),
    )
    live = serve(*arguments)
    assert live["ids"].shape == (2, 14)
    tf.saved_model.save(module, tmp_path, signatures={"serving_default": serve})
    loaded = tf.saved_model.load(tmp_path).signatures["serving_default"]
    names = ("prompts", "lengths", "temperature", "seed")
    served = loaded(**dict(zip(names, arguments, strict=True)))
    for name, value in live.items():
        np.testing.assert_array_equal(served[name], value)
