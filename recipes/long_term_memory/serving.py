"""What the long-term memory study serves: its best model."""

from typing import Any

import keras
import numpy as np

from keras_seq import serving
from keras_seq.typing import Tensor
from recipes.long_term_memory.data import Data
from recipes.long_term_memory.tasks import BLANK, REMEMBERED, SYMBOLS, Task


def signatures(model: keras.Model, task: Task) -> dict[str, serving.Signature]:
    """The signatures for `keras_seq.serving.export`.

    Args:
        model: A model of the study.
        task: The `Task` that it was trained on.

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default", of the adding
        problem sequence (B, T, 2) → sum (B,), of copy memory symbols (B, T) →
        written (B, T), for any T.
    """
    import tensorflow as tf

    def add(sequence: Tensor) -> dict[str, Tensor]:
        return {"sum": model(sequence, training=False)[:, 0]}

    def write(symbols: Tensor) -> dict[str, Tensor]:
        valid = tf.logical_and(symbols >= 0, symbols < task.features)
        check = tf.debugging.assert_equal(
            tf.reduce_all(valid), True, f"symbols must be in [0, {task.features})"
        )
        with tf.control_dependencies([check]):
            logits = model(tf.one_hot(symbols, task.features), training=False)
        return {"written": tf.argmax(logits, axis=-1, output_type="int32")}

    if task.every_step:
        return {
            "serving_default": serving.Signature(
                write,
                {"symbols": tf.TensorSpec([None, None], "int32")},
                outputs=["written"],
                description="Repeats ten symbols after a go mark.",
                notes={
                    "symbols": f"0 to {SYMBOLS - 1}, {BLANK} for blank, "
                    f"{BLANK + 1} for go; all rows of one length",
                    "written": f"the symbols in the last {REMEMBERED} steps",
                },
            )
        }
    return {
        "serving_default": serving.Signature(
            add,
            {"sequence": tf.TensorSpec([None, None, 2], "float32")},
            outputs=["sum"],
            description="Adds the two marked numbers of a sequence.",
            notes={
                "sequence": "of each step a number in [0, 1] and its mark, 1 or 0; "
                "all rows of one length",
                "sum": "of the two numbers whose mark is 1",
            },
        )
    }


def requests(data: Data) -> dict[str, list[dict[str, np.ndarray]]]:
    """Warm-up requests: short ones, since a card shows them."""
    rng = np.random.default_rng(data.seed)
    inputs, _ = data.task.sample(rng, 2, 8)
    if data.task.every_step:
        return {"serving_default": [{"symbols": inputs.argmax(-1).astype("int32")}]}
    return {"serving_default": [{"sequence": inputs}]}


def card(task: Task, trial: dict[str, Any]) -> dict[str, Any]:
    """The model card of the trial's model."""
    return {
        "name": "long_term_memory",
        "description": f"Of the models of a study the one that remembers furthest: "
        f"{trial['model']}, {trial['parameters']} parameters, trained on the "
        f"{task.title} over {trial['length']} steps.",
        "intended_use": "To see what a recurrent network remembers.",
        "limits": "It knows sequences of about the length that it was trained on.",
        "data": "Drawn at random while it was trained.",
        "terms": "None: the data are random numbers.",
        "metrics": {
            f"{task.loss}, of the trivial answer": task.trivial(trial["length"]),
            f"{task.loss}, of this model": trial["test"]["loss"],
            "share right": trial["test"]["right"],
        },
    }
