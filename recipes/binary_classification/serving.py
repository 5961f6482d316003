"""The classification recipe's model as a server has it: columns by name."""

import keyword
import re
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.typing import Tensor
from recipes.binary_classification.dates import graph_seconds, text_of
from recipes.binary_classification.model import Classifier
from recipes.binary_classification.numerals import MISSING
from recipes.binary_classification.table import Column, Rows

ROWS = 1024  # of a request
FARTHEST = 1e30  # a number from 0
CHARACTERS = 1000  # of a category


def served_names(columns: list[Column]) -> list[str]:
    """A name that a server takes for each column: ASCII letters, digits and "_"."""
    taken: list[str] = []
    for number, column in enumerate(columns, start=1):
        name = re.sub("[^A-Za-z0-9]+", "_", column.name).strip("_")
        if not re.match("[A-Za-z]", name):
            name = f"column_{number}_{name}".strip("_")
        while name.lower() in map(str.lower, taken) or keyword.iskeyword(name):
            name += f"_{number}"
        taken.append(name)
    return taken


def signatures(classifier: Classifier, *, strict: bool = False) -> dict[str, Any]:
    """The signatures for `keras_seq.serving.export`.

    Args:
        classifier: `Classifier`.
        strict: Whether a row that can't be answered fails its whole batch; then there
            is no output "error".

    Returns:
        Dict of "serving_default" (columns → probability, label) and "explain" (columns
        → column names, contributions, mean_logit, logit, probability, label); each
        gives "error" too.
    """
    tf = require("tensorflow", "recipes")
    from keras_seq.serving import ERROR_NOTE, RequestRows, Signature

    columns = classifier.columns
    names = dict(zip(served_names(columns), columns, strict=True))
    mean_logit = classifier.mean_logit

    kinds = {
        kind: [name for name, column in names.items() if column.kind == kind]
        for kind in ("number", "date", "category")
    }
    texts = [*kinds["date"], *kinds["category"]]

    def request(given: dict[str, Tensor]) -> tuple[RequestRows, dict[str, Tensor]]:
        """The checked rows, and what the model reads of them."""
        asked = RequestRows(
            {name: given[name] for name in names}, rows=ROWS, strict=strict
        )
        if kinds["number"]:
            numbers = tf.stack(
                [tf.cast(asked[name], tf.float64) for name in kinds["number"]], 1
            )
            wrong = tf.abs(numbers) > FARTHEST  # NaN is a missing one
            column = tf.argmax(wrong, axis=1)
            asked.refuse(
                tf.reduce_any(wrong, axis=1),
                tf.gather(tf.constant(kinds["number"]), column),
                f" must be in [-{FARTHEST:g}, {FARTHEST:g}], or NaN; received ",
                tf.gather(numbers, column, batch_dims=1),
            )
        asked.text(*texts, characters=CHARACTERS)
        numbers = [
            graph_seconds(_as_read(tf, asked[n]), c.form)
            if c.kind == "date"
            else tf.cast(asked[n], tf.float64)
            for n, c in names.items()
            if c.kind != "category"
        ]
        strings = [_as_read(tf, asked[name]) for name in kinds["category"]]
        count = tf.shape(asked.good)[0]
        none = tf.zeros([count, 0], tf.float64)
        return asked, {
            "numbers": tf.stack(numbers, 1) if numbers else none,
            "strings": tf.stack(strings, 1) if strings else tf.fill([count, 0], ""),
        }

    def answer(inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        found = classifier.model(inputs)
        probability = found["probability"][:, 0]
        label = tf.where(
            probability >= classifier.threshold,
            classifier.positive,
            classifier.negative,
        )
        return found["logit"][:, 0], {"probability": probability, "label": label}

    def serving_default(**given: Tensor) -> dict[str, Tensor]:
        asked, inputs = request(given)
        return asked.answer(**answer(inputs)[1])

    def explain(**given: Tensor) -> dict[str, Tensor]:
        asked, inputs = request(given)
        logit, answered = answer(inputs)
        count = tf.shape(logit)
        return asked.answer(
            **answered,
            logit=logit,
            mean_logit=tf.fill(count, mean_logit),
            contributions=classifier.explain(inputs),
            columns=tf.tile(
                tf.constant([[column.name for column in columns]]), [count[0], 1]
            ),
        )

    specs = {
        name: tf.TensorSpec(
            [None], column.dtype if column.kind == "number" else tf.string
        )
        for name, column in names.items()
    }
    notes = {
        name: f"{column.name!r}: {_meaning(column)}" for name, column in names.items()
    }
    outputs = {
        "probability": f"calibrated probability of {classifier.positive!r}",
        "label": f"{classifier.positive!r} from the probability "
        f"{classifier.threshold:.4f} on, else {classifier.negative!r}",
    }
    if not strict:
        outputs["error"] = ERROR_NOTE
    limits = {"rows": ROWS} | dict.fromkeys(texts, CHARACTERS)
    explained = {
        **outputs,
        "logit": "ln p / (1 - p)",
        "mean_logit": "the logit of the mean training row",
        "contributions": "what each column adds to the logit: with mean_logit they sum "
        "to it (integrated gradients from the mean row)",
        "columns": "names of the columns, in the order of the contributions",
    }
    # An input may be named as an output is; a note can only be on one of them.
    return {
        "serving_default": Signature(
            serving_default,
            specs,
            outputs=tuple(outputs),
            description=f"Classifies rows, {ROWS} in a request at most.",
            limits=limits,
            notes={**outputs, **notes},
        ),
        "explain": Signature(
            explain,
            specs,
            outputs=tuple(explained),
            description="Classifies rows, and tells what each column adds; "
            f"{ROWS} in a request at most.",
            limits=limits,
            notes={**explained, **notes},
        ),
    }


def _meaning(column: Column) -> str:
    if column.kind == "category":
        return f"a category, at most {CHARACTERS} characters, empty if missing"
    if column.kind == "date":
        return f"a time written {column.form}; what is none counts as missing"
    unit = f" in {column.unit}" if column.unit else ""
    return f"a number{unit}, at most {FARTHEST:g} from 0, NaN if missing"


def _as_read(tf: Any, strings: Tensor) -> Tensor:
    """Categories as the table reader has them: stripped, empty where missing."""
    strings = tf.strings.strip(strings)
    words = tf.constant(sorted(MISSING))
    missing = tf.reduce_any(tf.strings.lower(strings)[:, None] == words, axis=1)
    return tf.where(missing, "", strings)


def requests(classifier: Classifier, rows: Rows) -> dict[str, list[dict[str, list]]]:
    """Requests to warm a server up with: a few rows, as both signatures take them."""
    numbers = iter(rows.numbers.T)
    strings = iter(rows.strings.T)
    request = {}
    for name, column in zip(
        served_names(classifier.columns), classifier.columns, strict=True
    ):
        if column.kind == "number":
            # JSON has no NaN, so a warm-up request has a number.
            values = np.nan_to_num(next(numbers)).astype(column.dtype)
            request[name] = values.tolist()
        elif column.kind == "date":
            request[name] = [text_of(value, column.form) for value in next(numbers)]
        else:
            request[name] = next(strings).tolist()
    return {"serving_default": [request], "explain": [request]}


def card(
    classifier: Classifier, data: dict[str, Any], test: dict[str, Any]
) -> dict[str, Any]:
    """The model card.

    Args:
        classifier: `Classifier`.
        data: What metrics.json says of the data.
        test: What metrics.json says of the test.
    """
    figures = ("accuracy", "auc", "nats", "brier", "calibration_error")
    return {
        "name": "binary_classification",
        "description": "An ensemble of small feed-forward networks that tells "
        f"{classifier.positive!r} from {classifier.negative!r}. Preprocessing and "
        "calibration are inside.",
        "intended_use": "Rows like those it learnt from; teaching. Not for decisions "
        "about people without a study of its errors.",
        "limits": "It knows rows like its training rows and no others; categories that "
        "it hasn't seen count as no category. Contributions tell what the model uses, "
        "not what causes the label.",
        "data": f"{data['train']} rows of {data['name']}, SHA-256 {data['digest']}",
        "terms": data["terms"],
        "metrics": {name: test[name] for name in figures},
    }
