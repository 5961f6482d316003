"""A model of classes, several labels or a number as a server has it."""

from typing import Any

from keras_seq.extras import require
from keras_seq.typing import Tensor
from recipes.binary_classification.inputs import ROWS, Inputs
from recipes.binary_classification.table import Rows
from recipes.binary_classification.target_model import COVERED, Predictor


def target_signatures(predictor: Predictor, *, strict: bool = False) -> dict[str, Any]:
    """The signatures for `keras_seq.serving.export`.

    Args:
        predictor: `Predictor`.
        strict: Whether a row that can't be answered fails its whole batch; then there
            is no output "error".

    Returns:
        Dict of "serving_default": columns to the value with its interval and unit, or
        to probabilities, the names that they belong to, and what is called; and, but
        for several labels, "explain", which has the columns' contributions too.
    """
    tf = require("tensorflow", "recipes")
    from keras_seq.serving import ERROR_NOTE, Signature

    asked_for = Inputs(predictor.columns)
    names = predictor.names

    def answer(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        found = predictor.model(inputs)
        if predictor.kind == "number":
            value = tf.cast(found["value"][:, 0], tf.float32)
            low, high = predictor.interval
            units = tf.fill(tf.shape(value), predictor.unit)
            return {"value": value, "low": value + low, "high": value + high} | {
                "unit": units
            }
        p = tf.cast(found["probabilities"], tf.float32)
        named = tf.tile(tf.constant([names]), [tf.shape(p)[0], 1])
        answered = {"probabilities": p, "names": named}
        if predictor.kind == "classes":
            answered["label"] = tf.gather(tf.constant(names), tf.argmax(p, axis=1))
        else:
            answered["called"] = p >= 0.5
        return answered

    def serving_default(**given: Tensor) -> dict[str, Tensor]:
        asked, inputs = asked_for.read(given, strict=strict)
        return asked.answer(**answer(inputs))

    def explain(**given: Tensor) -> dict[str, Tensor]:
        asked, inputs = asked_for.read(given, strict=strict)
        answered = answer(inputs)
        columns = tf.constant([[column.name for column in predictor.columns]])
        count = tf.shape(next(iter(answered.values())))[0]
        return asked.answer(
            **answered,
            contributions=predictor.explain(inputs),
            columns=tf.tile(columns, [count, 1]),
        )

    specs, notes = asked_for.specs(), asked_for.notes()
    outputs = _outputs(predictor)
    if not strict:
        outputs["error"] = ERROR_NOTE
    explained = {
        **outputs,
        "contributions": "what each column adds to the "
        + ("value" if predictor.kind == "number" else "centred logit of the label")
        + " (integrated gradients from the mean row)",
        "columns": "names of the columns, in the order of the contributions",
    }
    limits = asked_for.limits()
    found = {
        "serving_default": Signature(
            serving_default,
            specs,
            outputs=tuple(outputs),
            description=f"Predicts of rows, {ROWS} in a request at most.",
            limits=limits,
            notes={**outputs, **notes},
        )
    }
    if predictor.kind != "labels":
        found["explain"] = Signature(
            explain,
            specs,
            outputs=tuple(explained),
            description="Predicts, and tells what each column adds; "
            f"{ROWS} in a request at most.",
            limits=limits,
            notes={**explained, **notes},
        )
    return found


def _outputs(predictor: Predictor) -> dict[str, str]:
    if predictor.kind == "number":
        unit = f", in {predictor.unit}" if predictor.unit else ""
        return {
            "value": f"what is predicted{unit}",
            "low": f"with `high` the bounds that {COVERED:.0%} of the rows held out "
            "were between",
            "high": "see `low`",
            "unit": "of all three, or empty",
        }
    if predictor.kind == "classes":
        return {
            "probabilities": "calibrated, of the classes in the order of `names`",
            "names": "of the classes",
            "label": "the class with the highest probability",
        }
    return {
        "probabilities": "calibrated, of each label, in the order of `names`",
        "names": "of the labels",
        "called": "whether a label's probability is 0.5 or more",
    }


def target_requests(
    predictor: Predictor, rows: Rows
) -> dict[str, list[dict[str, list]]]:
    """Requests to warm a server up with: a few rows, as the signatures take them."""
    request = Inputs(predictor.columns).request(rows)
    signatures = ["serving_default", *["explain"] * (predictor.kind != "labels")]
    return {name: [request] for name in signatures}


def target_card(
    predictor: Predictor, data: dict[str, Any], test: dict[str, Any]
) -> dict[str, Any]:
    """The model card.

    Args:
        predictor: `Predictor`.
        data: What metrics.json says of the data.
        test: What metrics.json says of the test.
    """
    what = {
        "classes": f"tells {len(predictor.names)} classes apart",
        "labels": f"gives each row some of {len(predictor.names)} labels",
        "number": f"predicts a number{predictor.unit and f' in {predictor.unit}'}",
    }[predictor.kind]
    return {
        "name": "binary_classification",
        "description": f"An ensemble of small feed-forward networks that {what}. "
        "Preprocessing and calibration are inside.",
        "intended_use": "Rows like those it learnt from; teaching. Not for decisions "
        "about people without a study of its errors.",
        "limits": "It knows rows like its training rows and no others; categories that "
        "it hasn't seen count as no category.",
        "data": f"{data['train']} rows of {data['name']}, SHA-256 {data['digest']}",
        "terms": data["terms"],
        "metrics": {
            name: value
            for name, value in test.items()
            if isinstance(value, (int, float))
        },
    }
