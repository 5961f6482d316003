"""Layers in one, against PyTorch's, and against the layers one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Stepper
from keras_seq.diagnostics import gate_activity
from keras_seq.layers import ExplicitStack, from_torch

torch = pytest.importorskip("torch")

B, T, D, UNITS, DEPTH = 3, 7, 2, 4, 2
KINDS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "simple_rnn": torch.nn.RNN}
X = np.random.default_rng(5).normal(size=(B, T, D)).astype("float32")
LENGTHS = [T, 1, 4]


def peer(kind, **options):
    torch.manual_seed(3)
    made = KINDS[kind](D, UNITS, DEPTH, batch_first=True, **options)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0, 0.7)
    return made


def final_states(found):
    """PyTorch's h_n, and c_n of an LSTM, as a list for each layer and direction."""
    parts = found if isinstance(found, tuple) else (found,)
    return [[part[n].detach().numpy() for part in parts] for n in range(len(parts[0]))]


def assert_close(found, expected):
    keras.tree.assert_same_structure(found, expected)
    flat = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    for one, other in flat:
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_results_and_gradients_are_those_of_pytorch(kind, bidirectional):
    theirs = peer(kind, bidirectional=bidirectional)
    ours = from_torch(theirs.state_dict(), stack=True)
    x = torch.tensor(X, requires_grad=True)
    expected, states = theirs(x)
    (expected**2).sum().backward()
    given = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y, found, gates = ours(given)
        loss = tf.reduce_sum(y**2)
    assert_close(y, expected.detach().numpy())
    assert_close(found, final_states(states))
    assert_close(tape.gradient(loss, given), x.grad.numpy())
    assert len(gates) == DEPTH * (1 + bidirectional)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_packed_sequences_of_pytorch(kind):
    """From a state on, with lengths; PyTorch pads its outputs with zeros."""
    theirs = peer(kind, bidirectional=True)
    rng = np.random.default_rng(1)
    begin = [
        rng.normal(size=(2 * DEPTH, B, UNITS)).astype("float32")
        for _ in range(1 + (kind == "lstm"))
    ]
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(X), LENGTHS, batch_first=True, enforce_sorted=False
    )
    given = tuple(map(torch.tensor, begin))
    outputs, states = theirs(packed, given if kind == "lstm" else given[0])
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    ours = from_torch(theirs.state_dict(), stack=True)
    initial = [[state[n] for state in begin] for n in range(2 * DEPTH)]
    y, found, _ = ours(X, initial_state=initial, sequence_length=LENGTHS)
    assert_close(y, expected.detach().numpy())
    assert_close(found, final_states(states))
    ragged = tf.RaggedTensor.from_tensor(X, lengths=LENGTHS)
    rows, found, gates = ours(ragged, initial_state=initial)
    assert_close(rows.to_tensor(), y)
    assert_close(found, final_states(states))
    assert gates[-1]["candidate"].row_lengths().numpy().tolist() == LENGTHS


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_layers_one_by_one(return_sequences, mode):
    mask = np.arange(T) < np.array(LENGTHS)[:, None]
    stack = ExplicitStack(
        "gru",
        UNITS,
        DEPTH,
        bidirectional=True,
        return_sequences=return_sequences,
        return_state=True,
        return_gates=True,
    )
    run = stack
    if mode != "eager":
        stack(X)
        run = tf.function(stack, autograph=False, jit_compile=mode == "xla")
    y, states, gates = run(X, mask=mask)
    expected = X
    for number in range(DEPTH):
        forward, backward = stack.recurrent_layers[2 * number : 2 * number + 2]
        f, *f_state, f_gates = forward(expected, mask=mask)
        b, *b_state, b_gates = backward(expected, mask=mask)
        assert_close(states[2 * number : 2 * number + 2], [f_state, b_state])
        in_order = {name: gate[:, ::-1] for name, gate in b_gates.items()}
        assert_close(gates[2 * number : 2 * number + 2], [f_gates, in_order])
        last = number == DEPTH - 1 and not return_sequences
        expected = np.concatenate([f, b if last else b[:, ::-1]], axis=-1)
    assert_close(y, expected)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("rows", "steps"), [(B, T), (B, 1), (B, 0), (0, T)])
def test_in_a_model_that_is_saved(tmp_path, rows, steps, dtype):
    inputs = keras.Input((None, D))
    outputs = ExplicitStack(
        "lstm",
        UNITS,
        DEPTH,
        bidirectional=True,
        dropout=0.3,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        seed=3,
        dtype=dtype,
        layer_options={
            "recurrent_dropout": 0.1,
            "kernel_initializer": keras.initializers.RandomNormal(0.1),
            "proj_size": 3,
        },
    )(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, outputs)
    x = X[:rows, :steps]
    found = model(x)
    keras.tree.assert_same_structure(found, outputs)
    for one, symbol in zip(
        keras.tree.flatten(found), keras.tree.flatten(outputs), strict=True
    ):
        assert one.dtype == symbol.dtype
        sizes = zip(one.shape, symbol.shape, strict=True)
        assert all(want in (None, size) for size, want in sizes)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(keras.tree.flatten(again(x)), keras.tree.flatten(found))


