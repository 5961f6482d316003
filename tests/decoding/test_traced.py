"""Called eagerly again, `generate` isn't traced again; and it holds on to nothing."""

import functools
import gc
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    Constraint,
    ForbiddenTokens,
    Greedy,
    LogitBias,
    RepetitionPenalty,
    Sample,
    generate,
    mix_with_predictions,
)
from keras_seq.decoding import _traced as kept
from tests.decoding import oracle
from tests.decoding.models import stepper


class Counter:
    """A step function that counts its calls, which are traces of it."""

    def __init__(self):
        self.calls = 0

    def step(self, tokens, state):
        self.calls += 1
        return tf.one_hot(tokens + 1, 9) * 3.0, state

    def generate(self, **options):
        """The ids, and whether the step was called."""
        before = self.calls
        arguments = {
            "start_tokens": np.array([0, 4]),
            "max_length": 3,
            "strategy": Greedy(),
            "state": (),
            **options,
        }
        result = generate(self.step, **arguments)
        return result.ids.numpy().tolist(), self.calls > before


SAME = {
    "as it was": ({}, {}),
    "other tokens": ({}, {"start_tokens": np.array([5, 6])}),
    "another seed": (
        {"strategy": Sample(), "seed": 1},
        {"strategy": Sample(), "seed": 2},
    ),
    "no seed": ({"strategy": Sample()}, {"strategy": Sample(), "seed": 2}),
    "an equal strategy": (
        {"strategy": Sample(0.5), "seed": 1},
        {"strategy": Sample(0.5), "seed": 1},
    ),
    "an equal beam": (
        {"strategy": Beam(2, length_penalty=np.ones(2))},
        {"strategy": Beam(2, length_penalty=np.ones(2))},
    ),
    "other lengths": ({"max_length": np.array([3, 2])}, {"max_length": [1, 3]}),
    "another state": ({"state": {"h": np.ones(2)}}, {"state": {"h": np.zeros(2)}}),
    "equal parts": (
        {
            "logits_processor": [LogitBias({1: 0.5}), RepetitionPenalty(1.1)],
            "constraint": ForbiddenTokens([0]),
            "end_token": [7, 8],
            "stop_sequences": [[2, 3]],
        },
    )
    * 2,
}
DIFFERENT = {
    "a longer one": ({}, {"max_length": 4}),
    "more rows": ({}, {"start_tokens": np.array([1, 2, 3])}),
    "another strategy": ({"strategy": Sample(0.5)}, {"strategy": Sample(0.6)}),
    "an end": ({}, {"end_token": 5}),
    "another end": ({"end_token": 5}, {"end_token": 4}),
    "a least length": ({"end_token": 5}, {"end_token": 5, "min_length": 1}),
    "a constraint": ({}, {"constraint": ForbiddenTokens([1])}),
    "another bias": (
        {"logits_processor": LogitBias({1: 0.5})},
        {"logits_processor": LogitBias({1: 0.0})},
    ),
    "another dtype": ({"state": np.ones(2, "float32")}, {"state": np.ones(2)}),
    "another nest": ({"state": [np.ones(2)]}, {"state": (np.ones(2),)}),
}


def as_arrays(options):
    if isinstance(options.get("max_length"), list):
        options = {**options, "max_length": np.array(options["max_length"])}
    return options


@pytest.mark.parametrize("name", SAME)
def test_a_second_call_is_not_traced(name):
    counter = Counter()
    first, second = map(as_arrays, SAME[name])
    _, was_traced = counter.generate(**first)
    assert was_traced
    ids, was_traced = counter.generate(**second)
    assert not was_traced
    # Traced for itself it gives the same.
    expected, was_traced = Counter().generate(**second)
    assert was_traced
    assert ids == expected


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_makes_another_trace(name):
    counter = Counter()
    first, second = DIFFERENT[name]
    counter.generate(**first)
    assert counter.generate(**second)[1]
    assert not counter.generate(**first)[1]


