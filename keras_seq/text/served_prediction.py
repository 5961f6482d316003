"""A language model as a served model: strings in, strings out."""

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from keras_seq.extras import require
from keras_seq.text._completion import (
    NOTES,
    OUTPUTS,
    STOP_CHARACTERS,
    STOPS,
    completing,
    completion_inputs,
)
from keras_seq.text._strings import limited_notes
from keras_seq.text.predictor import TextPredictor
from keras_seq.typing import Tensor

if TYPE_CHECKING:
    from keras_seq.serving import Signature

LONGEST = 500  # words that are written at most

CHARACTERS = 5000  # of a text that is read, unless an export says otherwise

_NOTES = NOTES | {
    "text": "what was written so far, UTF-8; empty asks for the beginning of a text",
    "words": "the likeliest next words, the likeliest first; ↵ is the end of a line, "
    "¶ an empty line; empty, with the probability 0, where no more are found",
    "probabilities": "the probability of each",
    "unknown_probability": "the probability of a word that the model doesn't know; 0 "
    "of a model of subwords",
    "end_probability": "the probability that the text ends",
    "prompt": "how the text begins, UTF-8; empty leaves everything to the model",
    "length": f"words to write at most, 1 to {LONGEST}",
    "temperature": "above 0 and finite; lower is safer, higher bolder; near 0 the "
    "likeliest word is taken",
    "top_p": "in (0, 1]: only the likeliest words that together have this probability "
    "are drawn",
    "seed": "at least 0; the same seed gives the same text",
    "continuation": "what comes behind the prompt",
    "finished": "whether the text ended or got its length",
    "document": "a whole text, UTF-8",
    "nats": "-ln p of the text and its end mark",
    "word_count": "its words, punctuation, ends of lines and the end mark counted: "
    "exp(nats / word_count) is the perplexity",
}


