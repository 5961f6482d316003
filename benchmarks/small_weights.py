"""Exports with weights in float32, float16, bfloat16 and int8: what each costs.

    python benchmarks/small_weights.py [--units 256] [--tunes 1000] [--steps 600]
        [--requests 20] [--out small_weights.json]

Trains a `TuneWriter` (an embedding of 64, one LSTM, the logits of the characters) on
random windows of folk tunes, exports it in each form, and loads each as a server does.
It prints the size of the weights' files, the median time of `generate` (100 characters,
of one row and of 16, in turns, so that noise falls on every form alike, as a ratio to
float32's), and the nats per character of tunes that weren't trained on, by the
signature `score`: the mean, and how far a tune is from float32's at most.
"""

import argparse
import functools
import tempfile
from pathlib import Path

import keras
import numpy as np
from _served import Served
from _timing import interleaved, machine, write_json

from keras_seq import music, serving
from keras_seq.layers import ExplicitLSTM
from keras_seq.text import END, START, CharacterVocabulary

FORMS = ("float32", "float16", "bfloat16", "int8")
HELD_OUT = 64
WINDOW = 100


def trained(documents, units, steps):
    """A writer that has seen some windows."""
    keras.utils.set_random_seed(1)
    vocabulary = CharacterVocabulary.fit(documents)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), 64)(ids)
    x, *_ = ExplicitLSTM(units, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    model.compile(
        keras.optimizers.Adam(5e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    marked = ([START, *vocabulary.encode(text), END] for text in documents)
    stream = np.array([token for ids in marked for token in ids], "int32")
    chance = np.random.default_rng(1)
    for _ in range(steps):
        starts = chance.integers(len(stream) - WINDOW - 1, size=16)
        windows = np.stack([stream[s : s + WINDOW + 1] for s in starts])
        model.train_on_batch(windows[:, :-1], windows[:, 1:])
    return music.TuneWriter(model, vocabulary)


def request(rows):
    return {
        "prompt": np.array(["M:6/8\n"] * rows, object),
        "temperature": np.ones(rows, "float32"),
        "top_p": np.ones(rows, "float32"),
        "seed": np.arange(rows, dtype="int32"),
        "length": np.full(rows, 100, "int32"),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--tunes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=600, help="of the training")
    parser.add_argument("--requests", type=int, default=20, help="of each size")
    parser.add_argument("--out", default="small_weights.json")
    options = parser.parse_args()
    documents = [music.to_document(text) for text in music.load_corpus().texts]
    documents = documents[: options.tunes + HELD_OUT]
    writer = trained(documents[HELD_OUT:], options.units, options.steps)
    held_out = {"tune": np.array(["X:1\n" + d for d in documents[:HELD_OUT]], object)}
    with tempfile.TemporaryDirectory() as name:
        models, sizes = {}, {}
        for form in FORMS:
            signatures = music.tune_signatures(writer, temperature=1.0, longest=100)
            chosen = {
                "serving_default": signatures["generate"],
                "score": signatures["score"],
            }
            path = Path(name, form)
            serving.export(writer.model, path, chosen, weights=form)
            files = (path / "1" / "variables").iterdir()
            sizes[form] = sum(f.stat().st_size for f in files)
            models[form] = Served(path / "1")
        nats = {
            form: model.run("score", held_out)["nats_per_character"]
            for form, model in models.items()
        }
        times = {}
        for rows in (1, 16):
            asked = request(rows)
            calls = {
                form: functools.partial(model.run, "serving_default", asked)
                for form, model in models.items()
            }
            times[rows] = interleaved(calls, options.requests)
    results = {}
    print("form          kB   1 row  16 rows   nats/char  at most")
    for form in FORMS:
        ratios = [
            times[r][form]["median"] / times[r]["float32"]["median"] for r in times
        ]
        apart = float(np.abs(nats[form] - nats["float32"]).max())
        mean = float(nats[form].mean())
        print(
            f"{form:8} {sizes[form] / 1e3:7.0f} {ratios[0]:7.2f} {ratios[1]:8.2f} "
            f"{mean:11.4f} {apart:8.5f}"
        )
        results[form] = {
            **{"bytes": sizes[form], "times": {r: times[r][form] for r in times}},
            **{"ratios": ratios, "nats_per_character": mean, "apart": apart},
        }
    write_json(options.out, machine() | {"settings": vars(options), "results": results})


if __name__ == "__main__":
    main()
