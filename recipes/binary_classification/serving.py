"""The classification recipe's model as a server has it: columns by name."""

from typing import Any

from keras_seq.extras import require
from keras_seq.typing import Tensor
from recipes.binary_classification.inputs import ROWS, Inputs
from recipes.binary_classification.model import Classifier
from recipes.binary_classification.table import Rows


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
    from keras_seq.serving import ERROR_NOTE, Signature

    columns = classifier.columns
    asked_for = Inputs(columns)
    mean_logit = classifier.mean_logit

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
        asked, inputs = asked_for.read(given, strict=strict)
        return asked.answer(**answer(inputs)[1])

    def explain(**given: Tensor) -> dict[str, Tensor]:
        asked, inputs = asked_for.read(given, strict=strict)
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

    specs, notes = asked_for.specs(), asked_for.notes()
    outputs = {
        "probability": f"calibrated probability of {classifier.positive!r}",
        "label": f"{classifier.positive!r} from the probability "
        f"{classifier.threshold:.4f} on, else {classifier.negative!r}",
    }
    if not strict:
        outputs["error"] = ERROR_NOTE
    limits = asked_for.limits()
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


def requests(classifier: Classifier, rows: Rows) -> dict[str, list[dict[str, list]]]:
    """Requests to warm a server up with: a few rows, as both signatures take them."""
    request = Inputs(classifier.columns).request(rows)
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
