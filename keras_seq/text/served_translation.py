"""A translator as a served model: strings in, strings out."""

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from keras_seq.extras import require
from keras_seq.text.start_and_end import with_end
from keras_seq.text.translator import Translator
from keras_seq.typing import Tensor

if TYPE_CHECKING:
    from keras_seq.serving import Signature

WIDEST = 16
NO_SCORE = -1e9  # JSON has no word for -inf

_NOTES = {
    "source": "the sentence to translate, UTF-8",
    "translation": "the translation",
    "score": "ln p of it, divided by the length penalty: nearer to 0 is likelier; 0 "
    "for an empty sentence, whose translation is empty",
    "finished": "whether the model ended it, rather than the length",
    "width": f"hypotheses that the beam search keeps, 1 to {WIDEST}; 1 is greedy",
    "n_best": "translations wanted, 1 to `width`",
    "length_penalty": "0 or more; above 0 favours longer translations, 1 is usual",
    "coverage_penalty": "0 or more; above 0 favours translations that leave no "
    "part of the source out, 0.2 is usual",
    "translations": "the `n_best` translations, best first, then empty strings",
    "scores": f"what they were ranked by; {NO_SCORE:g} where there is none",
    "source_tokens": "what stands for the source's tokens, the end mark (empty) last",
    "translation_tokens": "what stands for the translation's tokens, the end mark "
    "(empty) last",
    "weights": "for each token of the translation the weights of the source's tokens",
    "nats": "-ln p of the translation and its end mark",
    "tokens": "number of its tokens, the end mark included",
}


