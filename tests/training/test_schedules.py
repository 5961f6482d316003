"""Learning rates that rise before they fall."""

import keras
import numpy as np
import pytest

from keras_seq.training import InverseSquareRootDecay, WarmUp


def test_the_schedule_of_vaswani():
    units, warmup = 512, 40
    rate = InverseSquareRootDecay((units * warmup) ** -0.5, warmup)
    for number in (1, 2, 39, 40, 41, 1000):
        expected = units**-0.5 * min(number**-0.5, number * warmup**-1.5)
        np.testing.assert_allclose(rate(number - 1), expected, rtol=1e-6)


def test_warm_up():
    cosine = keras.optimizers.schedules.CosineDecay(0.3, 10)
    rate = WarmUp(cosine, 4)
    got = [float(rate(step)) for step in range(20)]
    np.testing.assert_allclose(got[:5], 0.3 * np.arange(1, 6) / 5, rtol=1e-6)
    np.testing.assert_allclose(got[4:], [float(cosine(s)) for s in range(16)])


@pytest.mark.parametrize(
    "schedule",
    [
        InverseSquareRootDecay(0.3, 5, name="mine"),
        WarmUp(keras.optimizers.schedules.PolynomialDecay(0.2, 7), 3, name="mine"),
    ],
)
def test_in_an_optimizer_that_is_saved(schedule, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    x = np.ones((4, 1), "float32")
    model.fit(x, x, batch_size=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.optimizer.learning_rate, schedule(4), rtol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    kept = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert kept.get_config() == schedule.get_config()
    np.testing.assert_array_equal(again.learning_rate, model.optimizer.learning_rate)


def test_the_first_step_learns():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(InverseSquareRootDecay(0.5, 10)), "mae")
    before = model.get_weights()
    x = np.ones((1, 1), "float32")
    model.fit(x, x + 9, verbose=0)
    np.testing.assert_allclose(
        [w - b for w, b in zip(model.get_weights()[1], before[1], strict=True)],
        0.05,
        rtol=1e-5,
    )


def test_what_is_refused():
    constant = keras.optimizers.schedules.CosineDecay(0.3, 10)
    for peak in (0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="`peak` must be above 0 and finite"):
            InverseSquareRootDecay(peak, 5)
    for steps in (0, -1, 2.5):
        for make in (
            lambda n: InverseSquareRootDecay(1.0, n),
            lambda n: WarmUp(constant, n),
        ):
            with pytest.raises(ValueError, match="`warmup_steps` must be a positive"):
                make(steps)
    with pytest.raises(ValueError, match="`schedule` must be a LearningRateSchedule"):
        WarmUp(0.1, 5)
