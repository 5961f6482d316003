"""The same tokens on the other backends: each is compared with the oracle."""

import functools
import types

import numpy as np
import pytest

from tests.decoding import beams, cases, oracle, rows
from tests.decoding.translator import Translator
from tests.other_backend import run_module
from tests.reference import contrastive, endings
from tests.reference import processors as reference


@pytest.fixture(scope="module", params=["jax", "torch"])
def results(request, tmp_path_factory):
    """What a child process with that backend has computed."""
    backend = request.param
    path = tmp_path_factory.mktemp(backend) / "results.npz"
    run_module(backend, "tests.decoding.backend_child", path)
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


def test_the_largest_of_long_rows(results):
    expected = np.argsort(-cases.long_rows(4000), axis=-1)[:, :6]
    np.testing.assert_array_equal(results["largest"], expected)


def test_lengths_of_their_own(results):
    expected = [[1, 0, 0, 0], [6, 7, 8, 9], [10, 11, 0, 0]]
    assert results["lengths of their own"].tolist() == expected


def fields_of(results, start):
    """The `Generation` whose fields' names start so."""
    fields = {
        key.removeprefix(start): value
        for key, value in results.items()
        if key.startswith(start)
    }
    kept = {field: fields.pop(f"kept {field}") for field in ("attention", "read")}
    return types.SimpleNamespace(**fields, kept=kept)


@pytest.mark.parametrize("name", cases.BEAMS)
def test_beams(results, name):
    options = cases.BEAMS[name]
    model = Translator(6, cases.SOURCES, seed=41)
    result = fields_of(results, f"beam {name} ")

    def allowed(ids, token):
        prefix = options.get("prefix", ())
        ids = (*ids, token)
        ngrams = [ids[i : i + 2] for i in range(len(ids) - 1)]
        return "n" not in options or (
            all(p in (-1, i) for p, i in zip(prefix, ids, strict=False))
            and len(set(ngrams)) == len(ngrams)
        )

    for row in range(4):
        width, alpha, beta = (
            options.get(key, 0.0) for key in ("width", "alpha", "beta")
        )
        if name == "a number a row":
            width, alpha, beta = width[row], alpha[row], beta[row]
        find = beams.expected
        if name == "diverse":
            groups = {"groups": options["groups"], "diversity": options["delta"]}
            find = functools.partial(beams.expected, **groups)
        found = find(
            model,
            row,
            cases.BEAM_START,
            cases.BEAM_LONGEST,
            int(width),
            alpha=float(alpha),
            beta=float(beta),
            allowed=allowed,
        )
        beams.assert_beams(result, row, found, cases.BEAM_START)


@pytest.mark.parametrize("name", ["sample", "beam"])
def test_processors_and_ends(results, name):
    model = Translator(6, cases.SOURCES, seed=41)
    result = fields_of(results, f"processed {name} ")
    for row in range(4):
        least = cases.LEAST[row]
        stops = [[t for t in stop if t >= 0] for stop in cases.STOPS[row].tolist()]

        def process(ids, logits, row=row):
            before = [[1, 2, 3, 5][row], *ids]
            logits = reference.repetition(logits, before, float(cases.THETA[row]))
            logits = reference.frequency(logits, ids, cases.ALPHA)
            logits = reference.min_p(logits, cases.SHARE)
            return reference.typical(logits, cases.MASS)

        arguments = (cases.BEAM_START, cases.BEAM_LONGEST)
        if name == "sample":
            found = endings.write(
                model.row_step(row),
                model.state[row].astype("float64"),
                *arguments,
                lambda t, logits, row=row: oracle.sample(
                    logits, oracle.uniform((cases.SEED, row), t), temperature=1.5
                ),
                ends=cases.ENDS,
                stops=stops,
                least=least,
                process=process,
            )
            rows.assert_row(result, result.reasons, row, found, padding=cases.ENDS[0])
            streamed = result.streamed[row]
            assert streamed.tolist() == result.ids[row, : len(streamed)].tolist()
        else:
            found = beams.expected(
                model,
                row,
                *arguments,
                3,
                end=lambda ids: endings.cut(ids, cases.ENDS, stops, least),  # noqa: B023
                allowed=lambda ids, t: t not in cases.ENDS or len(ids) >= least,  # noqa: B023
                process=lambda ids, x: reference.of_one_at_most(process(ids, x)),
            )
            beams.assert_beams(result, row, found, cases.BEAM_START, cases.ENDS[0])


def test_scheduled_sampling(results):
    model = Translator(6, cases.SOURCES, seed=41)
    inputs = np.zeros_like(cases.TARGETS)
    for row in range(4):
        step, state = model.row_step(row), model.state[row].astype("float64")
        token, key = cases.BEAM_START, (cases.SEED, row)
        for t in range(inputs.shape[1]):
            inputs[row, t] = token
            logits, state, _ = step(token, state)
            coin = (oracle.threefry(key, (t, 1))[0] >> 8) / 2**24
            token = cases.TARGETS[row, t]
            if coin < cases.PROBABILITY:
                token = oracle.sample(logits, oracle.uniform(key, t))
    np.testing.assert_array_equal(results["mixed inputs"], inputs)
    counts = np.bincount(inputs.ravel(), minlength=6)
    expected = np.broadcast_to(counts[:, None], (6, 6))
    np.testing.assert_allclose(results["mixed gradient"], expected)


def test_contrastive_search(results):
    model = Translator(6, cases.SOURCES, seed=41)
    for row in range(4):
        tokens, log_probs, _ = contrastive.search(
            model.row_step(row),
            model.state[row].astype("float64"),
            cases.BEAM_START,
            cases.LONGEST,
            k=cases.CANDIDATES[row],
            alpha=cases.DEGENERATION[row],
            window=cases.WINDOW,
            end=(0,),
        )
        rest = [0] * (cases.LONGEST - len(tokens))
        assert results["contrasted ids"][row].tolist() == tokens + rest
        found = results["contrasted log_probs"][row]
        np.testing.assert_allclose(found, log_probs + rest, atol=1e-4)
