"""Constructor and call arguments: what is taken, kept, and refused."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM, ExplicitLSTMCell

CELL_VALUES = {
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
    "seed": 17,
    "implementation": 1,
}
LAYER_VALUES = {
    **CELL_VALUES,
    "activity_regularizer": keras.regularizers.L2(0.6),
    "return_sequences": True,
    "return_state": True,
    "return_gates": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
}
INHERITED = {
    "name": "mine",
    "dtype": keras.DTypePolicy("mixed_bfloat16"),
    "trainable": False,
}
BOTH = [
    (ExplicitLSTMCell, CELL_VALUES),
    (ExplicitLSTM, LAYER_VALUES),
]


def parameters(layer_class):
    named = inspect.signature(layer_class.__init__).parameters
    return {
        name: parameter.default
        for name, parameter in named.items()
        if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize(
    ("ours", "keras_class"),
    [
        (ExplicitLSTMCell, keras.layers.LSTMCell),
        (ExplicitLSTM, keras.layers.LSTM),
    ],
)
def test_takes_what_keras_takes(ours, keras_class):
    expected = parameters(keras_class)
    assert list(parameters(ours).items())[: len(expected)] == list(expected.items())


@pytest.mark.parametrize(("layer_class", "values"), BOTH)
def test_every_argument_is_kept(layer_class, values):
    assert set(values) == set(parameters(layer_class))
    for name, default in parameters(layer_class).items():
        assert values[name] != default
    own = {"zero_output_for_mask": True} if layer_class is ExplicitLSTM else {}
    layer = layer_class(**values, **own, **INHERITED)
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


@pytest.mark.parametrize(("layer_class", "values"), BOTH)
def test_from_config_gives_the_same_layer(layer_class, values):
    layer = layer_class(**values, **INHERITED)
    config = layer.get_config()
    assert layer_class.from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is layer_class
    assert again.get_config() == config


def test_the_cell_has_the_dtype_and_trainability_of_the_layer():
    layer = ExplicitLSTM(3, **INHERITED)
    assert layer.cell.dtype_policy == layer.dtype_policy
    layer.build((None, None, 2))
    assert layer.trainable_variables == []
    assert len(layer.weights) == 3


def test_from_the_config_of_keras():
    values = {
        name: value
        for name, value in LAYER_VALUES.items()
        if name not in ("return_gates", "use_cudnn", "implementation")
    }
    config = keras.layers.LSTM(**values).get_config()
    ours = ExplicitLSTM.from_config(config).get_config()
    assert {name: ours[name] for name in config} == config


def test_custom_activation_survives():
    @keras.saving.register_keras_serializable(package="tests")
    def halved(z):
        return z / 2

    layer = ExplicitLSTM(2, activation=halved)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.activation is halved


def test_numpy_numbers_are_taken(tmp_path):
    layer = ExplicitLSTM(np.int64(3), dropout=np.float32(0.5), return_state=True)
    model = keras.Sequential([keras.Input((None, 2)), ExplicitLSTM(np.int64(3))])
    model.save(tmp_path / "model.keras")
    assert [tuple(y.shape) for y in layer(np.ones((1, 4, 2)))] == [(1, 3)] * 3


@pytest.mark.parametrize("layer_class", [ExplicitLSTM, ExplicitLSTMCell])
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
            for name in ("dropout", "recurrent_dropout")
            for rate in (1.7, -0.1, 1.0, "a", float("nan"), None, True)
        ],
        ("implementation", 3, "1 or 2"),
        ("implementation", "2", "1 or 2"),
    ],
)
def test_bad_constructor_arguments(layer_class, name, value, expected):
    with pytest.raises(ValueError, match=f"`{name}` must be .*{expected}") as raised:
        layer_class(**{"units": 2, name: value})
    assert f"received {value!r}" in str(raised.value)


@pytest.mark.parametrize("value", [True, "yes", None])
def test_cudnn_is_refused(value):
    with pytest.raises(ValueError, match=f"`use_cudnn` must .* received {value!r}"):
        ExplicitLSTM(2, use_cudnn=value)


def test_unknown_arguments_are_refused():
    with pytest.raises(ValueError, match="return_gate"):
        ExplicitLSTM(2, return_gate=True)


X = np.ones((2, 5, 3), "float32")


def zeros(*shapes):
    return [np.zeros(shape, "float32") for shape in shapes]


@pytest.mark.parametrize("shape", [(2, 4), (2, 1), (1, 5), (3, 5), (5,), (2, 5, 1)])
def test_bad_masks(shape):
    with pytest.raises(ValueError, match=r"`mask` must have shape \(B, T\)") as raised:
        ExplicitLSTM(4)(X, mask=np.ones(shape, bool))
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
        [(1, 4), (1, 4)],
    ],
    ids=str,
)
def test_bad_initial_states(shapes):
    expected = r"`initial_state` must be 2 tensors of shapes \(2, 4\), \(2, 4\)"
    with pytest.raises(ValueError, match=expected) as raised:
        ExplicitLSTM(4)(X, initial_state=zeros(*shapes))
    assert f"received shapes {shapes}" in str(raised.value)


@pytest.mark.parametrize("shapes", [[(2, 4)], [(2, 4), (2, 5)], [(3, 4), (3, 4)]])
def test_bad_states_of_a_cell(shapes):
    with pytest.raises(ValueError, match=r"`states` must be 2 tensors of shapes"):
        ExplicitLSTMCell(4)(X[:, 0], zeros(*shapes))


def test_initial_states_of_other_kinds():
    layer = ExplicitLSTM(2)
    expected = layer(X, initial_state=[np.ones((2, 2), "float32")] * 2)
    for state in ([[1.0, 1.0]] * 2, np.ones((2, 2), "int64"), np.ones((2, 2))):
        np.testing.assert_array_equal(layer(X, initial_state=[state] * 2), expected)


@pytest.mark.parametrize("shape", [(5, 3), (2, 5, 3, 1)])
def test_bad_rank(shape):
    with pytest.raises(ValueError, match=r"expected ndim=3.*received") as raised:
        ExplicitLSTM(4)(np.ones(shape, "float32"))
    assert str(shape) in str(raised.value)


def test_another_number_of_features():
    layer = ExplicitLSTM(4)
    layer(X)
    with pytest.raises(ValueError, match=r"axis -1 .* value 3.*\(2, 5, 7\)"):
        layer(np.ones((2, 5, 7), "float32"))


def test_unroll_needs_a_known_length():
    layer = ExplicitLSTM(4, unroll=True)

    @tf.function(input_signature=[tf.TensorSpec((2, None, 3))])
    def run(x):
        return layer(x)

    with pytest.raises(
        ValueError, match=r"`unroll=True` needs a static .* received None"
    ):
        run(X)
