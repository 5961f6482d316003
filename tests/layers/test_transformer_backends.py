"""The transformer gives the same numbers on every backend of Keras.

And so does `SuffixAttention`, in the same process, as starting one takes long.
"""

import keras
import numpy as np
import pytest

from tests.layers import suffixes
from tests.layers import transformer_child as child
from tests.layers.transformers import MASKS, MEMORY, MEMORY_MASKS, assert_close, oracle
from tests.other_backend import run_module
from tests.reference.suffix import suffix_attention


@pytest.fixture(scope="module", params=["jax", "torch"])
def folder(request, tmp_path_factory):
    """The folder into which a child process with that backend has written."""
    folder = tmp_path_factory.mktemp(request.param)
    run_module(request.param, "tests.layers.transformer_child", folder)
    return folder


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_values_and_gradients(folder, name):
    results = np.load(folder / "results.npz")
    layer = child.layers()[name]
    masks = {"mask": MASKS["holes"]}
    if name != "encoder":
        masks |= {"memory": MEMORY, "memory_mask": MEMORY_MASKS["row"]}
    outputs, own, crossed = oracle(layer, **masks)
    assert_close([results[f"{name}/outputs/0"]], [outputs])
    scores = own if name == "encoder" else crossed
    assert_close([results[f"{name}/scores {i}/0"] for i in range(2)], scores)
    # TensorFlow's slopes are held against PyTorch's transformer elsewhere.
    _, slopes = child.slopes_and_results(name, layer)
    assert len(slopes) == len(layer.weights)
    for key, slope in slopes.items():
        got = results[f"{name}/{key}/0"]
        np.testing.assert_allclose(got, slope, rtol=1e-3, atol=2e-4, err_msg=key)


def test_generated(folder):
    results = np.load(folder / "results.npz")
    ids = results["generated/ids/0"]
    read = np.concatenate([child.START[:, None], ids[:, :-1]], axis=1)
    x = keras.ops.convert_to_numpy(child.PositionalEncoding()(child.TABLE[read]))
    masks = {"memory": MEMORY, "memory_mask": MEMORY_MASKS["row"]}
    outputs, _, scores = oracle(child.decoder(), x, **masks)
    assert_close([results["generated/output/0"]], [outputs])
    np.testing.assert_array_equal(ids, (outputs @ child.KERNEL).argmax(-1))
    kept = [np.moveaxis(results[f"generated/scores/{i}"], 1, 2) for i in range(2)]
    assert_close(kept, scores)


def test_a_model_trained_there_runs_here(folder):
    model = keras.models.load_model(folder / "model.keras")
    ids, source, *saved = np.load(folder / "model.npz").values()
    shown = model.predict((ids, source), verbose=0)
    assert_close(shown, saved, atol=1e-5)


@pytest.mark.parametrize(("steps", "masked"), suffixes.TRIED)
def test_attention_to_the_longest_repeat(folder, steps, masked):
    results = np.load(folder / "suffixes.npz")
    layer, strengths, logits, tokens, mask = suffixes.tried(steps, masked)
    expected, _ = suffix_attention(logits, tokens, strengths, 6, mask)
    assert_close([results[f"{steps} {masked} values"]], [expected])
    _, state = layer(logits, tokens, mask=mask, return_state=True)
    for name, value in zip(("tokens", "runs"), state, strict=True):
        np.testing.assert_array_equal(results[f"{steps} {masked} {name}"], value)
