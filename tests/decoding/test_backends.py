"""The same tokens on the other backends: each is compared with the oracle."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.decoding import cases, oracle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["jax", "torch"])
def results(request, tmp_path_factory):
    """What a child process with that backend has computed."""
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path_factory.mktemp(backend) / "results.npz"
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.decoding.backend_child", str(path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(np.load(path))


@pytest.mark.parametrize("name", cases.SAMPLING)
@pytest.mark.parametrize("kind", ["LSTM", "ExplicitLSTM"])
def test_tokens(results, name, kind):
    options = cases.SAMPLING[name]
    model = oracle.LanguageModel()
    start = f"{kind} {name} "
    got = {
        key.removeprefix(start): value
        for key, value in results.items()
        if key.startswith(start)
    }
    assert len(got) == 5
    for row, prompt in enumerate(cases.PROMPTS.tolist()):

        def choose(t, logits, row=row):
            if options is None:
                return logits.argmax()
            key = (cases.SEED, row)
            if name == "a seed a row":
                key = (int(cases.SEEDS[row]), 0)
            own = {
                k: v[row] if isinstance(v, np.ndarray) else v
                for k, v in options.items()
            }
            return oracle.sample(logits, oracle.uniform(key, t), **own)

        ids, length, log_probs = model.generate(
            prompt, cases.LONGEST, choose, cases.END
        )
        drawn = length + (cases.END in ids)
        assert got["ids"][row].tolist() == ids
        assert got["lengths"][row] == length
        assert got["finished"][row] == (cases.END in ids)
        np.testing.assert_allclose(got["log_probs"][row], log_probs, atol=5e-5)
        read = [prompt[-1], *ids][:drawn] + [0] * (cases.LONGEST - drawn)
        assert got["kept"][row].tolist() == read


def test_random_bits(results):
    expected = [oracle.threefry(row[:2], row[2:]) for row in cases.WORDS.tolist()]
    np.testing.assert_array_equal(
        results["threefry"].view("uint32"), np.array(expected, "uint32")
    )


def test_lengths_of_their_own(results):
    expected = [[1, 0, 0, 0], [6, 7, 8, 9], [10, 11, 0, 0]]
    assert results["lengths of their own"].tolist() == expected
