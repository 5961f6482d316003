"""`GateMonitor` and `GradientFlowMonitor`: what they write, and that they don't act."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.diagnostics import (
    GateMonitor,
    GradientFlowMonitor,
    gate_activity,
    gradient_flow,
)
from keras_seq.diagnostics._records import CsvTable
from keras_seq.layers import ExplicitLSTM, ExplicitSimpleRNN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6, 2)).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")


def new_model(jit_compile=False):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.GRU(3, return_sequences=True, name="lower", dropout=0.2),
            ExplicitLSTM(3, name="upper", dropout=0.2),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], jit_compile=jit_compile)
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    return model


def gru_model(**options):
    layers = [keras.layers.GRU(3, **options), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((None, 2)), *layers])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    return model


def gates(**options):
    return GateMonitor(X[:4], **options)


def flow(**options):
    return GradientFlowMonitor(X[:4], Y[:4], **options)


def fit(model, callbacks, epochs=2, **options):
    return model.fit(
        X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks, **options
    )


each = pytest.mark.parametrize("monitor", [gates, flow])


@pytest.mark.parametrize(
    ("monitor", "jit_compile"), [(gates, False), (flow, False), (flow, True)]
)
def test_training_is_as_without(monitor, jit_compile):
    """The same weights and logs, dropout and all, and the layers as they were."""
    plain, watched = new_model(jit_compile), new_model(jit_compile)
    expected = fit(plain, [])
    keras.utils.set_random_seed(1)
    watched = new_model(jit_compile)
    before = set(vars(watched.get_layer("upper")))
    found = fit(watched, [monitor()])
    assert found.history == expected.history
    for received, wanted in zip(
        watched.get_weights(), plain.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(received, wanted)
    assert set(vars(watched.get_layer("upper"))) == before


def test_gates_are_those_of_the_model():
    model, monitor = new_model(), gates(layers=["upper"])
    fit(model, [monitor])
    activity = gate_activity(model, X[:4])["upper"]
    last = [row for row in monitor.history if row["epochs"] == 2]
    assert [row["gate"] for row in last] == ["input", "forget", "output"]
    for row in last:
        values = activity.values[row["gate"]]
        np.testing.assert_allclose(row["mean"], values.mean(), rtol=1e-5)
        np.testing.assert_allclose(row["shut"], (values < 0.1).mean())
        np.testing.assert_allclose(row["open"], (values > 0.9).mean())
    rates = np.log(activity.values["forget"].astype("float64")).mean((0, 1))
    [forget] = [row for row in last if row["gate"] == "forget"]
    np.testing.assert_allclose(
        forget["half_life"], np.median(-np.log(2) / rates), rtol=1e-5
    )
    assert last[0]["half_life"] is None
    first = [row for row in monitor.history if row["epochs"] == 0]
    assert first[0]["mean"] != last[0]["mean"]


def test_flow_is_that_of_the_model():
    model, monitor = new_model(), flow()
    fit(model, [monitor])
    found = gradient_flow(model, X[:4], Y[:4])
    last = [row for row in monitor.history if row["epochs"] == 2]
    pairs = [(row["layer"], row["state"]) for row in last]
    assert pairs == [("lower", "hidden"), ("upper", "hidden"), ("upper", "cell")]
    for row in last:
        norms = found[row["layer"]].norms(row["state"]).mean(0)
        np.testing.assert_allclose([row["last"], row["first"]], norms[[-1, 0]], 1e-5)
        expected = found[row["layer"]].factor(row["state"])
        np.testing.assert_allclose(row["factor"], expected, rtol=1e-5)
        assert row["reach"] == 5


@each
def test_table_and_when_it_looks(monitor, tmp_path):
    file = tmp_path / "table.csv"
    watcher = monitor(every=2, filename=file)
    model = new_model()
    fit(model, [watcher], epochs=3)
    with open(file, newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == list(watcher.columns)
    assert list(dict.fromkeys(row["epochs"] for row in rows)) == ["0", "2"]
    assert len(rows) == len(watcher.history)
    for row, known in zip(rows, watcher.history, strict=True):
        for name, value in known.items():
            assert row[name] == ("" if value is None else str(value))
    # A second training goes on where the first ended; nothing is lost.
    fit(model, [monitor(every=2, filename=file)], epochs=4, initial_epoch=3)
    with open(file, newline="") as lines:
        more = list(csv.DictReader(lines))
    assert more[: len(rows)] == rows
    assert list(dict.fromkeys(row["epochs"] for row in more)) == ["0", "2", "3", "4"]


@each
def test_tensorboard(monitor, tmp_path):
    watcher = monitor(log_dir=tmp_path)
    fit(new_model(), [watcher], epochs=1)
    tags, pictures = {}, {}
    for file in sorted(tmp_path.glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                place = pictures if plugin == "images" else tags
                place.setdefault(value.tag, []).append(
                    (event.step, tf.make_ndarray(value.tensor))
                )
    row = watcher.history[-1]
    name = "gates/lower/update/mean" if monitor is gates else None
    name = name or "gradient_flow/lower/hidden/last"
    assert [step for step, _ in tags[name]] == [0, 1]
    known = [
        row
        for row in watcher.history
        if row["layer"] == "lower" and row[watcher.columns[2]] == name.split("/")[2]
    ]
    np.testing.assert_allclose(
        [value for _, value in tags[name]],
        [row[name.split("/")[3]] for row in known],
        rtol=1e-6,
    )
    assert row["epochs"] == 1
    assert set(pictures) == (
        {"gates/lower", "gates/upper"}
        if monitor is gates
        else {"gradient_flow/hidden", "gradient_flow/cell"}
    )
    for found in pictures.values():
        assert len(found) == 2
        width, height, png = found[0][1][:3]
        assert tf.io.decode_png(png).shape[:2] == (int(height), int(width))


@each
@pytest.mark.parametrize("trouble", ["exploded", "masked"])
def test_training_goes_on_when_there_is_nothing_to_see(monitor, trouble, tmp_path):
    """With weights that are no numbers, and where no step counts."""
    layers = [keras.layers.Masking(), keras.layers.GRU(3), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6, 2)), *layers])
    model.compile("adam", "mse")
    x = np.zeros_like(X) if trouble == "masked" else X
    if trouble == "exploded":
        model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    watcher = monitor(log_dir=tmp_path)
    watcher.x = x[:4]
    model.fit(x, Y, epochs=2, verbose=0, callbacks=[watcher])
    rows = watcher.history
    assert [row["epochs"] for row in rows] == sorted([0, 1, 2] * (len(rows) // 3))
    for row in rows:
        assert np.isnan(row["mean" if monitor is gates else "last"])
        assert row.get("reach") is None


def test_mean_of_many_gates_in_bfloat16():
    """A running sum in bfloat16 stops at 256."""
    model = gru_model(dtype="mixed_bfloat16")
    x = RNG.normal(size=(8, 100, 2)).astype("float32")
    monitor = GateMonitor(x)
    model.fit(x, Y, verbose=0, callbacks=[monitor])
    [activity] = gate_activity(model, x).values()
    for row in monitor.history[-2:]:
        expected = activity.values[row["gate"]].astype("float64").mean()
        np.testing.assert_allclose(row["mean"], expected, rtol=1e-6)


def test_what_was_seen_before_an_interrupt_is_kept(tmp_path):
    class Interrupted(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    watcher = gates(log_dir=tmp_path, filename=tmp_path / "table.csv")
    with pytest.raises(KeyboardInterrupt):
        fit(gru_model(), [watcher, Interrupted()])
    [file] = tmp_path.glob("events*")
    steps = []
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        steps += [event.step for _ in event.summary.value]
    # Of each gate three numbers, a half-life, a picture.
    assert steps == [0] * 8 + [1] * 8
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert len(lines) == 1 + len(watcher.history) == 5


def test_a_line_without_an_end_stays_a_line(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b\n1,2")
    CsvTable(file, ("a", "b")).add([{"a": 3, "b": None}])
    assert file.read_text() == "a,b\n1,2\n3,\n"


def test_gates_are_needed():
    model = keras.Sequential([keras.Input((None, 2)), ExplicitSimpleRNN(1, name="a")])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"with gates to watch; received \['a'\]"):
        fit(model, [gates()])


@each
def test_bad_arguments(monitor, tmp_path):
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="`every` must be a positive integer"):
            monitor(every=wrong)
    with pytest.raises(FileNotFoundError, match="`filename` must be in a folder"):
        fit(new_model(), [monitor(filename=tmp_path / "none" / "table.csv")])
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="`filename` must be new, or start with"):
        fit(new_model(), [monitor(filename=other)])
    assert other.read_text() == "a,b\n1,2\n"
    with pytest.raises(ValueError, match="`layers` must be names among"):
        fit(new_model(), [monitor(layers=["none"])])
