"""`generate` beside a call from Python for every character.

    python benchmarks/generation.py [--repeats N] [--units 256,1024] [--streams 1,64]

Characters per second, all streams together, of models with random weights: an
embedding of 256, one LSTM, the logits of 83 characters, drawn at temperature 1.
For every number of units and of streams it times

    ours           `generate` with a `Stepper` over `ExplicitLSTM`, in one
                   `tf.function` without jit for all numbers of streams
    ours, XLA      `generate` called eagerly with `jit_compile=True`
    one by one     as in introductory labs: a model with a stateful LSTM of Keras,
                   called eagerly for each character of one stream, then the next
    batched        the same with all streams in each call
    compiled call  batched, and the call and the draw in a `tf.function`

in turns, so that noise falls on every side alike, and gives medians, spreads
(the quartiles' distance over the median) and ratios: above 1 ours is faster.
Every side ends with ids in NumPy. First, with equal weights, the Keras models
and our layers read what our compiled loop wrote: an error says if the logits, or
the loop's own log-probabilities, differ by more than 1e-4.

The limit is the smaller of two rates, neither of which counts σ, tanh and draws:

    memory   bandwidth · streams / bytes of a step, which reads each weight once:
             recurrent kernel, dense layer, and for each distinct character a row
             of the table that embedding, input kernel and bias make together
             (all sides hold these apart, and read more). The bandwidth is that of
             a maximum over an array of the size of recurrent kernel and dense
             layer, taken again and again on all threads: caches help as much.
    compute  FLOP/s of a product of two 2,048 × 2,048 matrices / FLOP of a
             character in the products with recurrent kernel and dense layer.
"""

import argparse
import concurrent.futures
import json

import keras
import numpy as np
import tensorflow as tf
from _timing import interleaved, machine, matmul_rate, threads, write_json

from keras_seq.decoding import Sample, Stepper, generate
from keras_seq.layers import ExplicitLSTM

VOCABULARY = 83
EMBEDDING = 256
FLOAT = 4  # bytes
READ = 2**31  # bytes in a measurement of the bandwidth
CHECKED = 32  # characters read by both sides before the timing
OTHERS = ("one by one", "batched", "compiled call")


def keras_model(units, streams):
    """The lab's stateful model, the same weights for any number of streams."""
    keras.utils.set_random_seed(1)
    normal = keras.initializers.RandomNormal
    lstm = {"return_sequences": True, "bias_initializer": normal(stddev=0.5)}
    logits = normal(stddev=4 / units**0.5)  # spread like a trained model's
    return keras.Sequential(
        [
            keras.Input(batch_shape=(streams, None), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, EMBEDDING, normal(stddev=1.0)),
            keras.layers.LSTM(units, stateful=True, **lstm),
            keras.layers.Dense(VOCABULARY, kernel_initializer=logits),
        ]
    )


def per_character(model, length, compiled):
    """A function that writes `length` characters a stream, one a call."""

    def draw(ids):
        return tf.random.categorical(model(ids)[:, -1], 1, dtype=tf.int32)

    step = tf.function(draw) if compiled else draw
    streams = model.input_shape[0]

    def write():
        model.layers[1].reset_state()
        ids, written = tf.zeros((streams, 1), tf.int32), []
        for _ in range(length):
            ids = step(ids)
            written.append(ids.numpy()[:, 0])
        return np.stack(written, axis=1)

    return write


def our_stepper(model):
    """Our layers with the model's weights."""
    units = model.layers[1].units
    embedding = keras.layers.Embedding(VOCABULARY, EMBEDDING)
    lstm = ExplicitLSTM(units, return_sequences=True, return_state=True)
    stepper = Stepper([embedding, lstm, keras.layers.Dense(VOCABULARY)])
    stepper.read(np.zeros((1, 1), "int32"))  # builds the layers
    for ours, theirs in zip(stepper.layers, model.layers, strict=True):
        ours.set_weights([weight.numpy() for weight in theirs.trainable_weights])
    return stepper


def our_loop(stepper, length):
    """A function from start tokens and seed to ids and log-probabilities."""

    def write(start, seed):
        state = stepper.initial_state(tf.shape(start)[0])
        options = {"max_length": length, "strategy": Sample(temperature=1.0)}
        result = generate(stepper.step, state, start, seed=seed, **options)
        return result.ids, result.log_probs

    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]
    return tf.function(write, input_signature=signature, autograph=False)


def our_compiled_loop(stepper, streams, length):
    """The same through XLA, compiled at the first call."""
    options = {"max_length": length, "strategy": Sample(temperature=1.0)}
    state, start = stepper.initial_state(streams), np.zeros(streams, "int32")
    return lambda: generate(
        stepper.step, state, start, seed=1, jit_compile=True, **options
    ).ids.numpy()


def largest_difference(model, stepper, loop):
    """Of logits and log-probabilities, ours to Keras's; refuses above 1e-4."""
    streams = model.input_shape[0]
    start = np.zeros(streams, "int32")
    ids, log_probs = (x.numpy()[:, :CHECKED] for x in loop(start, 1))
    read = np.concatenate([start[:, None], ids[:, :-1]], axis=1)
    state, differences = stepper.initial_state(streams), []
    model.layers[1].reset_state()
    for t in range(read.shape[1]):
        theirs = model(read[:, t : t + 1])[:, -1]
        ours, state = stepper.step(read[:, t], state)
        chosen = tf.gather(tf.nn.log_softmax(theirs), ids[:, t], batch_dims=1)
        differences += [ours - theirs, chosen - log_probs[:, t]]
    largest = max(float(np.abs(difference).max()) for difference in differences)
    if not largest <= 1e-4:
        raise RuntimeError(f"ours and Keras's differ by {largest:.1e}, above 1e-4.")
    return largest


