"""`gradient_flow`: against differences, Keras's own steps, and known products."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.diagnostics import GradientFlow, gradient_flow, plot_gradient_flow
from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN

RNG = np.random.default_rng(0)
squares = keras.losses.mean_squared_error
LAYERS = {
    "lstm": (ExplicitLSTM, {}),
    "lstm_keras": (keras.layers.LSTM, {}),
    "lstm_varied": (
        ExplicitLSTM,
        {"layer_norm": True, "peepholes": True, "zoneout": (0.2, 0.0)},
    ),
    "lstm_zoneout": (ExplicitLSTM, {"zoneout": 0.3}),
    "lstm_relu": (ExplicitLSTM, {"activation": "elu"}),
    "gru": (ExplicitGRU, {}),
    "gru_keras": (keras.layers.GRU, {"reset_after": False}),
    "gru_norm": (ExplicitGRU, {"layer_norm": True}),
    "simple_rnn": (ExplicitSimpleRNN, {"activation": "relu"}),
    "simple_rnn_keras": (keras.layers.SimpleRNN, {}),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def model_of(layer, **input_options):
    return keras.Sequential(
        [
            keras.Input((None, 2), dtype="float64", **input_options),
            layer,
            keras.layers.Dense(2, dtype="float64"),
        ]
    )


def randomised(model):
    """Weights that are all different: a swap of two gates must be seen."""
    model.set_weights([RNG.normal(size=w.shape) * 0.6 for w in model.get_weights()])
    return model


def stepped(layer, x, moved=None):
    """The states after every step, from the layer's cell; one of them moved.

    `moved` is (step, state, unit, by). A cell of Keras's hands on h and c: where c is
    moved, h is put right by the caller.
    """
    cell = layer.cell
    states = cell.get_initial_state(batch_size=len(x))
    states = states if isinstance(states, list) else [states]
    for t in range(x.shape[1]):
        _, states = cell(x[:, t], states)
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        if moved is not None and moved[0] == t:
            _, state, unit, by = moved
            change = np.zeros(states[state].shape)
            change[:, unit] = by
            states[state] = states[state] + change
    return states


@pytest.mark.parametrize("name", LAYERS)
def test_hidden_state_by_differences(name):
    """∂L/∂h_t of every unit of every step, to 1e-6 relative."""
    kind, options = LAYERS[name]
    layer = kind(3, dtype="float64", **options)
    model = randomised(model_of(layer))
    x, y = RNG.normal(size=(2, 4, 2)), RNG.normal(size=(2, 2))
    [flow] = gradient_flow(model, x, y, loss=squares).values()
    dense = model.layers[-1]

    def loss(moved):
        h = stepped(layer, x, moved)[0]
        return squares(y, dense(h)).numpy() / len(x)

    by = 1e-6
    for t, unit in np.ndindex(4, 3):
        difference = loss((t, 0, unit, by)) - loss((t, 0, unit, -by))
        np.testing.assert_allclose(
            flow.gradients["hidden"][:, t, unit],
            difference / (2 * by),
            rtol=1e-5,
            atol=1e-9,
        )
    norms = np.sqrt((flow.gradients["hidden"] ** 2).sum(-1))
    np.testing.assert_allclose(flow.norms(), norms, rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in LAYERS if n.startswith("lstm")])
def test_memory_by_tensorflow(name):
    """∂L/∂c_t against TensorFlow's gradient of hand-written steps."""
    kind, options = LAYERS[name]
    if options.get("zoneout"):
        pytest.skip("the steps below have no zoneout")
    layer = kind(3, dtype="float64", **options)
    model = randomised(model_of(layer))
    x, y = RNG.normal(size=(2, 4, 2)), RNG.normal(size=(2, 2))
    [flow] = gradient_flow(model, x, y, loss=squares).values()
    cell, dense = layer.cell, model.layers[-1]
    c = h = tf.zeros((2, 3), "float64")
    memories = []
    with tf.GradientTape() as tape:
        for t in range(4):
            z = x[:, t] @ cell.kernel + h @ cell.recurrent_kernel + cell.bias
            i, f, candidate, o = tf.split(z, 4, axis=-1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * cell.activation(candidate)
            tape.watch(c)
            memories.append(c)
            h = tf.sigmoid(o) * cell.activation(c)
        loss = tf.reduce_mean(squares(y, dense(h)))
    expected = tf.stack(tape.gradient(loss, memories), axis=1)
    np.testing.assert_allclose(flow.gradients["cell"], expected, rtol=1e-9)


@pytest.mark.parametrize("compiled", [False, True])
def test_deep_model_against_keras_steps(compiled):
    """Embedding, two layers, padding: the loss's gradient by Keras's own cells."""
    first = keras.layers.LSTM(4, return_sequences=True, dtype="float64")
    second = ExplicitGRU(3, dtype="float64")
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(7, 2, mask_zero=True, dtype="float64"),
            first,
            second,
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    randomised(model)
    ids = np.array([[3, 1, 4, 2], [5, 2, 0, 0], [0, 0, 0, 0]])
    y = RNG.normal(size=(3, 1))
    model.compile("sgd", "mse")
    flows = gradient_flow(model, ids, y, loss=None if compiled else squares)
    assert list(flows) == [first.name, second.name]
    for row, length in ((0, 4), (1, 2)):
        states, lower, upper = [[], []], None, None
        with tf.GradientTape() as tape:
            lower = first.cell.get_initial_state(1)
            upper = second.cell.get_initial_state(1)
            upper = upper if isinstance(upper, list) else [upper]
            for t in range(length):
                x = tf.gather(model.layers[0].embeddings, ids[row : row + 1, t])
                h, lower = first.cell(x, lower)
                tape.watch(h)
                states[0].append(h)
                lower = [h, lower[1]]
                h, _ = second.cell(h, upper)
                tape.watch(h)
                states[1].append(h)
                upper = [h]
            value = tf.reduce_sum((y[row] - model.layers[-1](h)) ** 2) / 3
        expected = tape.gradient(value, states)
        for layer, gradients in zip((first, second), expected, strict=True):
            flow = flows[layer.name]
            np.testing.assert_allclose(
                flow.gradients["hidden"][row, :length],
                tf.concat(gradients, axis=0),
                rtol=1e-7,
                atol=1e-12,
            )
            assert np.isnan(flow.norms()[row, length:]).all()
    assert np.isnan(flows[first.name].norms()[2]).all()


def test_bidirectional():
    """Each direction alone gives what its own model gives, backwards from the start."""
    both = keras.layers.Bidirectional(ExplicitLSTM(3, dtype="float64"), dtype="float64")
    model = randomised(model_of(both))
    x, y = RNG.normal(size=(2, 5, 2)), RNG.normal(size=(2, 2))
    flows = gradient_flow(model, x, y, loss=squares)
    backward = flows[both.backward_layer.name]
    assert backward.backwards
    assert not flows[both.forward_layer.name].backwards
    peer = keras.layers.LSTM(3, dtype="float64")
    peer.build((None, None, 2))
    peer.set_weights(both.backward_layer.get_weights())
    error = (model(x) - y) / 2  # ∂ mean of squares
    upstream = (error @ tf.transpose(model.layers[-1].kernel))[:, 3:]
    states = []
    with tf.GradientTape() as tape:
        state = peer.cell.get_initial_state(2)
        for t in reversed(range(5)):
            h, state = peer.cell(x[:, t], state)
            tape.watch(h)
            states.append(h)
            state = [h, state[1]]
        value = tf.reduce_sum(h * upstream)
    expected = tf.stack(tape.gradient(value, states)[::-1], axis=1)
    np.testing.assert_allclose(backward.gradients["hidden"], expected, rtol=1e-7)
    # Its last step is the first of the input.
    norms = backward.norms().mean(0)
    np.testing.assert_allclose(backward.by_distance(), norms)


def test_a_product_of_known_size():
    """h_t = λ h_{t-1} + x_t: the gradient shrinks or grows by λ exactly."""
    for growth, reach in ((0.5, 19), (1.25, 49)):
        layer = ExplicitSimpleRNN(2, activation="linear", dtype="float64")
        model = model_of(layer)
        kernel, _, bias = layer.get_weights()
        layer.set_weights([kernel, growth * np.eye(2), bias])
        x, y = RNG.normal(size=(3, 50, 2)), RNG.normal(size=(3, 2))
        [flow] = gradient_flow(model, x, y, loss=squares).values()
        np.testing.assert_allclose(flow.factor(), growth, rtol=1e-9)
        distances = flow.by_distance()
        np.testing.assert_allclose(
            distances, distances[0] * growth ** np.arange(50), rtol=1e-9
        )
        assert flow.reach(1e-6) == reach  # 0.5^19 > 1e-6 > 0.5^20


def test_rows_of_different_length_are_counted_from_their_end():
    mask = np.array([[1, 1, 1, 0], [0, 1, 0, 1]], bool)
    gradients = np.array([[[1.0], [2], [4], [0]], [[0], [6], [0], [8]]])
    flow = GradientFlow("layer", {"hidden": gradients}, mask)
    np.testing.assert_array_equal(flow.by_distance(), [6, 4, 1])
    assert flow.reach(0.5) == 1
    assert flow.reach(0.1) == 2


def test_gradients_that_are_no_numbers_keep_their_distance():
    """What has exploded isn't dropped, which would bring the rest nearer."""
    gradients = np.array([[[5.0], [np.nan], [np.inf], [4.0]]])
    flow = GradientFlow("layer", {"hidden": gradients}, np.ones((1, 4), bool))
    np.testing.assert_array_equal(flow.by_distance(), [4, np.inf, np.nan, 5])
    np.testing.assert_allclose(flow.factor(), (5 / 4) ** (1 / 3))
    with pytest.raises(ValueError, match="and numbers behind it; 'layer' has"):
        flow.reach()
    exploding = np.array([[[np.inf], [np.inf], [4.0]]])
    flow = GradientFlow("layer", {"hidden": exploding}, np.ones((1, 3), bool))
    assert flow.reach() == 2
    unread = GradientFlow("layer", {"hidden": gradients}, np.zeros((1, 4), bool))
    assert unread.by_distance().shape == (0,)
    with pytest.raises(ValueError, match=r"`reach` needs a last step .* has \[\]"):
        unread.reach()


@pytest.mark.parametrize("kind", [ExplicitLSTM, keras.layers.LSTM])
def test_the_model_stays_as_it_was(kind):
    layer = kind(3, stateful=True, dropout=0.5, seed=1)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 4, 2)),
            layer,
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((2, 4, 2), "float32"), np.ones((2, 1), "float32")
    model.fit(x, y, verbose=0)
    variables = [*model.variables, *model.metrics_variables]
    before = [variable.numpy() for variable in variables]
    attributes = set(vars(layer)), set(vars(layer.cell))
    for _ in range(2):
        found = gradient_flow(model, x, y, training=True)
        assert found[layer.name].norms().shape == (2, 4)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert (set(vars(layer)), set(vars(layer.cell))) == attributes


