"""`SequenceCrossEntropy` and the metrics of tokens."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.training import (
    Perplexity,
    SequenceCrossEntropy,
    TokenAccuracy,
    TokenNats,
)
from tests.other_backend import run_module
from tests.reference.complex_step import gradients

B, T, V = 3, 5, 7
METRICS = (TokenNats, Perplexity, TokenAccuracy)


def problem(mask_id=2, dtype="float32"):
    """Targets with padding anywhere, logits, weights with a zero."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, V, (B, T))
    y[0, 3:] = mask_id
    y[1, 0] = mask_id
    y[2] = np.where(y[2] == mask_id, mask_id + 1, y[2])
    weight = rng.uniform(0.5, 2, (B, T))
    weight[2, 1] = 0
    return {
        "y": y,
        "logits": rng.normal(size=(B, T, V)).astype(dtype),
        "weight": weight.astype(dtype),
    }


def oracle(y, logits, weight=None, smoothing=0.0, mask_id=2):
    """Token by token, as the definition says; float64 or complex."""
    total, count = 0.0, 0.0
    for b, t in np.ndindex(y.shape):
        w = 1.0 if weight is None else float(weight[b, t])
        if y[b, t] == mask_id or w == 0:
            continue
        shifted = logits[b, t] - logits[b, t].real.max()
        log_p = shifted - np.log(np.exp(shifted).sum())
        q = np.full(V, smoothing / V)
        q[y[b, t]] += 1 - smoothing
        total += -w * (q * log_p).sum()
        count += w
    return total / count


def poisoned(given, value, mask_id=2):
    """The logits with `value` wherever the token doesn't count."""
    out = (given["y"] == mask_id) | (given["weight"] == 0)
    return np.where(out[..., None], np.float32(value), given["logits"])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_definition(smoothing, weighted):
    given = problem(dtype="float64")
    weight = given["weight"] if weighted else None
    loss = SequenceCrossEntropy(label_smoothing=smoothing, mask_id=2, dtype="float64")
    expected = oracle(given["y"], given["logits"], weight, smoothing)
    got = loss(given["y"], given["logits"], weight)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    exp = np.exp(given["logits"])
    p = exp / exp.sum(-1, keepdims=True)
    of_p = SequenceCrossEntropy(
        label_smoothing=smoothing, mask_id=2, from_logits=False, dtype="float64"
    )
    np.testing.assert_allclose(of_p(given["y"], p, weight), expected, rtol=1e-12)


def test_the_loss_of_pytorch():
    torch = pytest.importorskip("torch")
    given = problem()
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(given["logits"]).reshape(-1, V),
        torch.tensor(given["y"]).reshape(-1),
        ignore_index=2,
        label_smoothing=0.1,
    )
    got = SequenceCrossEntropy(label_smoothing=0.1, mask_id=2)(
        given["y"], given["logits"]
    )
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_logits_of_padding_are_of_no_account(value):
    given = problem()
    loss = SequenceCrossEntropy(label_smoothing=0.1, mask_id=2)
    logits = tf.constant(poisoned(given, value))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        got = loss(given["y"], logits, given["weight"])
    np.testing.assert_allclose(
        got, oracle(given["y"], given["logits"], given["weight"], 0.1), rtol=1e-6
    )
    slope = tape.gradient(got, logits).numpy()
    out = (given["y"] == 2) | (given["weight"] == 0)
    assert (slope[out] == 0).all()
    assert np.isfinite(slope).all()
    assert (slope[~out] != 0).all()
    for metric_class in METRICS:
        metric, plain = metric_class(mask_id=2), metric_class(mask_id=2)
        metric.update_state(given["y"], logits, given["weight"])
        plain.update_state(given["y"], given["logits"], given["weight"])
        np.testing.assert_array_equal(metric.result(), plain.result())


def test_more_padding_changes_nothing():
    given = problem()
    loss = SequenceCrossEntropy(label_smoothing=0.1, mask_id=2)
    y = np.pad(given["y"], ((0, 2), (0, 4)), constant_values=2)
    logits = np.pad(given["logits"], ((0, 2), (0, 4), (0, 0)), constant_values=np.nan)
    np.testing.assert_allclose(
        loss(y, logits), loss(given["y"], given["logits"]), rtol=1e-6
    )


def test_nothing_but_padding():
    y, logits = np.full((B, T), 2), tf.fill((B, T, V), np.nan)
    loss = SequenceCrossEntropy(label_smoothing=0.1, mask_id=2)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(y, logits)
    assert float(value) == 0
    assert not tape.gradient(value, logits).numpy().any()
    for metric_class, expected in zip(METRICS, (0, 1, 0), strict=True):
        metric = metric_class(mask_id=2)
        metric.update_state(y, logits)
        assert float(metric.result()) == expected


