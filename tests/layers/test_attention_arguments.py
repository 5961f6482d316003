"""Arguments of the attention layers, good and bad."""

import inspect

import keras
import numpy as np
import pytest

from keras_seq.layers import BahdanauAttention, LuongAttention, MonotonicAttention
from tests.layers.attentions import halves

QUERY, MEMORY = np.ones((4, 3, 4)), np.ones((4, 6, 4))
VALUES = {
    "units": 5,
    "probability": halves,
    "use_bias": False,
    "normalize": True,
    "location": "cumulative",
    "location_filters": 3,
    "location_kernel_size": 5,
    "dropout": 0.25,
    "kernel_initializer": keras.initializers.HeNormal(seed=4),
    "kernel_regularizer": keras.regularizers.L1(0.1),
    "seed": 17,
    "score": "concat",
    "scale": "learned",
    "noise": 0.5,
    "energy_bias": -2.0,
    "hard": False,
    "attention": LuongAttention(scale="fixed"),
}
INHERITED = {"name": "mine", "dtype": "float32", "trainable": False}
CLASSES = [BahdanauAttention, LuongAttention, MonotonicAttention]


@pytest.mark.parametrize("attention", CLASSES)
def test_every_argument_is_kept(attention):
    named = inspect.signature(attention.__init__).parameters
    names = [
        name
        for name, parameter in named.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
    values = {name: VALUES[name] for name in names}
    for name, value in values.items():
        assert named[name].default != value
    layer = attention(**values, **INHERITED)
    config = layer.get_config()
    assert set(names) == set(config) - set(INHERITED)
    for name, value in values.items():
        assert getattr(layer, name) == value
        if not isinstance(value, (int, float, str)):
            value = keras.saving.serialize_keras_object(value)
        assert config[name] == value
    again = attention.from_config(config)
    assert again.get_config() == config
    assert (again.name, again.trainable) == ("mine", False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: BahdanauAttention(0),
            "`units` must be a positive integer; received 0",
        ),
        (lambda: BahdanauAttention(2.5), "`units` must .* received 2.5"),
        (lambda: BahdanauAttention(True), "`units` must .* received True"),
        (lambda: BahdanauAttention(3, dropout=1.0), r"`dropout` must be in \[0, 1\)"),
        (lambda: BahdanauAttention(3, probability="max"), "`probability` .* 'max'"),
        (
            lambda: BahdanauAttention(3, probability=["max"]),
            r"`probability` .* received \['max'\]",
        ),
        (lambda: BahdanauAttention(3, location="next"), "`location` .* 'next'"),
        (
            lambda: BahdanauAttention(3, location_filters=2.5),
            "`location_filters` .*2.5",
        ),
        (lambda: BahdanauAttention(3, location_filters=0), "`location_filters` .* 0"),
        (lambda: BahdanauAttention(3, location_kernel_size=4), "odd integer; .* 4"),
        (
            lambda: BahdanauAttention(3, location_kernel_size="3"),
            "`location_kernel_size`",
        ),
        (lambda: BahdanauAttention(3, use_bias=1), "`use_bias` must be True or False"),
        (lambda: BahdanauAttention(3, normalize="yes"), "`normalize` .* 'yes'"),
        (lambda: LuongAttention(score="cosine"), "`score` must be one of .* 'cosine'"),
        (lambda: LuongAttention(4), "`units` must be None with score='general'"),
        (lambda: LuongAttention(score="concat"), "`units` must .* received None"),
        (lambda: LuongAttention(scale=2.0), "`scale` must .* received 2.0"),
        (lambda: MonotonicAttention(LuongAttention(), noise=-1), "`noise` must .* -1"),
        (
            lambda: MonotonicAttention(LuongAttention(), noise="1"),
            "`noise` must .* '1'",
        ),
        (
            lambda: MonotonicAttention(LuongAttention(), energy_bias=np.nan),
            "`energy_bias` must be a number; received nan",
        ),
        (lambda: MonotonicAttention(LuongAttention(), hard=1), "`hard` must be True"),
        (
            lambda: MonotonicAttention(LuongAttention(dropout=0.5)),
            "`attention` gives its energies alone, .* dropout=0.5",
        ),
        (
            lambda: MonotonicAttention(LuongAttention(probability="sparsemax")),
            "`attention` gives its energies alone, .* probability='sparsemax'",
        ),
        (
            lambda: MonotonicAttention(LuongAttention(dtype="float64")),
            "`attention` must compute in float32, .* computes in float64",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_energies_can_be_made_monotonic():
    for wrong in (None, keras.layers.Attention(), MonotonicAttention(LuongAttention())):
        with pytest.raises(TypeError, match="`attention` must be a BahdanauAttention"):
            MonotonicAttention(wrong)


def test_numpy_integers_are_integers():
    for layer in (
        BahdanauAttention(np.int64(3), location_filters=np.int32(2)),
        LuongAttention(np.int64(3), score="concat"),
    ):
        assert type(layer.get_config()["units"]) is int
    assert (
        type(BahdanauAttention(3, location_filters=np.int32(2)).location_filters) is int
    )


@pytest.mark.parametrize(
    ("query", "memory", "options", "message"),
    [
        (
            (4,),
            (4, 6, 4),
            {},
            r"`query` must have shape \(B, D\) or \(B, T, D\);.*\(4,\)",
        ),
        ((4, 4), (6, 4), {}, r"`memory` must have shape \(B, S, E\); .*\(6, 4\)"),
        ((4, 4), (3, 6, 4), {}, "`memory` must have as many rows as `query`, 4; .* 3"),
        (
            (4, 4),
            (4, 6, 4),
            {"memory_mask": (4, 5)},
            r"\(B, S\) = \(4, 6\); .*\(4, 5\)",
        ),
        ((4, 4), (4, 6, 4), {"memory_mask": (4,)}, r"`memory_mask` must have shape"),
        (
            (4, 4),
            (4, 6, 4),
            {"keys": (4, 5, 3)},
            r"`keys` must have shape \(B, S, ·\) =",
        ),
    ],
)
def test_bad_shapes(query, memory, options, message):
    options = {name: np.ones(shape, "float32") for name, shape in options.items()}
    with pytest.raises(ValueError, match=message):
        BahdanauAttention(3)(np.ones(query), np.ones(memory), **options)


# Most of them would be broadcast, to weights that mean nothing.
@pytest.mark.parametrize(
    ("query", "memory", "options", "message"),
    [
        ((4, 1, 4), (4, 6, 4), {}, r"`query` must have shape \(B, 4\); .*\(4, 1, 4\)"),
        ((4, 4), (1, 6, 4), {}, "`memory` must have as many rows as `query`, 4; .* 1"),
        (
            (4, 4),
            (4, 6, 4),
            {"memory_mask": (6,)},
            r"`memory_mask` .*\(4, 6\); .*\(6,\)",
        ),
        ((4, 4), (4, 6, 4), {"memory_mask": (4, 1)}, r"`memory_mask` .*\(4, 6\); .* 1"),
        ((4, 4), (4, 6, 4), {"memory_mask": (1, 6)}, r"`memory_mask` .*\(4, 6\); .* 6"),
        ((4, 4), (4, 6, 4), {"keys": (1, 6, 3)}, r"`keys` .*\(4, 6, ·\); .* 6"),
        ((4, 4), (4, 6, 4), {"keys": (4, 1, 3)}, r"`keys` .*\(4, 6, ·\); .* 1"),
    ],
)
def test_bad_shapes_of_a_step(query, memory, options, message):
    layer = BahdanauAttention(3)
    layer.build((4, 4), (4, 6, 4))
    query, memory = np.ones(query, "float32"), np.ones(memory, "float32")
    options = {name: np.ones(shape, "float32") for name, shape in options.items()}
    with pytest.raises(ValueError, match=message):
        layer.step(query, memory, **options)


def test_sizes_that_it_was_not_built_for():
    layer = BahdanauAttention(3)
    layer(QUERY, MEMORY)
    with pytest.raises(ValueError, match=r"`query` must have shape \(B, 4\) or"):
        layer(QUERY[..., :3], MEMORY)
    with pytest.raises(ValueError, match=r"`memory` must have shape \(B, S, 4\)"):
        layer(QUERY, MEMORY[..., :3])
    with pytest.raises(
        ValueError, match=r"needs queries and memory of one size.* 4 and 3"
    ):
        LuongAttention(score="dot")(QUERY, MEMORY[..., :3])


def test_keys_need_weights():
    for layer in (BahdanauAttention(3), LuongAttention()):
        with pytest.raises(ValueError, match="is not built: call it, or"):
            layer.project_memory(MEMORY)