def reader(size, pool):
    """A function that reads `size` bytes again and again, about READ in all."""
    parts = [np.ones(size // FLOAT // threads(), "float32") for _ in range(threads())]

    def read(part):
        # One call of NumPy, which goes over the same memory for each row.
        np.broadcast_to(part, (round(READ / size), len(part))).max(axis=1)

    return lambda: list(pool.map(read, parts))


def weight_bytes(units):
    return FLOAT * (4 * units * units + units * VOCABULARY + VOCABULARY)


def limits(units, streams, bandwidth, flops):
    """Characters per second that memory and arithmetic allow."""
    step = weight_bytes(units) + FLOAT * 4 * units * min(streams, VOCABULARY)
    character = 2 * (4 * units * units + units * VOCABULARY)
    return {"memory": bandwidth * streams / step, "compute": flops / character}


def measure(units, all_streams, length, repeats):
    """What holds for a number of units, and a row for each number of streams."""
    models = {n: keras_model(units, n) for n in sorted({1, *all_streams})}
    stepper = our_stepper(models[1])
    loop = our_loop(stepper, length)
    differ = max(largest_difference(m, stepper, loop) for m in models.values())
    print(f"{units} units: ours and Keras's differ by {differ:.1e}; timing", flush=True)

    functions = {}
    for n, model in models.items():
        start = tf.zeros((n,), tf.int32)
        functions["ours", n] = lambda start=start: loop(start, 1)[0].numpy()
        functions["XLA", n] = our_compiled_loop(stepper, n, length)
        functions["batched", n] = per_character(model, length, compiled=False)
        functions["compiled call", n] = per_character(model, length, compiled=True)
    with concurrent.futures.ThreadPoolExecutor(threads()) as pool:
        functions["read", 1] = reader(weight_bytes(units), pool)
        times = interleaved(functions, repeats)
    rates = {
        key: {
            "per_second": 1e3 * key[1] * length / time["median"],
            "spread": time["spread"] / time["median"],
        }
        for key, time in times.items()
    }
    bandwidth = 1e3 * READ / times["read", 1]["median"]
    flops = 1e9 * matmul_rate(repeats)
    rows = []
    for n in all_streams:
        found = {name: rates[name, n] for name in ("ours", "XLA", *OTHERS[1:])}
        found["one by one"] = rates["batched", 1]
        ours = found["ours"]["per_second"]
        limit = limits(units, n, bandwidth, flops)
        ratios = {name: ours / found[name]["per_second"] for name in OTHERS}
        ratios["XLA"] = ours / found["XLA"]["per_second"]
        ratios["limit"] = ours / min(limit.values())
        row = {"units": units, "streams": n, "rates": found, "limits": limit}
        rows.append(row | {"ours over": ratios})
    about = {"units": units, "weight_bytes": weight_bytes(units)}
    about |= {"bandwidth_gb_s": bandwidth / 1e9, "matmul_gflops": flops / 1e9}
    about["bandwidth_spread"] = rates["read", 1]["spread"]
    return about | {"largest_difference": differ}, rows


def report(about, rows):
    print(
        f"  weights of a step {about['weight_bytes'] / 2**20:.1f} MiB, read at "
        f"{about['bandwidth_gb_s']:.0f} GB/s ± {about['bandwidth_spread']:.0%}; "
        f"products at {about['matmul_gflops']:.0f} GFLOP/s; characters per second:\n"
        f"  {'streams':>7}{'ours':>14}{'ours, XLA':>14}",
        *(f"{name:>14} ours over" for name in OTHERS),
        f"{'limit':>17} ours over",
    )
    for row in rows:
        rates = {
            name: f"{rate['per_second']:,.0f} ±{rate['spread']:4.0%}"
            for name, rate in row["rates"].items()
        }
        which = min(row["limits"], key=row["limits"].get)
        ratios = row["ours over"]
        print(
            f"  {row['streams']:7}{rates['ours']:>14}{rates['XLA']:>14}",
            *(f"{rates[name]:>14}{ratios[name]:10.1f}" for name in OTHERS),
            f"{row['limits'][which]:9,.0f} {which:7}{ratios['limit']:10.3f}",
            flush=True,
        )


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    """Reads the command line, measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--units", type=numbers, default=[256, 512, 1024])
    parser.add_argument("--streams", type=numbers, default=[1, 16, 64, 256])
    parser.add_argument("--length", type=int, default=400, help="characters a stream")
    parser.add_argument("--out", default="runs/benchmarks/generation.json")
    options = parser.parse_args()
    data = machine() | {"length": options.length, "repeats": options.repeats}
    print(json.dumps(data), flush=True)
    data |= {"vocabulary": VOCABULARY, "embedding": EMBEDDING, "units": [], "rows": []}
    for units in options.units:
        about, rows = measure(units, options.streams, options.length, options.repeats)
        report(about, rows)
        data["units"].append(about)
        data["rows"] += rows
    write_json(options.out, data)


if __name__ == "__main__":
    main()
