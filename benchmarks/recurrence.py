"""`ExplicitLSTM`, `ExplicitGRU` and `ExplicitSimpleRNN` beside Keras's and PyTorch's.

    python benchmarks/recurrence.py [--kinds lstm,gru,simple_rnn] [--repeats N]
                                    [--shapes 0,3] [--threads N]

For each shape (B, T, D, units) it times a forward pass, a training step (the
gradients of a loss, half the sum of the outputs' squares, with respect to all weights
and the input) and such a step of a layer that is called without `training`, in turns,
so that noise falls on every side alike, and gives the medians, their spread
(the quartiles' distance) and ratios: above 1 ours is faster. Keras counts with
the better of jit on and off. Ours counts twice: as `fit` runs it on a processor
(jit off), and with the better of the two, as Keras. The peak memory of a
training step is that of a process of its own, less what it held before the
first one (Linux); it contains a few MiB of traced graph. PyTorch's columns are
missing where it is not installed.

GFLOP/s are those of the layer's matrix products alone, beside the rate of one
product of two 2,048 × 2,048 matrices.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from _timing import interleaved, machine, matmul_rate, write_json

from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN

try:
    import torch
except ImportError:
    torch = None

SHAPES = (
    (32, 100, 256, 256),
    (8, 100, 256, 1024),
    (64, 50, 128, 128),
    (1, 100, 256, 512),
    (64, 200, 64, 64),
    (16, 20, 512, 512),
    (128, 30, 300, 512),
    (4, 1000, 128, 256),
)
PASSES = ("forward", "training", "no flag")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A recurrence: our layer, Keras's, PyTorch's, and the number of products."""

    ours: type
    keras: type
    torch: str
    gates: int


KINDS = {
    "lstm": Kind(ExplicitLSTM, keras.layers.LSTM, "LSTM", 4),
    "gru": Kind(ExplicitGRU, keras.layers.GRU, "GRU", 3),
    "simple_rnn": Kind(ExplicitSimpleRNN, keras.layers.SimpleRNN, "RNN", 1),
}


def keras_side(layer, x, jit, gates=False):
    """A forward pass and a training step of a Keras layer, as functions."""

    def forward(x):
        return layer(x, training=False)

    def step(x, **flag):
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = layer(x, **flag)
            loss = tf.nn.l2_loss(result[0] if gates else result)
        variables = [weight.value for weight in layer.trainable_weights]
        gradients = tape.gradient(loss, [x, *variables])
        return (gradients, result[1]) if gates else gradients

    layer.build(x.shape)
    passes = (forward, lambda x: step(x, training=True), step)
    compiled = (tf.function(f, jit_compile=jit) for f in passes)
    return [lambda f=f: f(x) for f in compiled]


def torch_side(kind, x, units):
    """The same of PyTorch's layer, time-major, as it likes best."""
    layer = getattr(torch.nn, kind.torch)(x.shape[-1], units)
    x = torch.tensor(np.swapaxes(x, 0, 1).copy())
    x_watched = x.clone().requires_grad_(True)

    def forward():
        with torch.no_grad():
            return layer(x)[0]

    def training():
        x_watched.grad = None
        layer.zero_grad()
        (layer(x_watched)[0].square().sum() / 2).backward()

    return [forward, training, training]


def sides(kind, shape):
    """What is compared on a shape: pairs of functions by name."""
    batch, steps, features, units = shape
    x = np.random.default_rng(0).normal(size=(batch, steps, features))
    x = x.astype("float32")

    def ours(**options):
        return kind.ours(units, return_sequences=True, **options)

    tensor = tf.constant(x)
    found = {}
    for jit in (False, True):
        name = "jit" if jit else "no jit"
        layer = kind.keras(units, return_sequences=True)
        found[f"keras, {name}"] = keras_side(layer, tensor, jit)
        found[f"ours, {name}"] = keras_side(ours(), tensor, jit)
    found["ours, gates"] = keras_side(ours(return_gates=True), tensor, False, True)
    if torch is not None:
        found["torch"] = torch_side(kind, x, units)
    return found


def peak_memory(name, side, shape):
    """MiB that a training step takes in a process of its own."""
    arguments = [sys.executable, __file__, "--peak", name, side, json.dumps(shape)]
    return float(subprocess.run(arguments, check=True, capture_output=True).stdout)


