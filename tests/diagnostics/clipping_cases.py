"""Trainings whose clipping is known, for every backend.

As a script: python clipping_cases.py FILE trains them with the backend that
KERAS_BACKEND names and writes what was logged, and the weights, as JSON.
"""

import json
import sys

import keras
import numpy as np

RATE, BATCH, EPOCHS = 0.05, 3, 3
LIMITS = {"clipnorm": 2.0, "global_clipnorm": 3.0, "clipvalue": 2.0, None: None}
MODES = {
    "graph": {"jit_compile": False},
    "compiled": {"jit_compile": True},
    "eager": {"run_eagerly": True, "jit_compile": False},
}
ACCUMULATE = (1, 2)


def problem():
    """The batches' gradients differ in size, so that some are clipped."""
    rng = np.random.default_rng(31)
    x = rng.normal(size=(12, 3)) * np.repeat([1.6, 0.3, 1.0, 0.5], 3)[:, None]
    y = x @ rng.normal(size=(3, 2)) + rng.normal(size=2)
    weights = rng.normal(size=(3, 2)), rng.normal(size=2)
    return [a.astype("float32") for a in (x, y, *weights)]


def new_model(clip, accumulate=1, **options):
    _, _, kernel, bias = problem()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.set_weights([kernel, bias])
    limits = {} if clip is None else {clip: LIMITS[clip]}
    steps = accumulate if accumulate > 1 else None
    optimizer = keras.optimizers.SGD(RATE, gradient_accumulation_steps=steps, **limits)
    model.compile(optimizer, "mse", **options)
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    return model


def fit(model, callbacks, epochs=EPOCHS):
    """Trains in the order of the data; gives the logs, a dict an epoch."""
    x, y, *_ = problem()
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, epochs=epochs, callbacks=callbacks, **options).history
    return [
        {name: values[i] for name, values in history.items()} for i in range(epochs)
    ]


def trained(clip, mode, accumulate, **options):
    from keras_seq.diagnostics import ClippingMonitor

    model = new_model(clip, accumulate, **MODES[mode], **options)
    logs = fit(model, [ClippingMonitor()])
    return {"logs": logs, "weights": [w.tolist() for w in model.get_weights()]}


def after_changes():
    """Measured after a training that was not, and with another optimizer."""
    from keras_seq.diagnostics import ClippingMonitor

    model = new_model("clipnorm")
    weights = model.get_weights()
    fit(model, None)
    results = []
    for clip in ("clipnorm", "global_clipnorm"):
        model.set_weights(weights)
        limit = LIMITS[clip]
        model.compile(keras.optimizers.SGD(RATE, **{clip: limit}), "mse")
        for _ in range(2):
            model.set_weights(weights)
            results.append(fit(model, [ClippingMonitor()]))
    return results


class SizeOfOptimizer(keras.callbacks.Callback):
    """Collects what a checkpoint would see of the optimizer."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def on_epoch_end(self, epoch, logs=None):
        self.sizes.append(len(self.model.optimizer.variables))


def sizes():
    from keras_seq.diagnostics import ClippingMonitor

    model, collected = new_model("clipnorm"), SizeOfOptimizer()
    before = len(model.optimizer.variables)
    fit(model, [ClippingMonitor(), collected])
    fit(model, [collected])
    return {"before": before, "during": collected.sizes}


if __name__ == "__main__":
    # What is slow on a backend is done once: steps that aren't compiled on JAX, and
    # compilations by PyTorch. Only on JAX there are several steps in one call.
    often, once, options = {
        "jax": ("compiled", "eager", {"steps_per_execution": 2}),
        "torch": ("eager", "compiled", {}),
    }[keras.backend.backend()]
    results = {
        f"{clip} {often} {accumulate}": trained(clip, often, accumulate)
        for clip in LIMITS
        for accumulate in ACCUMULATE
    }
    results[f"clipnorm {once} 1"] = trained("clipnorm", once, 1, **options)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(
            {"cases": results, "changes": after_changes(), "sizes": sizes()}, file
        )
