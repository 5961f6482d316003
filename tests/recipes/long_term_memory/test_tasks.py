"""The tasks of the long-term memory study, by definition."""

import keras
import numpy as np
import pytest

from recipes.long_term_memory.tasks import TASKS, adding, copy_memory


def test_adding_problem_by_its_definition():
    numbers, totals = adding(np.random.default_rng(3), 500, 9)
    assert numbers.shape == (500, 9, 2)
    assert numbers.dtype == totals.dtype == np.float32
    places = []
    for sequence, (total,) in zip(numbers, totals, strict=True):
        marked = [t for t in range(9) if sequence[t, 1] == 1]
        assert sorted(set(sequence[:, 1])) == [0, 1]
        first, second = marked
        assert first < 4 <= second
        assert total == sequence[first, 0] + sequence[second, 0]
        places += marked
    assert set(places) == set(range(9))
    assert 0 <= numbers[..., 0].min() < 0.01
    assert 0.99 < numbers[..., 0].max() < 1


def test_copy_memory_by_its_definition():
    read, written = copy_memory(np.random.default_rng(4), 50, 7)
    assert read.shape == (50, 27, 10)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read.sum(axis=-1), 1)
    seen = set()
    for row, target in zip(
        read.argmax(axis=-1).tolist(), written.tolist(), strict=True
    ):
        symbols = row[:10]
        assert row == symbols + [8] * 6 + [9] + [8] * 10
        assert target == [8] * 17 + symbols
        seen.update(symbols)
    assert seen == set(range(8))


def test_trivial_losses_are_those_of_models_that_remember_nothing():
    _, totals = adding(np.random.default_rng(5), 200_000, 4)
    constant = np.mean((totals.astype("float64") - 1) ** 2)
    assert TASKS["adding"].trivial(4) == pytest.approx(constant, rel=0.01)
    _, written = copy_memory(np.random.default_rng(6), 3, 30)
    probabilities = np.zeros((3, 50, 10))
    probabilities[:, :40, 8] = 1
    probabilities[:, 40:, :8] = 1 / 8
    given = np.take_along_axis(probabilities, written[..., None], axis=-1)
    assert TASKS["copy"].trivial(30) == pytest.approx(-np.log(given).mean())


def test_what_is_right_is_counted():
    target = np.array([[0.5], [1.0], [1.5]])
    sums = np.array([[0.53], [0.95], [1.5]])
    assert TASKS["adding"].right(target, sums).numpy().tolist() == [[1], [0], [1]]
    _, written = copy_memory(np.random.default_rng(7), 4, 5)
    logits = np.eye(10)[written]
    logits[:, :-10] = 0  # blanks don't count
    logits[0, -10:] = np.eye(10)[9]
    right = TASKS["copy"].right(written, logits)
    np.testing.assert_array_equal(right, [[0] * 10, *[[1] * 10] * 3])


def test_loss_of_the_last_step_alone():
    rng = np.random.default_rng(8)
    _, written = copy_memory(rng, 3, 5)
    logits = rng.normal(size=(3, 25, 10))
    last = np.exp(logits[:, -1])
    expected = -np.log(last[range(3), written[:, -1]] / last.sum(axis=-1))
    found = TASKS["copy"].last_loss(written, keras.ops.convert_to_tensor(logits))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
