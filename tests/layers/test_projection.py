"""The LSTM with a projection, against PyTorch's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM, ExplicitLSTMCell, as_keras, from_torch

torch = pytest.importorskip("torch")

B, T, D, UNITS, SIZE = 2, 6, 3, 5, 2
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")


@pytest.fixture
def x():
    return np.random.default_rng(5).normal(size=(B, T, D)).astype("float32")


@pytest.fixture
def peer():
    torch.manual_seed(3)
    made = torch.nn.LSTM(D, UNITS, proj_size=SIZE, batch_first=True)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0, 0.7)
    return made


@pytest.fixture
def layer(peer):
    (source,) = from_torch(peer.state_dict()).layers
    made = ExplicitLSTM(
        UNITS,
        proj_size=SIZE,
        return_sequences=True,
        return_state=True,
        return_gates=True,
    )
    made.build((None, None, D))
    made.set_weights(source.get_weights())
    return made


def numpy(tensor):
    return tensor.detach().numpy()


@pytest.mark.parametrize("mode", ["eager", "graph", "xla", "unrolled"])
def test_results_and_gradients(peer, layer, x, mode):
    given = [torch.tensor(x, requires_grad=True)]
    rng = np.random.default_rng(1)
    states = [rng.normal(size=(B, n)).astype("float32") for n in (SIZE, UNITS)]
    given += [torch.tensor(state[None], requires_grad=True) for state in states]
    h, (h_T, c_T) = peer(given[0], tuple(given[1:]))
    ((h**2).sum() + (c_T**3).sum()).backward()
    layer.unroll = mode == "unrolled"

    def run(x, states):
        with tf.GradientTape() as tape:
            tape.watch([x, states])
            h, h_T, c_T, _ = layer(x, initial_state=states)
            loss = tf.reduce_sum(h**2) + tf.reduce_sum(c_T**3)
        weights = layer.cell.kernel.value, layer.cell.projection_kernel.value
        return (h, h_T, c_T), tape.gradient(loss, [x, *states, *weights])

    if mode in ("graph", "xla"):
        run = tf.function(run, autograph=False, jit_compile=mode == "xla")
    results, gradients = run(tf.constant(x), [*map(tf.constant, states)])
    for found, expected in zip(results, (h, h_T[0], c_T[0]), strict=True):
        np.testing.assert_allclose(found, numpy(expected), atol=1e-5)
    expected = [given[0].grad, *(g.grad[0] for g in given[1:])]
    expected += [peer.weight_ih_l0.grad.T, peer.weight_hr_l0.grad.T]
    for found, want in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, want.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_stacks_of_pytorch(x, bidirectional):
    torch.manual_seed(4)
    peer = torch.nn.LSTM(
        D, UNITS, 2, proj_size=SIZE, bidirectional=bidirectional, batch_first=True
    )
    found = from_torch(peer.state_dict())(x)
    np.testing.assert_allclose(found, numpy(peer(torch.tensor(x))[0]), atol=1e-5)


def test_gates_masks_and_steps_by_hand(layer, x):
    mask = np.array([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 1]], bool)
    h, h_T, c_T, gates = layer(x, mask=mask)
    state = layer.cell.get_initial_state(batch_size=B)
    for t in range(T):
        _, new, shown = layer.cell(x[:, t], state, return_gates=True)
        counts = mask[:, t, None]
        state = [tf.where(counts, *pair) for pair in zip(new, state, strict=True)]
        for name in ("input", "forget", "candidate", "output"):
            np.testing.assert_allclose(
                gates[name][:, t], np.where(counts, shown[name], 0), atol=1e-6
            )
    np.testing.assert_allclose(h_T, state[0], atol=1e-6)
    np.testing.assert_allclose(c_T, state[1], atol=1e-6)
    np.testing.assert_allclose(gates["cell"][:, -1], c_T, atol=1e-6)
    np.testing.assert_allclose(h[:, -1], h_T, atol=1e-6)


@pytest.mark.parametrize("rows_and_steps", [(B, 1), (B, 0), (0, T)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_with_everything_saved(tmp_path, rows_and_steps, dtype, x):
    options = {"dropout": 0.1, "recurrent_dropout": 0.1, "zoneout": (0.1, 0.2)}
    inputs = keras.Input((None, D))
    outputs = ExplicitLSTM(
        UNITS,
        proj_size=SIZE,
        peepholes=True,
        layer_norm=True,
        weight_dropout=0.1,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        dtype=dtype,
        **options,
    )(inputs)
    model = keras.Model(inputs, outputs)
    rows, steps = rows_and_steps
    given = x[:rows, :steps]
    assert model(given, training=True)[0].shape == (rows, steps, SIZE)
    for found, symbol in zip(
        keras.tree.flatten(model(given)), keras.tree.flatten(outputs), strict=True
    ):
        assert tuple(found.shape)[-1] == symbol.shape[-1]
        assert found.dtype == symbol.dtype
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        keras.tree.flatten(loaded(given)), keras.tree.flatten(model(given)), strict=True
    ):
        np.testing.assert_allclose(one, other)


def test_in_the_loop_of_keras(layer, x):
    np.testing.assert_allclose(
        keras.layers.RNN(layer.cell, return_sequences=True)(x), layer(x)[0], atol=1e-6
    )


def test_what_is_refused():
    for size in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="`proj_size` must be a positive integer"):
            ExplicitLSTMCell(UNITS, proj_size=size)
    model = keras.Sequential([keras.Input((None, D)), ExplicitLSTM(UNITS, proj_size=2)])
    with pytest.raises(ValueError, match="proj_size=2"):
        as_keras(model)
    with pytest.raises(ValueError, match=r"\(3, 2\), \(3, 5\)"):
        ExplicitLSTM(UNITS, proj_size=2)(
            np.ones((3, 4, D)), initial_state=[np.ones((3, UNITS))] * 2
        )
