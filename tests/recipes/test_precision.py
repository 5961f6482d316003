"""Recipes train with the dtype policy of their settings, and keep float32."""

import dataclasses
import importlib
import json

import keras
import numpy as np
import pytest

from keras_seq.runs import RunDirectory
from recipes import binary_classification, long_term_memory
from recipes.binary_classification import recipe as classification
from recipes.binary_classification.features import tensors
from recipes.long_term_memory import recipe as study
from recipes.sentiment import pretraining

RECIPES = (
    *("binary_classification", "image_captioning", "long_term_memory"),
    *("music_generation", "next_word", "sentiment", "translation"),
)


@pytest.mark.parametrize("name", RECIPES)
def test_models_are_built_under_the_policy_asked_for(name):
    recipe = importlib.import_module(f"recipes.{name}.recipe")
    settings = importlib.import_module(f"recipes.{name}.settings")
    assert hasattr(recipe.build_model, "__wrapped__")  # `by_dtype_policy` did it
    if name == "sentiment":
        assert hasattr(recipe.pretrain, "__wrapped__")
    assert settings.Config().complete().dtype_policy == "float32"
    with pytest.raises(ValueError, match=r"`dtype_policy`.*'float16'"):
        settings.Config(dtype_policy="float16").complete()


def test_a_run_is_resumed_with_its_policy_alone(tmp_path):
    mixed, whole = (
        long_term_memory.Config(dtype_policy=policy).complete()
        for policy in ("mixed_float16", "float32")
    )
    RunDirectory.start(tmp_path / "run", mixed)
    with pytest.raises(ValueError, match="was 'mixed_float16' and is 'float32'"):
        RunDirectory.start(tmp_path / "run", whole, resume=True)
    assert (
        RunDirectory.start(tmp_path / "run", mixed, resume=True).config["dtype_policy"]
        == "mixed_float16"
    )


def test_a_run_of_before_there_was_the_setting_goes_on(tmp_path):
    config = long_term_memory.Config().complete()
    RunDirectory.start(tmp_path / "run", config)
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    assert settings.pop("dtype_policy") == "float32"
    path.write_text(json.dumps(settings))
    found = RunDirectory(tmp_path / "run").read_config(long_term_memory.Config)
    assert found.dtype_policy == "float32"
    mixed = dataclasses.replace(config, dtype_policy="mixed_float16")
    with pytest.raises(ValueError, match="was 'float32' and is 'mixed_float16'"):
        RunDirectory.start(tmp_path / "run", mixed, resume=True)
    RunDirectory.start(tmp_path / "run", config, resume=True)


def test_columns_are_read_in_full_precision(tmp_path):
    """Beyond 65504 float16 is infinite, and 2048 and 2049 are one number."""
    chance = np.random.default_rng(0)
    rows = [f"{2e6 + i},{i % 7},{'ab'[i % 2]},{chance.integers(2)}" for i in range(80)]
    path = tmp_path / "few.csv"
    path.write_text("\n".join(["income,day,kind,label", *rows]))

    def built(policy):
        config = binary_classification.Config(
            data=str(path), label="label", dtype_policy=policy
        ).complete()
        data = binary_classification.load_data(config)
        model = classification.build_model(config, data)
        return model, tensors(data.rows.take(data.train))

    whole, asked = built("float32")
    mixed, _ = built("mixed_float16")
    found = mixed.get_layer("features")(asked)
    np.testing.assert_array_equal(found, whole.get_layer("features")(asked))
    assert len(np.unique(np.asarray(found)[:, 0])) == len(found)
    members = mixed.get_layer("members").layers
    assert {layer.compute_dtype for layer in members} == {"float16"}
    assert isinstance(mixed.optimizer, keras.optimizers.LossScaleOptimizer)


def test_gradients_are_followed_in_float32():
    data, flows = None, {}
    for policy in ("float32", "mixed_float16"):
        config = long_term_memory.Config(
            data="adding", length=(12,), units=4, dtype_policy=policy
        ).complete()
        data = data or long_term_memory.load_data(config)
        model = long_term_memory.build_model(config, data, "tanh")
        gradients = study.Gradients(model, data)
        before = gradients()
        model.set_weights([weight / 8 for weight in model.get_weights()])
        flows[policy] = before, gradients()
    assert flows["mixed_float16"] == flows["float32"]
    before, after = flows["float32"]
    assert 0 < after["norms"][-1] < 1e-8 < before["norms"][-1]  # 0 in float16


def test_sums_in_16_bits_are_right_or_wrong():
    output = keras.ops.cast([[1.0], [1.5]], "float16")
    target = keras.ops.cast([[1.03], [1.6]], "float32")
    found = study.TASKS["adding"].right(target, output)
    assert np.asarray(found).tolist() == [[1.0], [0.0]]


def test_language_models_lose_in_float32():
    """The nats of logits in float16 are those of the same logits in float32."""
    ids = np.array([[3, 1, 2, 0]])
    logits = [
        keras.ops.cast(np.random.default_rng(k).normal(size=(1, 3, 5)), "float16")
        for k in (0, 1)
    ]
    targets = ids[:, 1:], ids[:, :-1]
    weight = np.array([[1.0, 1.0, 0.0]])
    nats = 0.0
    for target, one in zip(targets, logits, strict=True):
        x = np.asarray(one).astype("float64")
        log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))
        own = np.take_along_axis(log_p, target[..., None], -1)[..., 0]
        nats -= (own * weight).sum()
    found = pretraining.Pretraining.compute_loss(None, x=ids, y_pred=logits)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, nats / 2 / 2, rtol=1e-6)
