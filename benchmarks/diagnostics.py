"""What looking inside costs, in training steps of the same model on the same batch.

    python benchmarks/diagnostics.py [--repeats 5] [--steps 1000] [--out FILE]

For a layer of each kind, of ours and of Keras's, with a dense layer behind it:
`gradient_flow` when it is called for the first time (it then traces its graph), and
when a callback calls it again; `gate_activity` likewise. The training step is that of
`train_on_batch` with Adam, without XLA.
"""

import argparse
import statistics
import time

import keras
import numpy as np
from _timing import interleaved, machine, write_json

from keras_seq.diagnostics import gate_activity, gradient_flow
from keras_seq.diagnostics.gate_activity import ActivityFunction
from keras_seq.diagnostics.gradient_flow import FlowFunction
from keras_seq.layers import ExplicitGRU, ExplicitLSTM, ExplicitSimpleRNN

LAYERS = (
    ExplicitLSTM,
    ExplicitGRU,
    ExplicitSimpleRNN,
    keras.layers.LSTM,
    keras.layers.GRU,
    keras.layers.SimpleRNN,
)
ROWS, FEATURES, UNITS = 32, 64, 128


def measure(layer, steps, repeats):
    """Times in training steps, and the training step in milliseconds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, steps, FEATURES)).astype("float32")
    y = rng.normal(size=(ROWS, 1)).astype("float32")
    model = keras.Sequential(
        [keras.Input((None, FEATURES)), layer(UNITS), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse", jit_compile=False)
    flow, activity = FlowFunction(model), ActivityFunction(model)
    again = interleaved(
        {
            "step": lambda: model.train_on_batch(x, y),
            "gradient_flow": lambda: flow(x, y),
            "gate_activity": lambda: activity(x),
        },
        repeats,
    )
    step = again["step"]["median"]
    first = {
        "gradient_flow": lambda: gradient_flow(model, x, y),
        "gate_activity": lambda: gate_activity(model, x),
    }
    result = {"step_ms": step}
    for name, function in first.items():
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            taken.append(1e3 * (time.perf_counter() - start))
        result[name] = statistics.median(taken) / step
        result[f"{name}_again"] = again[name]["median"] / step
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", default="runs/benchmarks/diagnostics.json")
    arguments = parser.parse_args()
    results = {}
    for layer in LAYERS:
        name = f"{layer.__module__.split('.')[0]} {layer.__name__}"
        results[name] = measure(layer, arguments.steps, arguments.repeats)
        shown = {key: round(value, 2) for key, value in results[name].items()}
        print(name, shown, flush=True)
    shape = [ROWS, arguments.steps, FEATURES, UNITS]
    write_json(arguments.out, {"machine": machine(), "shape": shape, **results})


if __name__ == "__main__":
    main()