def prediction_signatures(
    predictor: TextPredictor,
    *,
    count: int = 10,
    characters: int = CHARACTERS,
    rows: int = 64,
    strict: bool = False,
) -> dict[str, "Signature"]:
    """The signatures of a `TextPredictor` for `keras_seq.serving.export`.

    A row whose text is too long, or any of whose settings is out of range, has no
    answer, and the reason in the output "error".

    Args:
        predictor: The `TextPredictor`.
        count: Words that `serving_default` gives.
        characters: Characters that a text may have.
        rows: Rows that a request may have.
        strict: Whether a row that can't be answered fails its whole batch, as an
            error of the server; then there is no output "error".

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (text → words,
        probabilities, unknown_probability, end_probability), "generate" (prompt,
        length, temperature, top_p, seed → continuation, finished), "complete" (top_k,
        min_p, repetition_penalty and stop too → continuation, finish_reason, tokens,
        log_probabilities, token_count) and "score" (document → nats, word_count);
        each gives "error" too.

    Raises:
        ValueError: If `count`, `characters` or `rows` is less than 1.

    Example:

    >>> predictor = ...  # a TextPredictor, as its example makes it
    >>> signatures = prediction_signatures(predictor)
    >>> sorted(signatures["generate"].inputs)
    ['length', 'prompt', 'seed', 'temperature', 'top_p']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import RequestRows, row_signature

    for name, value in (("count", count), ("characters", characters), ("rows", rows)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1; received {value!r}.")

    request = functools.partial(RequestRows, rows=rows, strict=strict)

    def serving_default(text: Tensor) -> dict[str, Tensor]:
        asked = request({"text": text})
        asked.text("text", characters=characters)
        return asked.answer(**predictor.likeliest_tensor(asked["text"], count))

    def generate(
        prompt: Tensor,
        length: Tensor,
        temperature: Tensor,
        top_p: Tensor,
        seed: Tensor,
    ) -> dict[str, Tensor]:
        settings = {"length": length, "temperature": temperature, "top_p": top_p}
        asked = request({"prompt": prompt, **settings, "seed": seed})
        asked.text("prompt", characters=characters)
        asked.sampling(LONGEST)
        continuation, finished = predictor.continue_tensor(
            *(asked[n] for n in ("prompt", "length", "temperature", "top_p", "seed"))
        )
        return asked.answer(continuation=continuation, finished=finished)

    def completed(asked: RequestRows, settings: dict[str, Tensor]) -> dict[str, Tensor]:
        found = predictor.complete_tensor(
            asked["prompt"], asked["length"], asked["stop"], settings
        )
        return asked.answer(continuation=found.pop("text"), **found)

    def score(document: Tensor) -> dict[str, Tensor]:
        asked = request({"document": document})
        asked.text("document", characters=characters)
        nats, words = predictor.judge_tensor(asked["document"])
        return asked.answer(nats=nats, word_count=words)

    texts = ("text", "prompt", "document")
    limits = {"rows": rows, "length": LONGEST, "stop": STOP_CHARACTERS}
    limits |= dict.fromkeys(texts, characters)
    signature = functools.partial(
        row_signature,
        notes=limited_notes(_NOTES, characters, *texts),
        limits=limits,
        error=not strict,
    )

    return {
        "serving_default": signature(
            serving_default,
            f"Gives the {count} likeliest next words.",
            ("words", "probabilities", "unknown_probability", "end_probability"),
            text=tf.string,
        ),
        "generate": signature(
            generate,
            "Goes on with a text, everything set row by row.",
            ("continuation", "finished"),
            prompt=tf.string,
            length=tf.int32,
            temperature=tf.float32,
            top_p=tf.float32,
            seed=tf.int32,
        ),
        "complete": signature(
            completing(request, completed, characters=characters, longest=LONGEST),
            "Goes on with a text with all settings of sampling, and tells how it went.",
            ("continuation", *OUTPUTS),
            **completion_inputs(),
        ),
        "score": signature(
            score,
            "Tells how likely a text is.",
            ("nats", "word_count"),
            document=tf.string,
        ),
    }


def prediction_requests(
    texts: Iterable[str],
) -> dict[str, list[dict[str, list[Any]]]]:
    """Requests to warm a server up with, edge cases among them.

    Args:
        texts: A few texts.

    Returns:
        Dict from signature to a list of requests, for the `warmup` of
        `keras_seq.serving.export`.

    Example:

    >>> sorted(prediction_requests(["To be, or not to be"]))
    ['complete', 'generate', 'score', 'serving_default']
    """
    texts = list(texts)
    prompts = [" ".join(text[:400].split()[:5]) for text in texts] + ["", "?! 😀"]
    rows = range(len(prompts))
    return {
        "serving_default": [{"text": prompts}],
        "generate": [
            {
                "prompt": prompts,
                "length": [20 - 5 * (row % 3) for row in rows],
                "temperature": [0.5 + 0.25 * (row % 3) for row in rows],
                "top_p": [1.0 - 0.1 * (row % 2) for row in rows],
                "seed": list(rows),
            }
        ],
        "complete": [
            {
                "prompt": ["", *prompts[:1]],
                "length": [8, 5],
                "stop": [[".", "\n", "", ""], [""] * STOPS],
                "temperature": [0.8, 1.0],
                "top_k": [20, 0],
                "top_p": [0.95, 1.0],
                "min_p": [0.05, 0.0],
                "repetition_penalty": [1.1, 1.0],
                "seed": [1, 2],
            }
        ],
        "score": [{"document": [*texts, ""]}],
    }


def prediction_card(
    name: str, data: Mapping[str, Any], figures: Mapping[str, Any]
) -> dict[str, Any]:
    """The model card of a language model.

    Args:
        name: Name of the model.
        data: Dict with the "name", "digest" and "terms" of the texts that it learnt
            from, and the number of their words, "train_words".
        figures: Dict of its figures on texts that it hadn't read.

    Returns:
        Dict for the `model_card` of `keras_seq.serving.export`.

    Example:

    >>> data = {"name": "mine", "digest": "0", "terms": "free", "train_words": 9}
    >>> prediction_card("mine", data, {"perplexity": 70.0})["metrics"]
    {'perplexity': 70.0}
    """
    return {
        "name": name,
        "description": "A recurrent language model that foresees the next word and "
        "continues texts.",
        "intended_use": "Suggesting words in texts like those that it learnt from; "
        "teaching.",
        "limits": "It knows the words and the style of its data and no other. What it "
        "writes is not true, and may repeat what it has read.",
        "data": f"{data['train_words']} words of {data['name']}, SHA-256 "
        f"{data['digest']}",
        "terms": data["terms"],
        "metrics": figures,
    }
