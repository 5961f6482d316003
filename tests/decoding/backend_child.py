"""Decodes with the backend that KERAS_BACKEND names.

Usage: python backend_child.py RESULTS.npz
"""

import sys

import keras
import numpy as np
from keras import ops

from keras_seq.decoding import (
    AllOf,
    Beam,
    Contrastive,
    ForcedPrefix,
    FrequencyPenalty,
    Greedy,
    MinP,
    NoRepeatedNgrams,
    RepetitionPenalty,
    Sample,
    Typical,
    generate,
    mix_with_predictions,
    stream,
)
from keras_seq.decoding._largest import largest
from keras_seq.decoding._random import threefry
from keras_seq.layers import ExplicitLSTM
from tests.decoding import cases, oracle
from tests.decoding.models import stepper
from tests.decoding.translator import Translator


def sequences():
    """Ids, lengths, log-probabilities and kept values for every case."""
    for recurrent in (keras.layers.LSTM, ExplicitLSTM):
        kind = recurrent.__name__
        reader = stepper(oracle.LanguageModel(), recurrent)
        _, state = reader.read(ops.convert_to_tensor(cases.PROMPTS[:, :-1]))
        for name, options in cases.SAMPLING.items():

            def step(tokens, state, reader=reader):
                return (*reader.step(tokens, state), {"read": tokens})

            result = generate(
                step,
                state,
                ops.convert_to_tensor(cases.PROMPTS[:, -1]),
                max_length=cases.LONGEST,
                strategy=Greedy() if options is None else Sample(**options),
                end_token=cases.END,
                seed=cases.SEED if name != "a seed a row" else cases.SEEDS,
            )
            for field in ("ids", "lengths", "log_probs", "finished"):
                yield f"{kind} {name} {field}", getattr(result, field)
            yield f"{kind} {name} kept", result.kept["read"]


def jitted():
    """Ids drawn inside a `jax.jit` of the caller's."""
    import jax

    reader = stepper(oracle.LanguageModel())
    options = cases.SAMPLING["cut off"]

    @jax.jit
    def run(prompts):
        _, state = reader.read(prompts[:, :-1])
        return generate(
            reader.step,
            state,
            prompts[:, -1],
            max_length=cases.LONGEST,
            strategy=Sample(**options),
            end_token=cases.END,
            seed=cases.SEED,
        )

    return run(cases.PROMPTS).ids


def searches():
    """Every field of every beam search."""
    model = Translator(6, cases.SOURCES, seed=41)
    for name, options in cases.BEAMS.items():
        constraint = None
        if "prefix" in options:
            constraint = AllOf(
                ForcedPrefix(options["prefix"]), NoRepeatedNgrams(options["n"])
            )
        result = generate(
            model.step,
            model.state,
            np.full(4, cases.BEAM_START),
            max_length=cases.BEAM_LONGEST,
            strategy=Beam(
                options["width"],
                max_width=4,
                groups=options.get("groups", 1),
                diversity_penalty=options.get("delta", 0.0),
                length_penalty=options.get("alpha", 0.0),
                coverage_penalty=options.get("beta", 0.0),
                coverage_mask=model.mask,
            ),
            end_token=0,
            constants=model.constants,
            constraint=constraint,
        )
        for field in ("ids", "lengths", "log_probs", "finished", "scores"):
            yield f"beam {name} {field}", getattr(result, field)
        for field, value in result.kept.items():
            yield f"beam {name} kept {field}", value


def processed():
    """Rows and beams that processors act on, with several ends."""
    model = Translator(6, cases.SOURCES, seed=41)
    arguments = (model.step, model.state, np.full(4, cases.BEAM_START))
    options = {
        "max_length": cases.BEAM_LONGEST,
        "end_token": list(cases.ENDS),
        "min_length": cases.LEAST,
        "stop_sequences": cases.STOPS,
        "logits_processor": [
            RepetitionPenalty(cases.THETA, prompt=[[1], [2], [3], [5]]),
            FrequencyPenalty(cases.ALPHA),
            MinP(cases.SHARE),
            Typical(cases.MASS),
        ],
        "constants": model.constants,
        "seed": cases.SEED,
    }
    for name, strategy in (("sample", Sample(1.5)), ("beam", Beam(3))):
        result, reasons = generate(
            *arguments, strategy=strategy, return_reasons=True, **options
        )
        for field in ("ids", "lengths", "log_probs", "finished", "scores"):
            yield f"processed {name} {field}", getattr(result, field)
        for field, value in result.kept.items():
            yield f"processed {name} kept {field}", value
        yield f"processed {name} reasons", reasons
    pieces = list(stream(*arguments, strategy=Sample(1.5), block=3, **options))
    ids = np.concatenate([piece.ids for piece in pieces], axis=1)
    yield "processed sample streamed", ids


def contrasted():
    """Contrastive searches with numbers of a row's own."""
    model = Translator(6, cases.SOURCES, seed=41)

    def step(tokens, state, constants):
        logits, state, _ = model.step(tokens, state, constants)
        return logits, state, state

    result = generate(
        step,
        model.state,
        np.full(4, cases.BEAM_START),
        max_length=cases.LONGEST,
        strategy=Contrastive(
            cases.CANDIDATES, cases.DEGENERATION, max_top_k=5, window=cases.WINDOW
        ),
        end_token=0,
        constants=model.constants,
    )
    yield "contrasted ids", result.ids
    yield "contrasted log_probs", result.log_probs


def mixed():
    """Inputs of scheduled sampling, and a gradient of training on them."""
    model = Translator(6, cases.SOURCES, seed=41)

    def inputs(embedding):
        def step(tokens, state, constants):
            logits, state, _ = model.step(tokens, state, constants)
            return logits + ops.take(embedding, tokens, axis=0), state

        return mix_with_predictions(
            step,
            model.state,
            cases.TARGETS,
            start_tokens=np.full(4, cases.BEAM_START),
            probability=cases.PROBABILITY,
            seed=cases.SEED,
            constants=model.constants,
        )

    def loss(embedding):
        return ops.sum(ops.take(embedding, inputs(embedding), axis=0))

    zeros = np.zeros((6, 6), "float32")
    if keras.backend.backend() == "jax":
        import jax

        gradient = jax.jit(jax.grad(loss))(zeros)
    else:
        import torch

        embedding = torch.zeros((6, 6), requires_grad=True)
        loss(embedding).backward()
        gradient = embedding.grad
    yield "mixed inputs", inputs(zeros)
    yield "mixed gradient", gradient


def main(path):
    parts = (sequences, searches, processed, contrasted, mixed)
    results = {name: value for part in parts for name, value in part()}
    if keras.backend.backend() == "jax":
        np.testing.assert_array_equal(jitted(), results["ExplicitLSTM cut off ids"])
    words = [ops.convert_to_tensor(w) for w in cases.WORDS.view("int32").T.copy()]
    results["threefry"] = ops.stack(threefry(words[:2], words[2:]), axis=1)
    results["largest"] = largest(ops.convert_to_tensor(cases.long_rows(4000)), 6)[1]
    results["lengths of their own"] = generate(
        lambda tokens, state: (ops.one_hot(tokens + 1, 20), state),
        (),
        np.array([0, 5, 9]),
        max_length=np.array([1, 4, 2]),
        strategy=Greedy(),
    ).ids
    np.savez(path, **{k: ops.convert_to_numpy(v) for k, v in results.items()})


if __name__ == "__main__":
    main(sys.argv[1])