def test_one_step_and_float16():
    layer = ExplicitGRU(3, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((None, 2)), layer, keras.layers.Dense(1)])
    x, y = np.ones((2, 1, 2), "float32"), np.zeros((2, 1), "float32")
    [flow] = gradient_flow(model, x, y, loss=squares).values()
    assert flow.norms().shape == (2, 1)
    assert flow.by_distance()[0] > 0
    assert np.isnan(flow.factor())


def test_bad_arguments():
    model = model_of(ExplicitGRU(3, dtype="float64"))
    x, y = np.ones((1, 2, 2)), np.ones((1, 2))
    with pytest.raises(ValueError, match=r"`loss` must be a function .* 'mse'"):
        gradient_flow(model, x, y, loss="mse")
    with pytest.raises(ValueError, match="`loss` must be given"):
        gradient_flow(model, x, y)
    with pytest.raises(ValueError, match=r"`layers` must be names among \['explicit"):
        gradient_flow(model, x, y, loss=squares, layers=["lstm"])
    with pytest.raises(ValueError, match="`x` must have at least one row"):
        gradient_flow(model, x[:0], y[:0], loss=squares)
    with pytest.raises(ValueError, match="`sample_weight` must be None where `loss`"):
        gradient_flow(model, x, y, loss=squares, sample_weight=np.ones(1))
    flat = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="`model` must have a recurrent layer"):
        gradient_flow(flat, x, y, loss=squares)
    [flow] = gradient_flow(model, x, y, loss=squares).values()
    with pytest.raises(ValueError, match=r"`state` must be one of \['hidden'\]"):
        flow.norms("cell")
    with pytest.raises(ValueError, match="`share` must be above 0; received 0"):
        flow.reach(0)
    unfelt = GradientFlow("a", {"hidden": np.zeros((1, 2, 1))}, np.ones((1, 2), bool))
    with pytest.raises(ValueError, match="the loss doesn't see that step's 'hidden'"):
        unfelt.reach()