def translation_signatures(
    translator: Translator, *, width: int = 5, length_penalty: float = 1.0
) -> dict[str, "Signature"]:
    """The signatures of a `Translator` for `keras_seq.serving.export`.

    Args:
        translator: The `Translator`.
        width: Width of `serving_default`.
        length_penalty: Length penalty of `serving_default`.

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (source →
        translation, score, finished), "translate" (width, n_best and penalties
        row by row → translations, scores, finished), "attention" (source and a
        translation → the tokens of both and the weights between them) and
        "score" (source, translation → nats, tokens).

    Raises:
        ValueError: If `width` is out of its range.

    Example:

    >>> translator = ...  # a Translator, as its example makes it
    >>> signatures = translation_signatures(translator)
    >>> sorted(signatures)
    ['attention', 'score', 'serving_default', 'translate']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import (
        row_signature,
        same_rows,
        search_checks,
    )

    if not 1 <= width <= WIDEST:
        raise ValueError(f"`width` must be in [1, {WIDEST}]; received {width!r}.")

    def serving_default(source: Tensor) -> dict[str, Tensor]:
        found = translator.search(
            source, float(length_penalty), 0.0, width=width, max_width=width
        )
        return {
            "translation": found["texts"][:, 0],
            "score": found["scores"][:, 0],
            "finished": found["finished"][:, 0],
        }

    def translate(
        source: Tensor,
        width: Tensor,
        n_best: Tensor,
        length_penalty: Tensor,
        coverage_penalty: Tensor,
    ) -> dict[str, Tensor]:
        asked = {
            "width": width,
            "n_best": n_best,
            "length_penalty": length_penalty,
            "coverage_penalty": coverage_penalty,
        }
        checks = search_checks(WIDEST, **asked) + same_rows(source=source, **asked)
        with tf.control_dependencies(checks):
            source = tf.identity(source)
        found = translator.search(
            source,
            length_penalty,
            coverage_penalty,
            width=width,
            max_width=WIDEST,
        )
        wanted = tf.sequence_mask(n_best, WIDEST)
        return {
            "translations": tf.where(wanted, found["texts"], ""),
            "scores": tf.where(wanted, tf.maximum(found["scores"], NO_SCORE), NO_SCORE),
            "finished": wanted & found["finished"],
        }

    def paired(source: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        with tf.control_dependencies(same_rows(source=source, translation=translation)):
            return tf.identity(source), tf.identity(translation)

    def attention(source: Tensor, translation: Tensor) -> dict[str, Tensor]:
        source, translation = paired(source, translation)
        read, _ = translator.source_ids(source)
        written, lengths = with_end(translator.target, translation)
        weights = translator.align(source, translation)
        counts = tf.sequence_mask(lengths, tf.shape(weights)[1])
        return {
            "source_tokens": translator.source.pieces_tensor(read),
            "translation_tokens": translator.target.pieces_tensor(written),
            "weights": tf.where(counts[..., None], weights, 0.0),
        }

    def score(source: Tensor, translation: Tensor) -> dict[str, Tensor]:
        nats, tokens = translator.judge(*paired(source, translation))
        return {"nats": nats, "tokens": tokens}

    signature = functools.partial(row_signature, notes=_NOTES)

    return {
        "serving_default": signature(
            serving_default,
            f"Translates, with a beam of width {width}.",
            ("translation", "score", "finished"),
            source=tf.string,
        ),
        "translate": signature(
            translate,
            "Translates, everything set row by row.",
            ("translations", "scores", "finished"),
            source=tf.string,
            width=tf.int32,
            n_best=tf.int32,
            length_penalty=tf.float32,
            coverage_penalty=tf.float32,
        ),
        "attention": signature(
            attention,
            "Shows where the model looks while it reads a translation.",
            ("source_tokens", "translation_tokens", "weights"),
            source=tf.string,
            translation=tf.string,
        ),
        "score": signature(
            score,
            "Tells how likely a translation is.",
            ("nats", "tokens"),
            source=tf.string,
            translation=tf.string,
        ),
    }


def translation_requests(
    pairs: Iterable[tuple[str, str]],
) -> dict[str, list[dict[str, list[Any]]]]:
    """Requests to warm a server up with, edge cases among them.

    Args:
        pairs: A few pairs of a sentence and its translation.

    Returns:
        Dict from signature to a list of requests, for the `warmup` of
        `keras_seq.serving.export`.

    Example:

    >>> sorted(translation_requests([("un chat", "a cat")]))
    ['attention', 'score', 'serving_default', 'translate']
    """
    sources, targets = (list(side) for side in zip(*pairs, strict=True))
    pair = {"source": sources, "translation": targets}
    asked = [*sources, "", "?!"]
    rows = range(len(asked))
    # A sure model's second and third translations may be equally likely, to the last
    # digits: which comes first depends on the batch. Of nothing they are none.
    n_best = [1 if source else 3 for source in asked]
    return {
        "serving_default": [{"source": asked}],
        "translate": [
            {
                "source": asked,
                "width": [max(n_best[row], 1 + 2 * (row % 3)) for row in rows],
                "n_best": n_best,
                "length_penalty": [0.5 * (row % 3) for row in rows],
                "coverage_penalty": [0.2 * (row % 2) for row in rows],
            }
        ],
        "attention": [pair],
        "score": [pair],
    }


def translation_card(
    name: str, data: Mapping[str, Any], figures: Mapping[str, Any]
) -> dict[str, Any]:
    """The model card of a translator.

    Args:
        name: Name of the model.
        data: Dict with the "name", "digest" and "terms" of the pairs that it learnt
            from, and their number, "train".
        figures: Dict of its figures on pairs that it hadn't read.

    Returns:
        Dict for the `model_card` of `keras_seq.serving.export`.

    Example:

    >>> data = {"name": "mine", "digest": "0", "terms": "free", "train": 9}
    >>> translation_card("mine", data, {"bleu": 30.0})["metrics"]
    {'bleu': 30.0}
    """
    return {
        "name": name,
        "description": "An encoder and a decoder with attention that translate "
        "sentence by sentence.",
        "intended_use": "Translating sentences like those that it learnt from; "
        "teaching.",
        "limits": "It knows the subjects and the style of its data and no other, and "
        "translates other text fluently and wrongly. It doesn't say that it doesn't "
        "know.",
        "data": f"{data['train']} pairs of {data['name']}, SHA-256 {data['digest']}",
        "terms": data["terms"],
        "metrics": figures,
    }
