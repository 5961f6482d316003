"""The decoders give TensorFlow's numbers and gradients on the other backends.

Those on TensorFlow are held against the oracle in `test_attention_decoder`.
"""

import functools

import numpy as np
import pytest

from tests.layers import attention_backend_child as child
from tests.other_backend import run_module


@functools.cache
def expected(name):
    return {result: np.asarray(value) for result, value in child.computed(name).items()}


@pytest.fixture(scope="module", params=["jax", "torch"])
def results(request, tmp_path_factory):
    """What a child process with that backend has computed."""
    backend = request.param
    path = tmp_path_factory.mktemp(backend) / "results.npz"
    run_module(backend, "tests.layers.attention_backend_child", path)
    return dict(np.load(path))


@pytest.mark.parametrize("name", child.DECODERS)
def test_numbers_and_gradients(results, name):
    start = f"{name}/"
    got = {
        key.removeprefix(start): value
        for key, value in results.items()
        if key.startswith(start)
    }
    assert sorted(got) == sorted(expected(name))
    for key, want in expected(name).items():
        assert got[key].dtype == np.float32
        assert got[key].shape == want.shape
        assert np.isfinite(want).all()
        np.testing.assert_allclose(got[key], want, rtol=2e-4, atol=2e-5, err_msg=key)
    np.testing.assert_allclose(got["stepped"], got["whole"], rtol=1e-4, atol=1e-5)
    for key in [key for key in got if key.endswith(" of the whole")]:
        ended = got[key.removesuffix(" of the whole")]
        np.testing.assert_allclose(ended, got[key], rtol=1e-4, atol=1e-5)