def test_the_mask_of_keras_counts():
    given = problem()
    mask = np.random.default_rng(1).random((B, T)) < 0.5
    logits = tf.constant(np.where(mask[..., None], given["logits"], np.nan))
    logits._keras_mask = tf.constant(mask)
    got = SequenceCrossEntropy(mask_id=2)(given["y"], logits)
    expected = oracle(given["y"], given["logits"], mask)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    nats = TokenNats(mask_id=2)
    nats.update_state(given["y"], logits)
    np.testing.assert_allclose(nats.result(), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(B,), (B, 1)])
def test_weights_of_sequences(shape):
    # B = T is where broadcasting to the wrong side would go unnoticed.
    rng = np.random.default_rng(2)
    y, logits = rng.integers(0, V, (B, B)), rng.normal(size=(B, B, V))
    weight = rng.uniform(size=B)
    expected = oracle(y, logits, np.tile(weight[:, None], B), mask_id=None)
    loss = SequenceCrossEntropy(mask_id=None)
    np.testing.assert_allclose(
        loss(y, logits, weight.reshape(shape)), expected, rtol=1e-6
    )


@pytest.mark.parametrize("target", [-1, V])
def test_a_target_that_is_not_in_the_vocabulary_is_seen(target):
    given = problem()
    given["y"][2, 0] = target
    for mask_id in (2, None):
        loss = SequenceCrossEntropy(mask_id=mask_id)
        assert np.isnan(loss(given["y"], given["logits"]))
    assert np.isfinite(
        SequenceCrossEntropy(mask_id=target)(given["y"] * 0 + target, given["logits"])
    )


