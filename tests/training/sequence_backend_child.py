"""Loss, gradient and metrics on the backend that KERAS_BACKEND names.

Usage: python sequence_backend_child.py FOLDER, with problem.npz in it;
results.npz is written beside it.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_seq.training import (
    Perplexity,
    SequenceCrossEntropy,
    TokenAccuracy,
    TokenNats,
)
from tests.backend_child import gradients


def main(folder):
    given = dict(np.load(folder / "problem.npz"))
    y, logits, weight = given["y"], given["logits"], given["weight"]
    results = {}
    for smoothing in (0.0, 0.1):
        loss = SequenceCrossEntropy(label_smoothing=smoothing, mask_id=2)

        def function(x, loss=loss):
            value = loss(y, x, weight)
            return value, {"loss": value}

        (slope,), values = gradients(function, [logits])
        results[f"loss {smoothing}"] = values["loss"]
        results[f"gradient {smoothing}"] = slope
    for metric in (
        TokenNats(mask_id=2),
        Perplexity(mask_id=2),
        TokenAccuracy(mask_id=2),
    ):
        metric.update_state(y, logits, weight)
        results[metric.name] = metric.result()

    # Fitting on what has padding: it must learn the next of 1, 2, …, 5, 1, …
    x = np.array([[1, 2, 3, 4, 5, 1], [4, 5, 1, 0, 0, 0]] * 4)
    nexts = np.where(x == 0, 0, x % 5 + 1)
    ids = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(6, 6, name="table")(ids)
    model = keras.Model(ids, table)
    model.compile(
        keras.optimizers.Adam(0.1),
        SequenceCrossEntropy(),
        metrics=[Perplexity(), TokenAccuracy()],
    )
    model.fit(x, nexts, epochs=30, verbose=0)
    for name, value in model.evaluate(x, nexts, verbose=0, return_dict=True).items():
        results[f"fitted {name}"] = value
    results["fitted p"] = ops.softmax(model(x))
    np.savez(
        folder / "results.npz",
        **{name: ops.convert_to_numpy(value) for name, value in results.items()},
    )


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    main(Path(sys.argv[1]))