def print_peak(name, side, shape):
    _, training, _ = sides(KINDS[name], shape)[side]
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    for _ in range(3):
        training()
    print(resident("VmHWM") - before)


def resident(name):
    """MiB that this process holds (VmRSS) or held at most (VmHWM), on Linux."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {name} in /proc/self/status")


def gigaflops(kind, shape, milliseconds, passes):
    batch, steps, features, units = shape
    products = 2 * batch * steps * (features + units) * kind.gates * units
    return passes * products / milliseconds / 1e6


def ratios(times):
    """Keras's and PyTorch's time over ours; gates' cost as a share."""
    found = {}
    for which in PASSES:
        median = {name: t["median"] for name, t in times[which].items()}
        best = min(median["ours, no jit"], median["ours, jit"])
        keras_best = min(median["keras, no jit"], median["keras, jit"])
        found[which] = {
            "keras / ours": keras_best / median["ours, no jit"],
            "keras / ours best": keras_best / best,
            "gates' cost": median["ours, gates"] / median["ours, no jit"] - 1,
        }
        if torch is not None:
            found[which]["torch / ours"] = median["torch"] / median["ours, no jit"]
            found[which]["torch / ours best"] = median["torch"] / best
    return found


def measure(name, shape, repeats):
    kind = KINDS[name]
    functions = sides(kind, shape)
    times = {
        which: interleaved({side: f[n] for side, f in functions.items()}, repeats)
        for n, which in enumerate(PASSES)
    }
    result = {"kind": name, "shape": shape}
    result |= {"milliseconds": times, "ratios": ratios(times)}
    result["gflops"] = {
        which: gigaflops(kind, shape, times[which]["ours, no jit"]["median"], passes)
        for which, passes in zip(PASSES, (1, 3, 3), strict=True)
    }
    result["peak_mib"] = {
        side: peak_memory(name, side, shape)
        for side in ("keras, no jit", "ours, no jit")
    }
    return result


def report(result):
    print(f"\n{result['kind']}, (B, T, D, units) = {tuple(result['shape'])}")
    for which in PASSES:
        times = result["milliseconds"][which].items()
        print(f"  {which:8} ", end="")
        print(
            *(f"{k} {t['median']:.1f} ± {t['spread']:.1f} ms" for k, t in times),
            sep="; ",
        )
        shown = (f"{k} {v:.2f}" for k, v in result["ratios"][which].items())
        print(f"           {'; '.join(shown)}; {result['gflops'][which]:.0f} GFLOP/s")
    peak = "; ".join(f"{side} {mib:.0f}" for side, mib in result["peak_mib"].items())
    print(f"  peak memory of a training step, MiB: {peak}", flush=True)


def means(results):
    """Geometric means of the ratios over the shapes; the median of the gates' cost."""
    found: dict = {}
    for which in PASSES:
        found[which] = {}
        for name in results[0]["ratios"][which]:
            values = [result["ratios"][which][name] for result in results]
            mean = statistics.median if "cost" in name else statistics.geometric_mean
            found[which][name] = mean(values)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default="lstm,gru,simple_rnn")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--shapes", help="numbers of the shapes, like 0,3")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", default="runs/benchmarks/recurrence.json")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        name, side, shape = options.peak
        return print_peak(name, side, json.loads(shape))
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    if torch is not None:
        torch.set_num_threads(options.threads)
    chosen = range(len(SHAPES))
    if options.shapes:
        chosen = [int(number) for number in options.shapes.split(",")]
    summary = {**machine(), "matmul_gflops": matmul_rate(options.repeats)}
    print(json.dumps(summary), flush=True)
    results, summary["means"] = [], {}
    for name in options.kinds.split(","):
        for number in chosen:
            results.append(measure(name, SHAPES[number], options.repeats))
            report(results[-1])
        of_kind = [result for result in results if result["kind"] == name]
        summary["means"][name] = means(of_kind)
        print(f"\n{name}: geometric means over the shapes (gates' cost: median)")
        for which, by_name in summary["means"][name].items():
            shown = (f"{k} {v:.2f}" for k, v in by_name.items())
            print(f"  {which}: {'; '.join(shown)}", flush=True)
    write_json(options.out, {**summary, "shapes": results})
    return None


if __name__ == "__main__":
    main()