def test_what_a_constraint_holds_may_change():
    class Only(Constraint):
        def __init__(self, token):
            self.token = token

        def allowed(self, state, vocabulary_size):
            return np.arange(vocabulary_size) == self.token

    counter, only = Counter(), Only(3)
    assert counter.generate(constraint=only)[0][0] == [3, 3, 3]
    assert not counter.generate(constraint=only)[1]
    only.token = 5
    assert counter.generate(constraint=only)[0][0] == [5, 5, 5]
    assert counter.generate(constraint=Only(3))[0][0] == [3, 3, 3]


def test_functions_that_count_in_all_ways():
    calls, count = [], 0

    def closure(tokens, state, scale=1.0):
        nonlocal count
        calls.append(tokens)
        count += 1
        return tf.one_hot(tokens + 1, 9) * scale, state

    for step in (closure, functools.partial(closure, scale=2.0)):
        options = {"max_length": 2, "strategy": Greedy()}
        generate(step, (), np.array([1]), **options)
        before = count
        generate(step, (), np.array([2]), **options)
        assert count == before == len(calls)


def test_a_step_with_constants():
    calls = []

    def step(tokens, state, constants):
        calls.append(tokens)
        assert isinstance(constants["array"], np.ndarray)
        return constants["tensor"] + constants["array"], state

    def run(tensor, array):
        constants = {"tensor": tf.constant(tensor), "array": array, "none": None}
        start, options = np.array([0]), {"max_length": 1, "strategy": Greedy()}
        result = generate(step, (), start, constants=constants, **options)
        return int(result.ids[0, 0]), len(calls)

    # What is an array stays one, so another is another trace; tensors are read.
    zeros = np.zeros((1, 3), "float32")
    token, count = run([[0.0, 1.0, 0.0]], zeros)
    assert token == 1
    assert run([[2.0, 1.0, 0.0]], zeros.copy()) == (0, count)
    assert run([[0.0, 1.0, 0.0]], np.array([[0, 0, 5]], "float32"))[0] == 2


def test_scheduled_sampling_is_kept_too():
    counter, targets = Counter(), np.array([[3, 3, 3], [1, 1, 1]])
    found, calls = [], []
    for probability in (0.0, 1.0):
        inputs = mix_with_predictions(
            counter.step,
            (),
            targets,
            start_tokens=np.array([0, 4]),
            probability=probability,
            strategy=Greedy(),
        )
        found.append(inputs.numpy().tolist())
        calls.append(counter.calls)
    assert found == [[[0, 3, 3], [4, 1, 1]], [[0, 1, 2], [4, 5, 6]]]
    assert calls[0] == calls[1]


def language_model(reader, **options):
    return generate(
        reader.step,
        reader.initial_state(2),
        np.array([1, 2]),
        max_length=6,
        strategy=Greedy(),
        **options,
    )


def test_new_weights_are_read():
    reader, other = (stepper(oracle.LanguageModel(seed=seed)) for seed in (0, 1))
    first = language_model(reader).ids.numpy()
    for mine, its in zip(reader.layers, other.layers, strict=True):
        mine.set_weights(its.get_weights())
    expected = language_model(other).ids.numpy()
    assert (first != expected).any()
    np.testing.assert_array_equal(language_model(reader).ids, expected)


def test_other_weights_make_another_trace():
    dense = keras.layers.Dense(5)
    dense.build((None, 5))

    def run():
        def step(tokens, state):
            return dense(tf.one_hot(tokens, 5)), state

        return step

    step = run()

    def logits():
        options = {"max_length": 1, "strategy": Greedy()}
        return generate(step, (), np.array([2]), **options).log_probs.numpy()

    first = logits()
    dense.enable_lora(2)
    rng = np.random.default_rng(0)
    dense.lora_kernel_b.assign(rng.normal(size=dense.lora_kernel_b.shape))
    expected = np.max(tf.nn.log_softmax(dense(np.eye(5)[2:3])))
    np.testing.assert_allclose(logits(), [[expected]], rtol=1e-5)
    assert abs(expected - first) > 1e-3


def test_an_array_that_is_exchanged_makes_another_trace():
    table = np.eye(4, dtype="float32")

    def step(tokens, state):
        return tf.gather(table, tokens), state

    options = {"max_length": 1, "strategy": Greedy()}
    assert generate(step, (), np.array([1]), **options).ids.numpy() == [[1]]
    table = np.roll(table, 1, axis=0)
    assert generate(step, (), np.array([1]), **options).ids.numpy() == [[0]]


