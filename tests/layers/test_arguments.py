"""Constructor and call arguments: what is taken, kept, and refused."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.kinds import KINDS, each_kind

# A value that is not the default, for every argument of any cell or layer.
VALUES = {
    "units": 3,
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_normal",
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": keras.regularizers.L1(0.1),
    "recurrent_regularizer": keras.regularizers.L2(0.2),
    "bias_regularizer": keras.regularizers.L1L2(0.3, 0.4),
    "kernel_constraint": keras.constraints.MaxNorm(0.5),
    "recurrent_constraint": keras.constraints.NonNeg(),
    "bias_constraint": keras.constraints.UnitNorm(axis=0),
    "dropout": 0.25,
    "recurrent_dropout": 0.125,
    "reset_after": False,
    "seed": 17,
    "implementation": 1,
    "activity_regularizer": keras.regularizers.L2(0.6),
    "return_sequences": True,
    "return_state": True,
    "return_gates": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
    "layer_norm": True,
    "layer_norm_epsilon": 1e-5,
    "peepholes": True,
    "zoneout": 0.25,
    "weight_dropout": 0.375,
    "proj_size": 3,
}
# What turns Keras's equations into others, of every cell and layer.
VARIANTS = {"layer_norm", "layer_norm_epsilon", "zoneout", "weight_dropout"}
OF_THE_LSTM = {"peepholes", "proj_size"}
INHERITED = {
    "name": "mine",
    "dtype": keras.DTypePolicy("mixed_bfloat16"),
    "trainable": False,
}
PAIRS = {
    pair[0].__name__: pair
    for kind in KINDS.values()
    for pair in ((kind.cell, kind.keras_cell), (kind.layer, kind.keras_layer))
}
each_class = pytest.mark.parametrize("ours", [ours for ours, _ in PAIRS.values()])


def parameters(layer_class):
    named = inspect.signature(layer_class.__init__).parameters
    return {
        name: parameter.default
        for name, parameter in named.items()
        if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def values_for(ours):
    return {name: VALUES[name] for name in parameters(ours)}


@pytest.mark.parametrize(("ours", "keras_class"), PAIRS.values(), ids=PAIRS)
def test_takes_what_keras_takes(ours, keras_class):
    expected = parameters(keras_class)
    assert list(parameters(ours).items())[: len(expected)] == list(expected.items())


def test_the_arguments_beyond_those_of_keras():
    beyond = {
        name: set(parameters(ours)) - set(parameters(keras_class))
        for name, (ours, keras_class) in PAIRS.items()
    }
    assert beyond == {
        "ExplicitLSTMCell": {"implementation", *OF_THE_LSTM, *VARIANTS},
        "ExplicitGRUCell": {"implementation", *VARIANTS},
        "ExplicitSimpleRNNCell": VARIANTS,
        "ExplicitLSTM": {"implementation", "return_gates", *OF_THE_LSTM, *VARIANTS},
        "ExplicitGRU": {"implementation", "return_gates", *VARIANTS},
        "ExplicitSimpleRNN": {"return_gates", *VARIANTS},
    }


@each_class
def test_every_argument_is_kept(ours):
    values = values_for(ours)
    for name, default in parameters(ours).items():
        assert values[name] != default
    own = {"zero_output_for_mask": True} if "return_gates" in values else {}
    layer = ours(**values, **own, **INHERITED)
    config = layer.get_config()
    for name, value in {**values, **own}.items():
        kept = getattr(layer, name)
        if name.endswith(("activation", "initializer")):
            group = getattr(keras, name.split("_")[-1] + "s")
            assert group.serialize(kept) == group.serialize(group.get(value))
            assert config[name] == group.serialize(kept)
        elif hasattr(value, "get_config"):
            assert kept is value
            assert config[name] == keras.saving.serialize_keras_object(value)
        else:
            assert kept == value
            assert config[name] == value
    for name, value in INHERITED.items():
        kept = layer.dtype_policy if name == "dtype" else getattr(layer, name)
        assert kept == value


@each_class
def test_from_config_gives_the_same_layer(ours):
    layer = ours(**values_for(ours), **INHERITED)
    config = layer.get_config()
    assert set(parameters(ours)) <= set(config)
    assert ours.from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is ours
    assert again.get_config() == config


@each_kind()
def test_the_cell_has_the_dtype_and_trainability_of_the_layer(kind):
    layer = kind.layer(3, **INHERITED)
    assert layer.cell.dtype_policy == layer.dtype_policy
    layer.build((None, None, 2))
    assert layer.trainable_variables == []
    assert len(layer.weights) == 3


@each_kind()
def test_from_the_config_of_keras(kind):
    names = parameters(kind.keras_layer).keys() - {"use_cudnn"}
    values = {name: VALUES[name] for name in names}
    config = kind.keras_layer(**values).get_config()
    ours = kind.layer.from_config(config).get_config()
    assert {name: ours[name] for name in config} == config


def test_a_subclass_keeps_what_it_defines():
    class Narrow(KINDS["gru"].layer):
        units = 7

    assert Narrow(3).units == 7
    assert Narrow(3, dropout=0.5).dropout == 0.5


@each_kind()
def test_custom_activation_survives(kind):
    @keras.saving.register_keras_serializable(package="tests")
    def halved(z):
        return z / 2

    layer = kind.layer(2, activation=halved)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.activation is halved


@each_kind()
def test_numpy_numbers_are_taken(kind, tmp_path):
    layer = kind.layer(np.int64(3), dropout=np.float32(0.5), return_state=True)
    model = keras.Sequential([keras.Input((None, 2)), kind.layer(np.int64(3))])
    model.save(tmp_path / "model.keras")
    shapes = {tuple(y.shape) for y in layer(np.ones((1, 4, 2)))}
    assert shapes == {(1, 3)}


@each_class
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("units", 0, "positive integer"),
        ("units", -1, "positive integer"),
        ("units", 2.5, "positive integer"),
        ("units", True, "positive integer"),
        ("units", "4", "positive integer"),
        ("units", None, "positive integer"),
        *[
            (name, rate, r"in \[0, 1\)")
            for name in ("dropout", "recurrent_dropout", "zoneout", "weight_dropout")
            for rate in (1.7, -0.1, 1.0, "a", float("nan"), None, True)
        ],
        ("implementation", 3, "1 or 2"),
        ("implementation", "2", "1 or 2"),
        *[(name, 1, "True or False") for name in ("layer_norm", "peepholes")],
        *[("layer_norm_epsilon", e, "positive number") for e in (0.0, -1, "a", True)],
    ],
)
def test_bad_constructor_arguments(ours, name, value, expected):
    if name not in parameters(ours):
        with pytest.raises(ValueError, match=f"'{name}'"):
            ours(2, **{name: value})
        return
    with pytest.raises(ValueError, match=f"`{name}` must be .*{expected}") as raised:
        ours(**{"units": 2, name: value})
    assert f"received {value!r}" in str(raised.value)


@pytest.mark.parametrize("value", [True, "yes", None])
@each_kind("lstm", "gru")
def test_cudnn_is_refused(kind, value):
    with pytest.raises(ValueError, match=f"`use_cudnn` must .* received {value!r}"):
        kind.layer(2, use_cudnn=value)


@each_kind()
def test_unknown_arguments_are_refused(kind):
    with pytest.raises(ValueError, match="return_gate"):
        kind.layer(2, return_gate=True)


X = np.ones((2, 5, 3), "float32")


def zeros(*shapes):
    return [np.zeros(shape, "float32") for shape in shapes]


@pytest.mark.parametrize("shape", [(2, 4), (2, 1), (1, 5), (3, 5), (5,), (2, 5, 1)])
@each_kind("lstm", "gru", "simple_rnn")
def test_bad_masks(kind, shape):
    with pytest.raises(ValueError, match=r"`mask` must have shape \(B, T\)") as raised:
        kind.layer(4)(X, mask=np.ones(shape, bool))
    assert f"= (2, 5); received {shape}" in str(raised.value)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 4)],
        [(2, 4)] * 3,
        [(2, 4), (2, 5)],
        [(2, 8), (2, 8)],
        [(4,), (4,)],
        [(3, 4), (3, 4)],
        [(1, 8), (1, 8)],
    ],
    ids=str,
)
def test_bad_initial_states(shapes):
    expected = r"`initial_state` must be 2 tensors of shapes \(2, 4\), \(2, 4\)"
    with pytest.raises(ValueError, match=expected) as raised:
        KINDS["lstm"].layer(4)(X, initial_state=zeros(*shapes))
    assert f"received shapes {shapes}" in str(raised.value)


@pytest.mark.parametrize(
    "shapes", [[(2, 4)] * 2, [(2, 5)], [(4,)], [(3, 4)], [(1, 5)]], ids=str
)
@each_kind("gru", "simple_rnn")
def test_bad_single_states(kind, shapes):
    layer, cell = kind.layer(4), kind.cell(4)
    for name, call in (
        ("initial_state", lambda state: layer(X, initial_state=state)),
        ("states", lambda state: cell(X[:, 0], state)),
    ):
        expected = rf"`{name}` must be 1 tensor of shape \(2, 4\); received"
        with pytest.raises(ValueError, match=expected) as raised:
            call(zeros(*shapes))
        assert f"received shapes {shapes}" in str(raised.value)


@pytest.mark.parametrize("shapes", [[(2, 4)], [(2, 4), (2, 5)], [(3, 4), (3, 4)]])
def test_bad_states_of_a_cell(shapes):
    with pytest.raises(ValueError, match=r"`states` must be 2 tensors of shapes"):
        KINDS["lstm"].cell(4)(X[:, 0], zeros(*shapes))


@each_kind()
def test_initial_states_of_other_kinds(kind):
    layer, count = kind.layer(2), len(kind.states)
    expected = layer(X, initial_state=[np.ones((2, 2), "float32")] * count)
    for state in ([[1.0, 1.0]] * 2, np.ones((2, 2), "int64"), np.ones((2, 2))):
        got = layer(X, initial_state=[state] * count)
        np.testing.assert_array_equal(got, expected)


@each_kind("gru", "simple_rnn")
def test_a_single_initial_state_alone(kind):
    layer, state = kind.layer(2), np.ones((2, 2), "float32")
    expected = layer(X, initial_state=[state])
    np.testing.assert_array_equal(layer(X, initial_state=state), expected)


@pytest.mark.parametrize("shape", [(5, 3), (2, 5, 3, 1)])
@each_kind("lstm", "gru", "simple_rnn")
def test_bad_rank(kind, shape):
    with pytest.raises(ValueError, match=r"expected ndim=3.*received") as raised:
        kind.layer(4)(np.ones(shape, "float32"))
    assert str(shape) in str(raised.value)


@each_kind("lstm", "gru", "simple_rnn")
def test_another_number_of_features(kind):
    layer = kind.layer(4)
    layer(X)
    with pytest.raises(ValueError, match=r"axis -1 .* value 3.*\(2, 5, 7\)"):
        layer(np.ones((2, 5, 7), "float32"))


@each_kind()
def test_unroll_needs_a_known_length(kind):
    layer = kind.layer(4, unroll=True)

    @tf.function(input_signature=[tf.TensorSpec((2, None, 3))])
    def run(x):
        return layer(x)

    with pytest.raises(
        ValueError, match=r"`unroll=True` needs a static .* received None"
    ):
        run(X)
