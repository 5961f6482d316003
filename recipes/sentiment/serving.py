"""The sentiment recipe's model as a server has it: texts in, labels out."""

import functools
from typing import Any

from keras_seq.extras import require
from keras_seq.typing import Tensor
from recipes.sentiment.explaining import EXPLAINED_AT_ONCE, TextClassifier
from recipes.sentiment.reading import words_of
from recipes.sentiment.settings import Config

LONGEST = 10_000  # characters of a text
ROWS = 64  # of a request
ROWS_EXPLAINED = 6  # a long one takes a second
AT_ONCE = 200_000  # characters of all rows that are read at once
EXPLAINED_CHARACTERS = 1_000  # the same where each is read at every point of a path

NOTES = {
    "text": f"the text, UTF-8, at most {LONGEST} characters; what isn't UTF-8 becomes "
    "U+FFFD",
    "label": "the likeliest label",
    "probability": "its probability",
    "probabilities": "of all labels, in their order as strings",
    "words": "the words that it was read as, in lower case, then empty strings",
    "contributions": "what each word adds to the score; they sum to score - base",
    "attention": "how much of the LSTMs' summary comes from each word",
    "score": "of two labels ln p / (1 - p) of the second; of more ln p of the "
    "likeliest less the mean of all labels' ln p",
    "base": "the score of a text of as many pieces that say nothing",
    "scored_label": "the label that the score speaks of",
}


def signatures(classifier: TextClassifier, *, strict: bool = False) -> dict[str, Any]:
    """The signatures for `keras_seq.serving.export`.

    Args:
        classifier: `TextClassifier`.
        strict: Whether a row that can't be answered fails its whole batch; then there
            is no output "error".

    Returns:
        Dict of "serving_default" (text → label, probability, probabilities) and
        "explain" (text → words, contributions, attention, score, base,
        scored_label); each gives "error" too.
    """
    tf = require("tensorflow", "recipes")
    from keras_seq.serving import RequestRows, in_blocks, row_signature

    def request(text: Tensor, rows: int, most: int) -> tuple[RequestRows, Tensor]:
        """The checked rows, and how many have so many characters together."""
        asked = RequestRows({"text": text}, rows=rows, strict=strict)
        asked.text("text", characters=LONGEST)
        longest = tf.reduce_max(tf.strings.length(asked["text"]))
        return asked, most // tf.maximum(longest, 1)

    def serving_default(text: Tensor) -> dict[str, Tensor]:
        def some(text: Tensor) -> dict[str, Tensor]:
            return {"probabilities": classifier.classify(text)["probabilities"]}

        asked, at_once = request(text, ROWS, AT_ONCE)
        found = in_blocks(some, at_once, asked["text"])["probabilities"]
        names = tf.constant(classifier.labels)
        return asked.answer(
            label=tf.gather(names, tf.argmax(found, axis=-1)),
            probability=tf.reduce_max(found, axis=-1),
            probabilities=found,
        )

    def explain(text: Tensor) -> dict[str, Tensor]:
        asked, at_once = request(text, ROWS_EXPLAINED, EXPLAINED_CHARACTERS)
        # No row has a word for the longest of no rows.
        words = tf.reduce_max(words_of(asked["text"]).row_lengths())
        words = tf.cast(tf.maximum(words, 0), tf.int32)
        names = tf.constant(classifier.labels)

        def some(text: Tensor) -> dict[str, Tensor]:
            found = classifier.explain(text)
            behind = [[0, 0], [0, words - tf.shape(found["words"])[1]]]
            return {
                "scored_label": tf.gather(names, found["label"]),
                **{
                    name: tf.pad(found[name], behind)
                    for name in ("words", "contributions", "attention")
                },
                **{name: found[name] for name in ("score", "base")},
            }

        at_once = tf.minimum(at_once, EXPLAINED_AT_ONCE)
        return asked.answer(**in_blocks(some, at_once, asked["text"]))

    signature = functools.partial(
        row_signature,
        notes=NOTES,
        limits={"rows": ROWS, "text": LONGEST},
        error=not strict,
        text=tf.string,
    )

    return {
        "serving_default": signature(
            serving_default,
            f"Tells {', '.join(classifier.labels)} apart.",
            ("label", "probability", "probabilities"),
        ),
        "explain": signature(
            explain,
            "Tells what each word adds.",
            ("scored_label", "words", "contributions", "attention", "score", "base"),
            limits={"rows": ROWS_EXPLAINED, "text": LONGEST},
        ),
    }


def requests(texts: list[str]) -> dict[str, list[dict[str, list[str]]]]:
    """Requests to warm a server up with: a few texts, edge cases among them."""
    asked = [*texts, "", "?!", "Unheard-of wörds"]
    return {
        "serving_default": [{"text": asked}],
        "explain": [{"text": [*asked[:2], ""]}],
    }


def card(
    config: Config,
    classifier: TextClassifier,
    data: dict[str, Any],
    test: dict[str, Any],
) -> dict[str, Any]:
    """The model card.

    Args:
        config: The recipe's `Config`.
        classifier: `TextClassifier`.
        data: What metrics.json says of the data.
        test: What metrics.json says of the test.
    """
    figures = ("accuracy", "macro_f1", "nats", "calibration_error")
    about = "Bidirectional LSTMs with attention pooling, and n-grams beside them,"
    if config.members == 0:
        about = "An embedding, an LSTM and a softmax"
    return {
        "name": "sentiment",
        "description": f"{about} that tell texts apart: "
        f"{', '.join(classifier.labels)}.",
        "intended_use": "Texts like those it learnt from; teaching. Not for decisions "
        "about people.",
        "limits": "It knows the subjects and the style of its data and no other; irony "
        "and what is only implied often escape it. Contributions tell what the model "
        "uses, not what a reader would.",
        "data": f"{data['train']} texts of {data['name']}, SHA-256 {data['digest']}",
        "terms": data["terms"],
        "metrics": {name: test[name] for name in figures},
    }
