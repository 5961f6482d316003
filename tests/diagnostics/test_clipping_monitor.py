"""The monitor against trainings of a linear model, computed from the equations."""

import csv
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_seq.diagnostics import ClippingMonitor
from keras_seq.diagnostics.clipping_monitor import NAMES
from tests.diagnostics.clipping_cases import (
    ACCUMULATE,
    BATCH,
    EPOCHS,
    LIMITS,
    MODES,
    RATE,
    after_changes,
    fit,
    new_model,
    problem,
    sizes,
    trained,
)
from tests.other_backend import ROOT, run_module
from tests.reference.clipping import clipped, norm, train_linear


def expected(clip, accumulate=1, epochs=EPOCHS):
    return train_linear(
        *problem(),
        rate=RATE,
        batch=BATCH,
        epochs=epochs,
        clip=clip,
        limit=LIMITS[clip],
        accumulate=accumulate,
    )


def check_logs(logs, known):
    for log, right in zip(logs, known, strict=True):
        for name in NAMES:
            assert log[name] == pytest.approx(right[name], rel=2e-5), name


def check(result, clip, accumulate=1):
    known, weights = expected(clip, accumulate)
    check_logs(result["logs"], known)
    for weight, right in zip(result["weights"], weights, strict=True):
        np.testing.assert_allclose(weight, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("accumulate", ACCUMULATE)
def test_the_problem_clips_some_steps_and_not_all(accumulate):
    for clip in ("clipnorm", "global_clipnorm", "clipvalue"):
        shares = [log["clipping_share"] for log in expected(clip, accumulate)[0]]
        assert 0 < np.mean(shares) < 1, clip


@pytest.mark.parametrize("accumulate", ACCUMULATE)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("clip", LIMITS)
def test_logs_and_weights(clip, mode, accumulate):
    check(trained(clip, mode, accumulate), clip, accumulate)


def test_several_steps_in_one_call():
    check(trained("clipnorm", "graph", 1, steps_per_execution=2), "clipnorm")


def test_models_that_were_trained_or_compiled_before():
    check_changes(after_changes())


def check_changes(results):
    for clip, logs in zip(
        ["clipnorm", "clipnorm", "global_clipnorm", "global_clipnorm"],
        results,
        strict=True,
    ):
        check_logs(logs, expected(clip)[0])


def test_a_checkpoint_sees_nothing_of_it():
    result = sizes()
    assert result["during"] == [result["before"]] * 2 * EPOCHS


@pytest.fixture(scope="module", params=["jax", "torch"])
def results(request, tmp_path_factory):
    """What a child process with another backend has measured."""
    backend = request.param
    file = tmp_path_factory.mktemp(backend) / "results.json"
    run_module(backend, "tests.diagnostics.clipping_cases", file)
    return json.loads(file.read_text(encoding="utf-8"))


def test_other_backends(results):
    assert len(results["cases"]) == 9
    for case, result in results["cases"].items():
        clip, _, accumulate, *_ = case.split()
        check(result, None if clip == "None" else clip, int(accumulate))


def test_other_backends_after_changes(results):
    check_changes(results["changes"])
    assert set(results["sizes"]["during"]) == {results["sizes"]["before"]}


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_rows_of_an_embedding(clip):
    """TensorFlow's: clipped before those of equal tokens are added up."""
    rng = np.random.default_rng(5)
    tokens = np.array([[0, 0, 1], [2, 0, 2]])
    table, y = rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(3, 2),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    model.set_weights([table])
    slopes = 2 * (table[tokens].mean(axis=1) - y) / y.size / 3
    rows = np.repeat(slopes, 3, axis=0)
    limit = float(np.abs(rows).max() if clip == "clipvalue" else norm([rows])) / 2
    (changed,), acts = clipped([rows], clip, limit)
    gradient, after = np.zeros((2, 3, 2))
    np.add.at(gradient, tokens.reshape(-1), rows)
    np.add.at(after, tokens.reshape(-1), changed)
    assert acts
    assert abs(norm([gradient]) - norm([rows])) > 0.01  # they can be told apart
    model.compile(keras.optimizers.SGD(1.0, **{clip: limit}), "mse")
    history = model.fit(tokens, y, verbose=0, callbacks=[ClippingMonitor()]).history
    assert history["clipping_share"] == [1]
    assert history["clipping_norm"][0] == pytest.approx(norm([rows]), rel=1e-5)
    assert history["clipping_factor"][0] == pytest.approx(
        norm([after]) / norm([gradient]), rel=1e-5
    )
    np.testing.assert_allclose(model.get_weights()[0], table - after, rtol=1e-4)


def test_steps_without_a_finite_norm_are_counted_apart():
    x, y, *weights = problem()
    x[-1] = np.inf  # in the last of four batches
    model = new_model("global_clipnorm")
    history = model.fit(
        x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[ClippingMonitor()]
    ).history
    known, _ = train_linear(
        x[:9],
        y[:9],
        *weights,
        rate=RATE,
        batch=BATCH,
        epochs=1,
        clip="global_clipnorm",
        limit=LIMITS["global_clipnorm"],
    )
    (log,) = [{name: history[name][0] for name in NAMES}]
    check_logs([log], [{**known[0], "clipping_steps": 4, "clipping_not_finite": 1}])


def test_loss_scaling_is_taken_out_and_skipped_steps_are_not_counted():
    x, y, *weights = problem()
    x[2] = np.inf  # in the first of four batches
    model = new_model("clipnorm")
    inner = model.optimizer
    model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    history = model.fit(
        x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[ClippingMonitor()]
    ).history
    known, _ = train_linear(
        x[3:],
        y[3:],
        *weights,
        rate=RATE,
        batch=BATCH,
        epochs=1,
        clip="clipnorm",
        limit=LIMITS["clipnorm"],
    )
    check_logs([{name: history[name][0] for name in NAMES}], known)


def test_an_epoch_without_an_update():
    model = new_model("clipnorm", accumulate=5)  # of four batches
    first, second = fit(model, [ClippingMonitor()], epochs=2)
    assert first["clipping_steps"] == 0
    assert first["clipping_factor"] == 1
    assert np.isnan([first["clipping_share"], first["clipping_norm"]]).all()
    assert second["clipping_steps"] == 1


class Fails(keras.callbacks.Callback):
    """Raises at one of the points where a training can end."""

    def __init__(self, point, error):
        super().__init__()

        def fail(*args, **kwargs):
            raise error

        setattr(self, point, fail)


def failing_step(y, y_predicted):
    raise KeyboardInterrupt


POINTS = ("on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "step", "none")


@pytest.mark.parametrize("point", POINTS)
def test_nothing_stays_behind(point):
    model = new_model("global_clipnorm")
    weights = model.get_weights()
    variables = len(model.optimizer.variables)
    monitor = ClippingMonitor()
    if point == "none":
        fit(model, [monitor])
    elif point == "step":
        model.compile(model.optimizer, failing_step)
        with pytest.raises(KeyboardInterrupt):
            fit(model, [monitor])
        model.compile(model.optimizer, "mse")
    else:
        with pytest.raises(KeyboardInterrupt):
            fit(model, [monitor, Fails(point, KeyboardInterrupt())])
    assert "_clip_gradients" not in vars(model.optimizer)
    assert len(model.optimizer.variables) == variables
    run = monitor._run
    assert (run is None) == (point == "none")
    measured = None if run is None else run.values()
    # A training without a monitor is the usual one, and measures nothing.
    model.set_weights(weights)
    logs = fit(model, None)
    assert not set(NAMES) & set(logs[0])
    if measured is not None and point != "on_train_batch_begin":
        np.testing.assert_equal(run.values(), measured)
    known, right = expected("global_clipnorm")
    for weight, value in zip(model.get_weights(), right, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-5)
    # And the same monitor measures a new one.
    model.set_weights(weights)
    check_logs(fit(model, [monitor]), known)
    assert monitor._run is None
    assert type(model.train_function).__name__ == "function"


class Compiles(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            optimizer = keras.optimizers.SGD(RATE, clipvalue=LIMITS["clipvalue"])
            self.model.compile(optimizer, "mse")
            self.model.make_train_function()


def test_a_callback_that_compiles_the_model_anew():
    x, y, *weights = problem()
    logs = fit(new_model("clipnorm"), [ClippingMonitor(), Compiles()], epochs=2)
    options = {"rate": RATE, "batch": BATCH, "epochs": 1}
    first, weights = train_linear(
        x, y, *weights, clip="clipnorm", limit=LIMITS["clipnorm"], **options
    )
    second, _ = train_linear(
        x, y, *weights, clip="clipvalue", limit=LIMITS["clipvalue"], **options
    )
    check_logs(logs, first + second)


def test_lines_in_a_file(tmp_path):
    file = tmp_path / "clipping.csv"
    logs = fit(new_model("clipnorm"), [ClippingMonitor(file)])
    logs += fit(new_model(None), [ClippingMonitor(filename=str(file))], epochs=1)
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "0"]
    for row, log in zip(rows, logs, strict=True):
        assert {name: float(row[name]) for name in NAMES} == {n: log[n] for n in NAMES}
    assert list(tmp_path.iterdir()) == [file]


def test_files_that_are_refused(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text("epoch,loss\n0,1.0\n")
    with pytest.raises(ValueError, match="`filename` must be new, or start with"):
        fit(new_model(None), [ClippingMonitor(file)])
    assert file.read_text() == "epoch,loss\n0,1.0\n"
    with pytest.raises(FileNotFoundError, match="`filename` must be in a folder"):
        fit(new_model(None), [ClippingMonitor(tmp_path / "none" / "clipping.csv")])


def test_two_monitors_are_refused():
    with pytest.raises(ValueError, match="at most one ClippingMonitor"):
        fit(new_model("clipnorm"), [ClippingMonitor(), ClippingMonitor()])


def test_a_model_without_an_optimizer_is_refused():
    model = new_model(None)
    model.compile(None, "mse")
    with pytest.raises(ValueError, match="compiled with an optimizer of Keras"):
        fit(model, [ClippingMonitor()])


REPLICAS = """
import keras, numpy as np, tensorflow as tf
from keras_seq.diagnostics import ClippingMonitor
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
    with tf.distribute.MirroredStrategy(devices).scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, clipnorm=1.0), "mse")
    try:
        fitted = model.fit(
            np.ones((4, 1)), np.ones((4, 1)), verbose=0, callbacks=[ClippingMonitor()]
        )
        print(len(devices), fitted.history["clipping_steps"])
    except ValueError as error:
        print(len(devices), error)
"""


def test_several_replicas_are_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = done.stdout.strip().splitlines()[-2:]
    assert one == "1 [1]"
    assert two.startswith("2 The model must train on one replica")