def test_nothing_is_kept_alive():
    kept.kept.clear()
    reader = stepper(oracle.LanguageModel())
    layer, kernel = reader.layers[-1], reader.layers[-1].kernel.value
    language_model(reader)
    gone = [weakref.ref(one) for one in (reader, layer, kernel)]
    assert len(kept.kept) == 1
    del reader, layer, kernel
    keras.backend.clear_session(free_memory=False)
    gc.collect()
    assert [one() for one in gone] == [None] * 3
    assert not kept.kept


def test_a_function_of_the_moment_leaves_nothing():
    kept.kept.clear()
    for _ in range(3):
        generate(
            lambda tokens, state: (tf.one_hot(tokens, 4), state),
            (),
            np.array([1]),
            max_length=1,
            strategy=Greedy(),
        )
    gc.collect()
    assert not kept.kept


def test_large_arrays_are_not_kept():
    kept.kept.clear()

    def step(tokens, state, constants):
        return tf.one_hot(tokens, 4) + constants[:, :4], state

    def run(constants):
        options = {"max_length": 1, "strategy": Greedy(), "constants": constants}
        return generate(step, (), np.array([1]), **options)

    run(np.zeros((1, 300_000), "float32"))
    assert not kept.kept
    run(tf.zeros((1, 300_000)))
    assert len(kept.kept) == 1


def test_what_cannot_be_told_apart_is_traced_again():
    class Ring(ForbiddenTokens):
        pass

    ring, counter = Ring([1]), Counter()
    ring.itself = [ring]
    for _ in range(2):
        ids, was_traced = counter.generate(constraint=ring)
        assert was_traced
        assert ids == [[0, 0, 0], [5, 6, 7]]


def test_the_oldest_go(monkeypatch):
    monkeypatch.setattr(kept, "MOST", 2)
    counter = Counter()
    for length in (1, 2, 1, 3):
        counter.generate(max_length=length)
    assert len(kept.kept) == 2
    assert not counter.generate(max_length=1)[1]
    assert counter.generate(max_length=2)[1]


def test_in_several_threads():
    counter, results = Counter(), {}

    def run(n):
        results[n] = counter.generate(start_tokens=np.array([n, 0]))[0][0]

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [n + 1, n + 2, n + 3] for n in range(4)}


def test_where_functions_run_eagerly():
    counter = Counter()
    tf.config.run_functions_eagerly(True)
    try:
        for _ in range(2):
            ids, was_run = counter.generate()
            assert was_run
            assert ids == [[1, 2, 3], [5, 6, 7]]
    finally:
        tf.config.run_functions_eagerly(False)


XLA = {
    "greedy": {"strategy": Greedy(), "end_token": [3, 5]},
    "sample": {
        "strategy": Sample(temperature=0.8, top_p=0.9),
        "max_length": np.array([6, 2, 4]),
        "logits_processor": RepetitionPenalty(1.3),
        "stop_sequences": [[1, 2], [4]],
    },
    "beam": {"strategy": Beam(3), "end_token": 3, "constraint": ForbiddenTokens([2])},
}


@pytest.mark.parametrize("name", XLA)
def test_compiled_by_xla_it_writes_the_same(name):
    model = oracle.LanguageModel()
    reader, calls = stepper(model), []

    def step(tokens, state):
        calls.append(1)
        return reader.step(tokens, state)

    def write(jit_compile, tokens=(1, 4, 6)):
        state = reader.initial_state(3)
        options = {"max_length": 6, "seed": 3, **XLA[name], "jit_compile": jit_compile}
        found = generate(step, state, np.array(tokens), **options)
        return found.ids.numpy(), found.lengths.numpy(), found.log_probs.numpy()

    plain, traces = write(False), len(calls)
    compiled = write(True)
    assert len(calls) == 2 * traces  # a function of its own
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(write(False, (6, 2, 1)), write(True, (6, 2, 1)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(calls) == 2 * traces