def test_a_model_that_fails_is_put_right():
    """Whatever happens inside, the layers run their own recurrence afterwards."""
    layer = ExplicitGRU(3, dtype="float64")
    model = model_of(layer)

    def broken(y, output):
        raise RuntimeError("no loss")

    with pytest.raises(RuntimeError, match="no loss"):
        gradient_flow(model, np.ones((1, 2, 2)), np.ones((1, 2)), loss=broken)
    assert "recurrence" not in vars(layer)


def test_picture():
    decay = GradientFlow(
        "a", {"hidden": np.array([[[0.0], [2.0], [4.0]]])}, np.ones((1, 3), bool)
    )
    figure = plot_gradient_flow({"decay": decay, "flat": np.ones(5)}, title="x_1$")
    [axis] = figure.axes
    first, second, _ = axis.lines
    np.testing.assert_array_equal(first.get_ydata(), [1, 0.5, np.nan])
    np.testing.assert_array_equal(second.get_ydata(), np.ones(5))
    assert axis.get_yscale() == "log"
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["decay", "flat"]
    for wrong in (
        {},
        {"none": np.zeros(3)},
        {"none": np.zeros(0)},
        {"exploded": np.array([np.inf, 1])},
        {"rows": np.ones((2, 3))},
    ):
        with pytest.raises(ValueError, match="`flows"):
            plot_gradient_flow(wrong)
