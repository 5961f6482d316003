"""What the long-term memory study serves: its best model."""

from typing import Any

import keras
import numpy as np

from keras_seq import serving
from keras_seq.typing import Tensor
from recipes.long_term_memory.data import Data
from recipes.long_term_memory.tasks import BLANK, REMEMBERED, SYMBOLS, Task

STEPS = 10_000  # of a sequence
AT_ONCE = 2**17  # steps of all rows that are read at once


def signatures(
    model: keras.Model, task: Task, *, strict: bool = False
) -> dict[str, serving.Signature]:
    """The signatures for `keras_seq.serving.export`.

    Args:
        model: A model of the study.
        task: The `Task` that it was trained on.
        strict: Whether a row that can't be answered fails its whole batch; then there
            is no output "error".

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default", of the adding
        problem sequence (B, T, 2) → sum (B,), of copy memory symbols (B, T) →
        written (B, T), for any T up to `STEPS`; and "error" (B,).
    """
    import tensorflow as tf

    def request(name: str, value: Tensor) -> tuple[serving.RequestRows, Tensor]:
        asked = serving.RequestRows({name: value}, strict=strict)
        asked.steps(name, STEPS)
        return asked, AT_ONCE // tf.shape(asked[name])[1]

    def add(sequence: Tensor) -> dict[str, Tensor]:
        asked, at_once = request("sequence", sequence)
        known = (asked["sequence"] >= 0) & (asked["sequence"] <= 1)
        wrong = ~tf.reduce_all(known, axis=[1, 2])
        asked.refuse(wrong, "sequence must have numbers and marks in [0, 1]")

        def some(sequence: Tensor) -> dict[str, Tensor]:
            return {"sum": model(sequence, training=False)[:, 0]}

        return asked.answer(**serving.in_blocks(some, at_once, asked["sequence"]))

    def write(symbols: Tensor) -> dict[str, Tensor]:
        asked, at_once = request("symbols", symbols)
        known = (asked["symbols"] >= 0) & (asked["symbols"] < task.features)
        wrong = ~tf.reduce_all(known, axis=1)
        asked.refuse(wrong, f"symbols must be in [0, {task.features})")

        def some(symbols: Tensor) -> dict[str, Tensor]:
            logits = model(tf.one_hot(symbols, task.features), training=False)
            return {"written": tf.argmax(logits, axis=-1, output_type="int32")}

        return asked.answer(**serving.in_blocks(some, at_once, asked["symbols"]))

    longest = f"all rows of one length, 1 to {STEPS} steps"
    error = () if strict else ("error",)
    note = {} if strict else {"error": serving.ERROR_NOTE}
    limits = {"rows": serving.ROWS}
    if task.every_step:
        return {
            "serving_default": serving.Signature(
                write,
                {"symbols": tf.TensorSpec([None, None], "int32")},
                outputs=["written", *error],
                description="Repeats ten symbols after a go mark. A request may have "
                f"{serving.ROWS} rows.",
                limits=limits | {"symbols": STEPS},
                notes=note
                | {
                    "symbols": f"0 to {SYMBOLS - 1}, {BLANK} for blank, "
                    f"{BLANK + 1} for go; {longest}",
                    "written": f"the symbols in the last {REMEMBERED} steps",
                },
            )
        }
    return {
        "serving_default": serving.Signature(
            add,
            {"sequence": tf.TensorSpec([None, None, 2], "float32")},
            outputs=["sum", *error],
            description="Adds the two marked numbers of a sequence. A request may have "
            f"{serving.ROWS} rows.",
            limits=limits | {"sequence": STEPS},
            notes=note
            | {
                "sequence": "of each step a number in [0, 1] and its mark, 1 or 0; "
                f"{longest}",
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