def test_dropout_stands_between_the_layers():
    stack = ExplicitStack("lstm", UNITS, DEPTH, dropout=0.5, seed=1)
    assert np.ptp([stack(X, training=True).numpy() for _ in range(4)], axis=0).max() > 0
    single = ExplicitStack("lstm", UNITS, dropout=0.5)
    np.testing.assert_array_equal(single(X, training=True), single(X))
    first, second = stack.recurrent_layers
    different = first.cell.kernel, second.cell.kernel
    assert different[0].shape != different[1].shape or np.any(
        different[0] != different[1]
    )


def test_training_in_a_model():
    """A step moves every weight, and the padding moves none."""
    stack = ExplicitStack("gru", UNITS, DEPTH, bidirectional=True, dropout=0.1, seed=0)
    embedding = keras.layers.Embedding(9, D, mask_zero=True)
    model = keras.Sequential([embedding, stack, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    tokens = np.random.default_rng(0).integers(1, 9, (4, T))
    padded = np.pad(tokens, ((0, 0), (0, 2)))
    np.testing.assert_allclose(model(padded), model(tokens), rtol=1e-5, atol=1e-6)
    before = model.get_weights()
    model.train_on_batch(padded, np.ones((4, 1)))
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.any(old != new)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kind": "rnn"}, r"`kind` must be one of \['gru', 'lstm', 'simple_rnn'\]"),
        ({"units": 0}, "`units` must be a positive integer"),
        ({"num_layers": 1.5}, "`num_layers` must be a positive integer"),
        ({"dropout": 1}, "`dropout` must be in"),
        ({"bidirectional": 1}, "`bidirectional` must be True or False"),
        (
            {"layer_options": {"stateful": True}},
            r"not stateful; received \['stateful'\]",
        ),
        ({"layer_options": "relu"}, "`layer_options` must be a dict"),
        ({"layer_options": {"peepholes": True}}, "peepholes"),
    ],
)
def test_arguments_out_of_range(options, expected):
    with pytest.raises(ValueError, match=expected):
        ExplicitStack(**{"kind": "gru", "units": 3, **options})


@pytest.mark.parametrize("given", [[np.zeros((B, 4))], np.zeros((4, B, 4)), "h"])
def test_initial_states_that_are_none(given):
    stack = ExplicitStack("gru", UNITS, DEPTH, bidirectional=True)
    with pytest.raises(ValueError, match="`initial_state` must be a list of 4"):
        stack(X, initial_state=given)


def test_layers_of_several_sizes_are_no_stack():
    rng = np.random.default_rng(0)
    shapes = {"ih_l0": (4, 2), "hh_l0": (4, 4), "ih_l1": (5, 4), "hh_l1": (5, 5)}
    state = {f"weight_{name}": rng.normal(size=shape) for name, shape in shapes.items()}
    assert from_torch(state)(X).shape == (B, T, 5)
    with pytest.raises(ValueError, match="layers of one size"):
        from_torch(state, stack=True)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_stepped_token_by_token(kind):
    stack = ExplicitStack(kind, UNITS, DEPTH, return_sequences=True)
    layers = [keras.layers.Embedding(9, D), stack, keras.layers.Dense(9)]
    model = keras.Sequential(layers)
    tokens = np.random.default_rng(0).integers(0, 9, (2, 5))
    expected, stepper = model(tokens), Stepper(model.layers)
    _, state = stepper.read(tokens[:, :2])
    for t in range(2, 5):
        logits, state = stepper.step(tokens[:, t], state)
        np.testing.assert_allclose(logits, expected[:, t], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="bidirectional"):
        Stepper([ExplicitStack(kind, UNITS, bidirectional=True)])


def test_the_gates_of_two_stacks_are_told_apart():
    stacks = [ExplicitStack("gru", UNITS, 2, return_sequences=True) for _ in range(2)]
    model = keras.Sequential([keras.Input((None, D)), *stacks])
    names = {f"{stack.name}_{number}" for stack in stacks for number in range(2)}
    assert set(gate_activity(model, X)) == names


@pytest.mark.parametrize("given", [np.ones((2, 3, 4, D)), keras.Input((3, 4, D))])
def test_time_distributed_takes_one_output(given):
    def wrapped(**options):
        stack = ExplicitStack("gru", UNITS, DEPTH, **options)
        return keras.layers.TimeDistributed(stack)

    assert wrapped()(given).shape[1:] == (3, UNITS)
    for option in ("return_state", "return_gates"):
        with pytest.raises(ValueError, match=f"one output.*{option}=True"):
            wrapped(**{option: True})(given)
