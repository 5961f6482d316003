"""The layers in `keras.layers.Bidirectional`, against Keras's own there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import each_kind
from tests.layers.peers import UNITS
from tests.reference.recurrence import mask_patterns

MASKS = mask_patterns()


def directions(kind):
    """A problem for the way there, and one for the way back, of the same input."""
    forward, backward = kind.problem(seed=20), kind.problem(seed=21)
    return forward, {**backward, "x": forward["x"]}


def both(kind, make=None, merge_mode="concat", **options):
    """The wrapped layer with all its weights, its input and its initial states."""
    make, problems = make or kind.layer, directions(kind)
    x = problems[0]["x"]
    options = {**kind.accepted(use_cudnn=False), **kind.options, **options}
    layer = keras.layers.Bidirectional(
        make(UNITS, dtype="float64", **options), merge_mode=merge_mode, dtype="float64"
    )
    layer.build(x.shape)
    layer.set_weights([w for problem in problems for w in kind.weights(problem)])
    return layer, x, [state for problem in problems for state in kind.state(problem)]


def assert_equals_keras(kind, mask, **options):
    def run(make):
        layer, x, states = both(kind, make, **options)
        return tf.nest.flatten(layer(x, initial_state=states, mask=mask))

    got, expected = run(kind.layer), run(kind.keras_layer)
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-10)


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@each_kind("lstm", "gru")
def test_merging_equals_keras(kind, merge_mode, return_sequences, return_state):
    assert_equals_keras(
        kind,
        MASKS["holes"],
        merge_mode=merge_mode,
        return_sequences=return_sequences,
        return_state=return_state,
    )


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("pattern", MASKS)
@each_kind()
def test_masks_equal_keras(kind, pattern, return_sequences):
    assert_equals_keras(kind, MASKS[pattern], return_sequences=return_sequences)


@each_kind()
def test_gradients_equal_keras(kind):
    def run(make):
        layer, x, _ = both(kind, make, return_sequences=True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, mask=MASKS["holes"]) ** 2)
        return tape.gradient(loss, [v.value for v in layer.trainable_variables])

    for got, expected in zip(run(kind.layer), run(kind.keras_layer), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("return_sequences", "return_state"), [(False, True), (True, True), (True, False)]
)
@pytest.mark.parametrize("pattern", MASKS)
@each_kind()
def test_gates_follow_the_states_of_their_direction(
    kind, pattern, return_sequences, return_state
):
    mask = MASKS[pattern]
    layer, x, states = both(
        kind,
        return_state=return_state,
        return_gates=True,
        return_sequences=return_sequences,
    )
    y, *ways = layer(x, initial_state=states, mask=mask)
    assert y.shape[-1] == 2 * UNITS
    end = len(kind.states) * return_state + 1
    assert len(ways) == 2 * end
    for problem, (*state, gates), backwards in zip(
        directions(kind), (ways[:end], ways[end:]), (False, True), strict=True
    ):
        expected = kind.oracle(**problem, mask=mask, go_backwards=backwards)
        if return_state:
            np.testing.assert_allclose(state, expected["state"], rtol=1e-10)
        assert sorted(gates) == sorted(kind.gates)
        for gate, values in gates.items():
            np.testing.assert_allclose(values, expected[gate], rtol=1e-10, atol=1e-14)


@each_kind("lstm", "gru", "simple_rnn")
def test_another_layer_for_the_way_back(kind):
    x = directions(kind)[0]["x"]

    def build(make):
        layer = keras.layers.Bidirectional(
            make(UNITS, return_sequences=True, dtype="float64"),
            backward_layer=make(
                3,
                activation="relu",
                go_backwards=True,
                return_sequences=True,
                dtype="float64",
            ),
            dtype="float64",
        )
        layer.build(x.shape)
        rng = np.random.default_rng(22)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        return layer(x, mask=MASKS["holes"])

    got = build(kind.layer)
    assert tuple(got.shape) == (3, 5, UNITS + 3)
    np.testing.assert_allclose(got, build(kind.keras_layer), rtol=1e-10)


@each_kind()
def test_dropout_equals_keras(kind):
    options = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 23}
    (ours, x, _), (peer, _, _) = (
        both(kind, make, **options) for make in (kind.layer, kind.keras_layer)
    )
    # Keras's SimpleRNN has no seed in its config, so that its copies lose it.
    for way in (peer.forward_layer, peer.backward_layer):
        way.cell.seed_generator.state.assign([options["seed"], 0])
    got, expected = ours(x, training=True), peer(x, training=True)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


@each_kind()
def test_stateful_equals_keras(kind):
    (ours, x, _), (peer, _, _) = (
        both(kind, make, stateful=True) for make in (kind.layer, kind.keras_layer)
    )
    for _ in range(2):
        np.testing.assert_allclose(ours(x), peer(x), rtol=1e-10)
    ours.reset_state()
    peer.reset_state()
    np.testing.assert_allclose(ours(x), peer(x), rtol=1e-10)


@each_kind("lstm", "gru", "simple_rnn")
def test_in_a_saved_functional_model(kind, tmp_path):
    inputs = keras.Input((None, 2))
    layer = keras.layers.Bidirectional(
        kind.layer(3, return_sequences=True, return_state=True, return_gates=True)
    )
    y, *ways = layer(keras.layers.Masking()(inputs))
    gates, gates_back = ways[len(kind.states)], ways[-1]
    model = keras.Model(
        inputs, {"y": y, "gates": gates, "back": gates_back[kind.gates[-1]]}
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.where(MASKS["holes"][..., None], directions(kind)[0]["x"], 0)
    got, expected = loaded(x.astype("float32")), model(x.astype("float32"))
    assert sorted(got["gates"]) == sorted(kind.gates)
    for value, want in zip(
        tf.nest.flatten(got), tf.nest.flatten(expected), strict=True
    ):
        np.testing.assert_array_equal(value, want)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
@each_kind("lstm", "gru", "simple_rnn")
def test_gates_alone_in_a_model_that_is_saved(kind, merge_mode, tmp_path):
    layer = keras.layers.Bidirectional(
        kind.layer(3, return_gates=True), merge_mode=merge_mode
    )
    x = keras.Input((None, 2))
    *outputs, forward, backward = layer(x)
    model = keras.Model(x, {"y": outputs, "forward": forward, "backward": backward})
    given = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    got = model(given)
    keras.tree.assert_same_structure(got, model.output)
    for way in ("forward", "backward"):
        one = getattr(layer, f"{way}_layer")
        assert one.get_config()["return_state"] is False
        _, expected = one(given)
        for gate in kind.gates:
            np.testing.assert_allclose(got[way][gate], expected[gate], rtol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")(given)
    for one, other in zip(
        keras.tree.flatten(got), keras.tree.flatten(again), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)
