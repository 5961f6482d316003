"""What the benchmarks share: timing in turns, the machine, the JSON file."""

import importlib.metadata
import json
import os
import platform
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def interleaved(functions, repeats):
    """Times functions in turns, so that noise falls on every one alike.

    A call that is not timed goes before each that is: threads of another library
    keep a core busy for some milliseconds after its call, and asleep ones wake
    slowly.

    Args:
        functions: Dict from name to a function without arguments.
        repeats: Number of timed calls of each.

    Returns:
        Dict from name to "median" and "spread" (the quartiles' distance), in
        milliseconds.
    """
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeats):
        for name, function in functions.items():
            function()
            start = time.perf_counter()
            function()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {
        name: {
            "median": statistics.median(taken),
            "spread": float(np.subtract(*np.percentile(taken, [75, 25]))),
        }
        for name, taken in times.items()
    }


def matmul_rate(repeats):
    """GFLOP/s of one product of two 2,048 × 2,048 matrices."""
    a = tf.random.normal((2048, 2048))
    product = tf.function(lambda: tf.matmul(a, a))
    taken = interleaved({"product": product}, repeats)["product"]["median"]
    return 2 * 2048**3 / taken / 1e6


def machine():
    """The machine, the threads of an operation, and the versions."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": threads(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "torch": _version("torch"),
        },
    }


def threads():
    """Threads that TensorFlow gives to an operation."""
    return tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()


def write_json(path, data):
    """Writes a JSON file and its folder, and says where it is."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2) + "\n")
    print("written to", path)


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