def test_metrics_count_every_token_alike():
    """Over batches of different length, where Keras's means of means don't."""
    given = problem()
    y, logits, weight = given["y"], given["logits"], given["weight"]
    short = (y[:, :2], logits[:, :2], weight[:, :2])
    longer = (y[:, 2:], logits[:, 2:], weight[:, 2:])
    nats, perplexity, accuracy = (metric(mask_id=2) for metric in METRICS)
    of_keras = keras.metrics.SparseCategoricalCrossentropy(from_logits=True)
    for batch in (short, longer):
        for metric in (nats, perplexity, accuracy):
            metric.update_state(*batch)
        of_keras.update_state(*batch[:2], batch[2] * (batch[0] != 2))
    expected = oracle(y, logits, weight)
    np.testing.assert_allclose(nats.result(), expected, rtol=1e-6)
    np.testing.assert_allclose(perplexity.result(), np.exp(expected), rtol=1e-6)
    real = weight * (y != 2)
    right = logits.argmax(-1) == y
    np.testing.assert_allclose(
        accuracy.result(), (right * real).sum() / real.sum(), rtol=1e-6
    )
    assert 0 < float(accuracy.result()) < 1
    assert abs(float(of_keras.result()) - expected) > 1e-3
    nats.reset_state()
    nats.update_state(*short)
    np.testing.assert_allclose(nats.result(), oracle(*short), rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_in_training(policy):
    """With weights, XLA left to Keras, and in half precision."""
    x = np.array([[1, 2, 3, 4, 5, 1], [4, 5, 1, 0, 0, 0]] * 4)
    y = np.where(x == 0, 0, x % 5 + 1)
    weight = np.where(np.arange(6) < 3, 2.0, 1.0) * np.ones((8, 1))
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    logits = keras.layers.Embedding(6, 6, dtype=policy)(ids)
    model = keras.Model(ids, logits)
    model.compile(
        keras.optimizers.Adam(0.1),
        SequenceCrossEntropy(label_smoothing=0.1),
        weighted_metrics=[TokenNats(), Perplexity(), TokenAccuracy()],
    )
    model.fit(x, y, sample_weight=weight, epochs=40, verbose=0)
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    predicted = np.float64(model.predict(x, verbose=0))
    options = {"rtol": 1e-5 if policy == "float32" else 1e-3}
    for name, smoothing in (("loss", 0.1), ("nats", 0.0)):
        total, count = 0.0, 0.0
        for b, t in zip(*np.nonzero(y), strict=True):
            p = np.exp(predicted[b, t]) / np.exp(predicted[b, t]).sum()
            q = np.full(6, smoothing / 6)
            q[y[b, t]] += 1 - smoothing
            total -= weight[b, t] * (q * np.log(p)).sum()
            count += weight[b, t]
        np.testing.assert_allclose(logs[name], total / count, **options)
    np.testing.assert_allclose(logs["perplexity"], np.exp(logs["nats"]), rtol=1e-5)
    assert logs["accuracy"] == 1


def test_many_float16_logits_add_up_in_float32():
    """20 · 4,000 tokens of log 8 are beyond float16, and its steps are too wide."""
    y = np.ones((20, 4000), "int32")
    logits = tf.zeros((20, 4000, 8), "float16")
    got = SequenceCrossEntropy(label_smoothing=0.1)(y, logits)
    np.testing.assert_allclose(got, np.log(8), rtol=1e-5)
    assert got.dtype == "float32"


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_backends(backend, tmp_path):
    given = problem()
    logits = poisoned(given, np.nan)
    np.savez(tmp_path / "problem.npz", **{**given, "logits": logits})
    run_module(backend, "tests.training.sequence_backend_child", tmp_path)
    got = dict(np.load(tmp_path / "results.npz"))
    y, weight = given["y"], given["weight"]
    for smoothing in (0.0, 0.1):

        def loss(x, smoothing=smoothing):
            return oracle(y, x, weight, smoothing)

        clean = given["logits"].astype("float64")
        np.testing.assert_allclose(got[f"loss {smoothing}"], loss(clean), rtol=1e-5)
        slope = gradients(loss, {"x": clean})["x"]
        np.testing.assert_allclose(got[f"gradient {smoothing}"], slope, atol=1e-6)
    nats = oracle(y, given["logits"], weight)
    np.testing.assert_allclose(got["nats"], nats, rtol=1e-5)
    np.testing.assert_allclose(got["perplexity"], np.exp(nats), rtol=1e-5)
    # The model of the child, in which padding has no say.
    x = np.array([[1, 2, 3, 4, 5, 1], [4, 5, 1, 0, 0, 0]] * 4)
    real = x != 0
    p = np.take_along_axis(got["fitted p"], (x % 5 + 1)[..., None], -1)[..., 0]
    expected = -np.log(p[real]).mean()
    np.testing.assert_allclose(got["fitted loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(got["fitted perplexity"], np.exp(expected), rtol=1e-4)
    assert got["fitted accuracy"] == 1


@pytest.mark.parametrize(
    "made",
    [
        SequenceCrossEntropy(
            label_smoothing=0.2, from_logits=False, mask_id=3, name="a", dtype="float64"
        ),
        TokenNats(from_logits=False, mask_id=3, name="b", dtype="float64"),
        Perplexity(from_logits=False, mask_id=None, name="c", dtype="float64"),
        TokenAccuracy(mask_id=3, name="d", dtype="float64"),
    ],
    ids=lambda made: type(made).__name__,
)
def test_saving(made):
    config = keras.saving.serialize_keras_object(made)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    given = problem(mask_id=3, dtype="float64")
    p = np.exp(given["logits"]) / np.exp(given["logits"]).sum(-1, keepdims=True)
    if isinstance(made, keras.losses.Loss):
        assert float(again(given["y"], p)) == float(made(given["y"], p))
        return
    for metric in (made, again):
        metric.update_state(given["y"], p)
    assert float(again.result()) == float(made.result()) != 0


def test_what_is_refused():
    for smoothing in (-0.1, 1.0, None):
        with pytest.raises(ValueError, match=r"`label_smoothing` must be in \[0, 1\)"):
            SequenceCrossEntropy(label_smoothing=smoothing)
    for made in (SequenceCrossEntropy, *METRICS):
        with pytest.raises(ValueError, match="`mask_id` must be an integer or None"):
            made(mask_id=0.5)
    # In 16 bits, target 513 would be another.
    with pytest.raises(ValueError, match=r"`dtype` must be 'float32' or .*'bfloat16'"):
        SequenceCrossEntropy(dtype="bfloat16")


@pytest.mark.parametrize("shape", [(2,), (2, 3, 1), (2, 1), (1, 3), (3, 2)])
def test_targets_that_do_not_fit(shape):
    for call in (
        SequenceCrossEntropy(),
        *(metric().update_state for metric in METRICS),
    ):
        with pytest.raises(ValueError, match=r"`y_true` must be targets of shape"):
            call(np.ones(shape, int), np.zeros((2, 3, 4)))


# The first would broadcast to (3, 3), in a batch of one row.
@pytest.mark.parametrize("shape", [(3,), (1, 2), (2, 3), (1, 3, 1)])
def test_weights_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"`sample_weight` must have .* \(1, 3\); rec"):
        SequenceCrossEntropy()(
            np.ones((1, 3), int), np.zeros((1, 3, 4)), np.ones(shape)
        )
