"""A served signature that writes, beside a call from Python for every character.

    python benchmarks/serving.py [--units 256] [--length 100] [--requests 50]
        [--batches 1,4,16,64] [--threads 1,2] [--out serving.json]

Exports a `TuneWriter` with random weights (an embedding of 64, one LSTM, the logits of
80 characters) and loads it as a server does, in a fresh process for every number of
threads. There each number of rows is asked for so many characters, and the same number
of characters is drawn from the model in Python

    eager     a call of the model's step for each character of all rows
    compiled  the same in a `tf.function`

in turns with the requests, so that noise falls on every side alike. It prints p50 and
p99 of a request in milliseconds, characters per second of all rows together, the ratio
of the medians (above 1 the served loop is faster), and the memory of the process: above
an empty TensorFlow once the export is loaded, and at most while it answers (without the
model in Python, which comes behind). First both sides write the likeliest characters of
the same prompt: they must be the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHARACTERS = "".join(map(chr, range(33, 109)))
EMBEDDING = 64
PROMPT = "XMLK"
FEW = 5  # turns of what is slow


def make(folder, units, length):
    """Writes the model and its export."""
    import keras

    from keras_seq import serving
    from keras_seq.layers import ExplicitLSTM
    from keras_seq.music import TuneWriter, tune_signatures
    from keras_seq.text import CharacterVocabulary

    keras.utils.set_random_seed(1)
    vocabulary = CharacterVocabulary(CHARACTERS)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), EMBEDDING)(ids)
    x, *_ = ExplicitLSTM(units, return_sequences=True, return_state=True)(x)
    # Spread like a trained model's.
    spread = keras.initializers.RandomNormal(stddev=4 / units**0.5)
    logits = keras.layers.Dense(len(vocabulary), kernel_initializer=spread)(x)
    model = keras.Model(ids, logits)
    # The end comes never: every row has its length.
    bias = model.layers[-1].bias
    bias.assign(np.where(np.arange(len(vocabulary)) < 4, -1e9, 0.0))
    model.save(folder / "model.keras")
    writer = TuneWriter(model, vocabulary)
    signatures = tune_signatures(writer, temperature=1.0, longest=max(length, 100))
    serving.export(
        model, folder / "saved_model", {"serving_default": signatures["generate"]}
    )


def request(rows, length, *, temperature=1.0, seed=0):
    return {
        "prompt": np.array([PROMPT] * rows, object),
        "temperature": np.full(rows, temperature, "float32"),
        "top_p": np.ones(rows, "float32"),
        "seed": np.arange(seed, seed + rows, dtype="int32"),
        "length": np.full(rows, length, "int32"),
    }


def megabytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def milliseconds(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return 1e3 * (time.perf_counter() - start)


class InPython:
    """The model, called for every character."""

    def __init__(self, folder):
        import keras
        import tensorflow as tf

        import keras_seq.layers  # registers its layers  # noqa: F401
        from keras_seq.decoding import Stepper
        from keras_seq.text import START, CharacterVocabulary

        self.vocabulary = CharacterVocabulary(CHARACTERS)
        self.stepper = Stepper(keras.models.load_model(folder / "model.keras").layers)
        self.prompt = [START, *self.vocabulary.encode(PROMPT)]
        self.compiled = tf.function(self.stepper.step, autograph=False)

    def write(self, rows, length, step, draw):
        tokens = np.tile(np.array(self.prompt, "int32"), (rows, 1))
        _, state = self.stepper.read(tokens[:, :-1])
        last, written = tokens[:, -1], []
        for _ in range(length):
            logits, state = step(last, state)
            last = draw(logits.numpy())
            written.append(last)
        return np.stack(written, axis=1)

    def likeliest(self, length):
        ids = self.write(1, length, self.stepper.step, lambda x: x.argmax(-1))
        return self.vocabulary.decode(ids[0].tolist())

    def drawn(self, rows, length, step):
        rng = np.random.default_rng(0)

        def draw(logits):
            return (logits + rng.gumbel(size=logits.shape)).argmax(-1).astype("int32")

        return self.write(rows, length, step, draw)


def measure(folder, options):
    """In a process of its own: what a number of threads gives."""
    import tensorflow as tf
    from _served import Served

    tf.constant(0.0)
    empty = megabytes()
    model = Served(folder / "saved_model" / "1")

    def ask(rows, **more):
        return model.run("serving_default", request(rows, options.length, **more))

    for rows in options.batches:
        ask(rows)
    found = {"loaded": megabytes() - empty, "rows": {}}
    most = 0.0
    for rows in options.batches:
        for seed in range(FEW):
            ask(rows, seed=seed)
            most = max(most, megabytes() - empty)
    found["most"] = most
    python = InPython(folder)
    served = ask(1, temperature=1e-6)["abc"][0].decode()
    expected = python.likeliest(options.length)
    if not served.endswith(PROMPT + expected):
        raise SystemExit(f"served {served!r}, in Python {expected!r}")
    sides = {"eager": python.stepper.step, "compiled": python.compiled}
    for rows in options.batches:
        times = {name: [] for name in ("served", *sides)}
        for step in sides.values():
            python.drawn(rows, 2, step)
        for turn in range(options.requests):
            times["served"].append(milliseconds(ask, rows, seed=turn))
            for name, step in sides.items() if turn < FEW else ():
                times[name].append(
                    milliseconds(python.drawn, rows, options.length, step)
                )
        median = {name: float(np.median(taken)) for name, taken in times.items()}
        found["rows"][rows] = {
            "p50": median["served"],
            "p99": float(np.percentile(times["served"], 99)),
            "per_second": 1e3 * rows * options.length / median["served"],
            **{name: median[name] / median["served"] for name in sides},
        }
    return found


def numbers(text):
    return [int(number) for number in text.split(",")]


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--length", type=int, default=100, help="characters a row")
    parser.add_argument("--requests", type=int, default=50, help="of each size")
    parser.add_argument("--batches", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--out", default="serving.json")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parsed()
    if options.folder:
        print(json.dumps(measure(options.folder, options)))
        return
    results = {}
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), options.units, options.length)
        for threads in options.threads:
            limited = {
                f"TF_NUM_{kind}OP_THREADS": str(threads) for kind in ("INTRA", "INTER")
            }
            ran = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--folder", name],
                env={**os.environ, **limited, "CUDA_VISIBLE_DEVICES": "-1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            results[threads] = json.loads(ran.stdout.splitlines()[-1])
            show(threads, results[threads])
    from _timing import machine, write_json

    settings = {key: value for key, value in vars(options).items() if key != "folder"}
    write_json(options.out, machine() | {"settings": settings, "threads": results})


def show(threads, found):
    print(
        f"{threads} threads: {found['loaded']:.0f} MB loaded, "
        f"{found['most']:.0f} MB at most"
    )
    print("  rows    p50 ms    p99 ms  characters/s     eager  compiled")
    for rows, row in found["rows"].items():
        print(
            f"  {rows:>4} {row['p50']:9.1f} {row['p99']:9.1f} {row['per_second']:13.0f}"
            f" {row['eager']:9.1f} {row['compiled']:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
