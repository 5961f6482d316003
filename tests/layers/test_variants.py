"""Layer normalisation, peepholes and zoneout in inference, against the equations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS
from tests.layers.variants import (
    OPTIONS,
    each_case,
    extras,
    made,
    options_of,
    oracle,
)
from tests.reference import complex_step, variants
from tests.reference.recurrence import layer_output, mask_patterns

MASKS = mask_patterns()
ALL = dict.fromkeys(("return_sequences", "return_state", "return_gates"), True)


@pytest.mark.parametrize("pattern", ["none", "holes", "left"])
@each_case
def test_values(name, options, pattern):
    kind, options = KINDS[name], options_of(name, options)
    problem, mask = kind.problem(), MASKS[pattern]
    backwards = pattern == "left"
    layer = made(name, options, go_backwards=backwards, unroll=backwards, **ALL)
    y, *state, gates = layer(problem["x"], initial_state=kind.state(problem), mask=mask)
    expected = oracle(name, options, mask=mask, go_backwards=backwards)
    h = layer_output(
        expected["h"],
        mask,
        go_backwards=backwards,
        zero_output_for_mask=False,
        return_sequences=True,
    )
    np.testing.assert_allclose(y, h, rtol=1e-10)
    np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
    assert sorted(gates) == sorted(kind.gates)
    for gate, values in gates.items():
        np.testing.assert_allclose(values, expected[gate], rtol=1e-10)


@pytest.mark.parametrize("options", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}])
@pytest.mark.parametrize("name", KINDS)
def test_without_effect_it_is_the_plain_layer(name, options):
    """Peepholes of 0, and zoneout that keeps nothing, in training with dropout."""
    kind = KINDS[name]
    zero = {"peepholes": True} if name == "lstm" else {"zoneout": 1e-30}
    results = []
    for more in ({}, zero):
        layer = made(name, {**options, **more}, seed=3, return_sequences=True)
        if "peepholes" in more:
            layer.cell.peephole.assign(np.zeros((3, 4)))
        results.append(layer(kind.problem()["x"], training=True))
    np.testing.assert_allclose(*results, rtol=1e-10)


@each_case
def test_gradients_of_all_weights(name, options):
    kind, options = KINDS[name], options_of(name, options)
    problem, mask = kind.problem(rows=2, length=3), MASKS["holes"][:2, :3]
    layer = made(name, options, return_sequences=True, return_gates=True)
    arrays = {
        **problem,
        **{key: kind.problem()[key] for key in ("kernel", "recurrent_kernel", "bias")},
        **extras(name, options),
    }
    x, *state = (tf.constant(problem[key]) for key in ("x", *kind.states))
    with tf.GradientTape() as tape:
        tape.watch((x, state))
        h, gates = layer(x, initial_state=state, mask=mask)
        loss = sum(
            tf.reduce_sum(tf.sin(float(k) + y))
            for k, y in enumerate((h, *(gates[g] for g in kind.gates)))
        )
    order = ["kernel", "recurrent_kernel", "bias", *extras(name, options)]
    found = dict(
        zip(
            (*order, "x", *kind.states),
            tape.gradient(loss, [*layer.trainable_variables, x, *state]),
            strict=True,
        )
    )

    def expected_loss(**arrays):
        rates = np.broadcast_to(options.get("zoneout", 0.0), len(kind.states))
        results = variants.run(**arrays, kind=name, zoneout=list(rates), mask=mask)
        shown = [results[g] for g in kind.gates]
        # Before the first step that counts the layer's output is 0.
        begun = np.cumsum(mask, axis=1)[..., None] > 0
        return sum(
            np.sin(k + y).sum() for k, y in enumerate((results["h"] * begun, *shown))
        )

    expected = complex_step.gradients(expected_loss, arrays)
    for key, value in expected.items():
        np.testing.assert_allclose(
            found[key], value, rtol=1e-8, atol=1e-12, err_msg=key
        )


@each_case
def test_stepping_equals_the_sequence(name, options):
    kind, options = KINDS[name], options_of(name, options)
    problem = kind.problem()
    x, state = problem["x"], kind.state(problem)
    y, *final, all_gates = made(name, options, **ALL)(x, initial_state=state)
    cell = made(name, options, cell=True)
    for t in range(x.shape[1]):
        h, state, gates = cell(x[:, t], state, return_gates=True)
        np.testing.assert_allclose(h, y[:, t], rtol=1e-12)
        for gate, values in all_gates.items():
            np.testing.assert_allclose(gates[gate], values[:, t], rtol=1e-12)
    np.testing.assert_allclose(state, final, rtol=1e-12)
    rnn = keras.layers.RNN(cell, return_sequences=True, dtype="float64")
    np.testing.assert_allclose(rnn(x, initial_state=kind.state(problem)), y, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_without_bias(name):
    options = options_of(name, "all")
    layer = made_without_bias(name, options)
    problem = KINDS[name].problem()
    problem["bias"] = np.zeros_like(problem["bias"])
    got = layer(problem["x"], initial_state=KINDS[name].state(problem))
    expected = oracle(name, options, problem)["h"]
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def made_without_bias(name, options):
    kind = KINDS[name]
    more = {"use_bias": False, "return_sequences": True, "dtype": "float64"}
    layer = kind.layer(4, **kind.options, **options, **more)
    layer.build((None, None, 2))
    weights = kind.weights(kind.problem(), use_bias=False)
    layer.set_weights([*weights, *extras(name, options).values()])
    return layer


@pytest.mark.parametrize("name", KINDS)
def test_weights_of_layer_norm_start_without_effect(name):
    cell = KINDS[name].cell(4, layer_norm=True)
    cell.build((None, 2))
    for weight in cell.trainable_variables[3:]:
        start = 1.0 if weight.name.endswith("gain") else 0.0
        np.testing.assert_array_equal(weight, np.full(weight.shape, start))
    names = [weight.name for weight in cell.trainable_variables[3:]]
    assert names == list(variants.random_extras(name))


def test_epsilon():
    problem = KINDS["simple_rnn"].problem()
    options = {"layer_norm": True}
    layer = made("simple_rnn", options, layer_norm_epsilon=0.5, activation="linear")
    got = layer(problem["x"][:, :1], initial_state=problem["h_0"])
    weights = extras("simple_rnn", options)
    kernel, recurrent_kernel, bias = KINDS["simple_rnn"].weights(problem)
    a = problem["x"][:, 0] @ kernel + problem["h_0"] @ recurrent_kernel
    rows = [variants.norm(weights, "pre_activation", row, epsilon=0.5) for row in a]
    np.testing.assert_allclose(got, np.array(rows) + bias, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_saved_bidirectional_model(name, tmp_path):
    options = options_of(name, "pair" if name == "lstm" else "all")
    options = {**options, **options_of(name, "layer_norm"), "weight_dropout": 0.5}
    inputs = keras.Input((None, 2))
    layer = KINDS[name].layer(
        3, return_sequences=True, seed=1, **options, **KINDS[name].options
    )
    y = keras.layers.Bidirectional(layer)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, y)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.where(MASKS["holes"][..., None], KINDS[name].problem()["x"], 0)
    np.testing.assert_array_equal(loaded(x), model(x))
    for way in ("forward_layer", "backward_layer"):
        saved, again = (
            getattr(m.layers[-1], way).get_config() for m in (model, loaded)
        )
        assert saved == again
        assert again["weight_dropout"] == 0.5


@pytest.mark.parametrize("name", KINDS)
def test_stateful(name):
    kind, options = KINDS[name], options_of(name, "all")
    layer = made(name, options, stateful=True, return_sequences=True)
    x = kind.problem(length=6)["x"]
    whole = made(name, options, return_sequences=True)(x)
    parts = [layer(x[:, :4]), layer(x[:, 4:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_no_steps_give_the_initial_state(name):
    kind, options = KINDS[name], options_of(name, "all")
    layer, state = made(name, options, **ALL), kind.state(kind.problem())
    for training in (False, True):
        h, *final, gates = layer(
            np.zeros((3, 0, 2)), initial_state=state, training=training
        )
        np.testing.assert_array_equal(final, state)
        assert h.shape == gates[kind.gates[0]].shape == (3, 0, 4)


@pytest.mark.parametrize(
    ("policy", "jit"), [("float32", True), ("mixed_float16", False)]
)
@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_training_in_a_graph(name, policy, jit):
    options = {**options_of(name, "all"), "weight_dropout": 0.2, "dropout": 0.1}
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(16, 6, 2)), rng.normal(size=(16, 1))
    model = keras.Sequential(
        [
            KINDS[name].layer(4, seed=1, dtype=policy, **options),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=jit)
    model.build(x.shape)
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    before = model.get_weights()
    loss = model.fit(x, y, batch_size=8, verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    for old, new in zip(before[:-2], model.get_weights()[:-2], strict=True):
        if old.dtype == "float32":
            assert np.abs(old - new).max() > 0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_mixed_precision_is_close(name, policy):
    options = options_of(name, "all")
    x = KINDS[name].problem()["x"]
    expected = made(name, options)(x)
    got = made(name, options, dtype=policy)(x)
    np.testing.assert_allclose(keras.ops.cast(got, "float64"), expected, atol=0.05)


@pytest.mark.parametrize("zoneout", [(0.1,), (0.1, 0.2, 0.3), (0.1, 1.0), [0.1, "a"]])
def test_bad_pairs(zoneout):
    for make in (KINDS["lstm"].layer, KINDS["lstm"].cell):
        with pytest.raises(ValueError, match="`zoneout` must be"):
            make(3, zoneout=zoneout)


@pytest.mark.parametrize("name", ["gru", "simple_rnn"])
def test_a_pair_needs_two_states(name):
    with pytest.raises(ValueError, match=r"`zoneout` must be a number; .*\(0.1, 0.2\)"):
        KINDS[name].layer(3, zoneout=(0.1, 0.2))
    with pytest.raises(ValueError, match="peepholes"):
        KINDS[name].layer(3, peepholes=True)


def test_a_pair_in_the_config():
    layer = KINDS["lstm"].layer(3, **OPTIONS["pair"])
    config = layer.get_config()
    assert config["zoneout"] == [0.2, 0.6]
    assert KINDS["lstm"].layer.from_config(config).zoneout == (0.2, 0.6)
    assert KINDS["lstm"].layer(3, zoneout=(0.1, 0.1)).get_config()["zoneout"] == 0.1
