"""A captioner as a served model: image files in, captions and attention out."""

import functools
import typing
from collections.abc import Callable, Iterable, Mapping

from keras_seq.extras import require
from keras_seq.typing import Tensor
from keras_seq.vision.captioner import Captioner

if typing.TYPE_CHECKING:
    from keras_seq.serving import Signature

WIDEST = 16

_NOTES = {
    "image_bytes": "content of an image file, JPEG, PNG, GIF or BMP of any size; in "
    'JSON {"b64": "..."}',
    "caption": "the caption",
    "probability": "p of the caption",
    "width": f"hypotheses that the beam search keeps, 1 to {WIDEST}; 1 is greedy",
    "n_best": "captions wanted, 1 to `width`",
    "length_penalty": "0 or more; above 0 favours longer captions, 1 is usual",
    "captions": "the `n_best` captions, best first, then empty strings",
    "probabilities": "p of each; 0 where there is none",
    "words": "what stands for the caption's tokens, then empty strings",
    "attention": "for each of them, and the end behind, the weights of the cells of a "
    "grid over the image, upright and stretched to a square, row by row from the top",
    "nats": "-ln p of the caption and its end",
    "tokens": "number of its tokens, the end included",
}


def caption_signatures(
    captioner: Captioner, *, width: int = 5, length_penalty: float = 1.0
) -> "dict[str, Signature]":
    """The signatures of a `Captioner` for `keras_seq.serving.export`.

    Args:
        captioner: The `Captioner`.
        width: Width of `serving_default` and `attention`.
        length_penalty: Length penalty of both.

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (image_bytes →
        caption, probability), "attention" (image_bytes → caption, its words, and the
        weights over the image for each), "caption" (width, n_best and length penalty
        row by row → captions, probabilities) and "score" (image_bytes, caption →
        nats, tokens).

    Raises:
        ValueError: If `width` is out of its range.

    Example:

    >>> captioner = ...  # a Captioner, as its example makes it
    >>> sorted(caption_signatures(captioner))
    ['attention', 'caption', 'score', 'serving_default']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import (
        row_signature,
        same_rows,
        search_checks,
    )

    if not 1 <= width <= WIDEST:
        raise ValueError(f"`width` must be in [1, {WIDEST}]; received {width!r}.")

    # Each search is traced once, however many signatures and requests ask for it.
    strings = tf.TensorSpec([None], tf.string)
    numbers = tf.TensorSpec([None], tf.int32)
    penalties = tf.TensorSpec([None], tf.float32)

    def traced(*specs: typing.Any) -> Callable[[Callable[..., typing.Any]], typing.Any]:
        return functools.partial(tf.function, input_signature=specs, autograph=False)

    @traced(strings)
    def best(image_bytes: Tensor) -> dict[str, Tensor]:
        found = captioner.search(
            captioner.extractor(image_bytes),
            float(length_penalty),
            width=width,
            max_width=width,
        )
        return {name: value[:, 0] for name, value in found.items()}

    @traced(strings, numbers, penalties)
    def search(
        image_bytes: Tensor, width: Tensor, length_penalty: Tensor
    ) -> tuple[Tensor, Tensor]:
        found = captioner.search(
            captioner.extractor(image_bytes),
            length_penalty,
            width=width,
            max_width=WIDEST,
        )
        return found["texts"], found["probabilities"]

    def serving_default(image_bytes: Tensor) -> dict[str, Tensor]:
        found = best(image_bytes)
        return {"caption": found["texts"], "probability": found["probabilities"]}

    def attention(image_bytes: Tensor) -> dict[str, Tensor]:
        found = best(image_bytes)
        longest = tf.shape(found["ids"])[1]
        written = tf.sequence_mask(found["lengths"], longest)
        read = tf.sequence_mask(
            found["lengths"] + tf.cast(found["finished"], tf.int32), longest
        )
        words = captioner.vocabulary.pieces_tensor(found["ids"])
        return {
            "caption": found["texts"],
            "words": tf.where(written, words, ""),
            "attention": tf.where(read[..., None, None], found["attention"], 0.0),
        }

    def caption(
        image_bytes: Tensor, width: Tensor, n_best: Tensor, length_penalty: Tensor
    ) -> dict[str, Tensor]:
        asked = {"width": width, "n_best": n_best, "length_penalty": length_penalty}
        checks = search_checks(WIDEST, **asked)
        checks += same_rows(image_bytes=image_bytes, **asked)
        with tf.control_dependencies(checks):
            image_bytes = tf.identity(image_bytes)
        texts, probabilities = search(image_bytes, width, length_penalty)
        wanted = tf.sequence_mask(n_best, WIDEST)
        return {
            "captions": tf.where(wanted, texts, ""),
            "probabilities": tf.where(wanted, probabilities, 0.0),
        }

    def score(image_bytes: Tensor, caption: Tensor) -> dict[str, Tensor]:
        same = same_rows(image_bytes=image_bytes, caption=caption)
        with tf.control_dependencies(same):
            image_bytes = tf.identity(image_bytes)
        nats, tokens = captioner.judge(captioner.extractor(image_bytes), caption)
        return {"nats": nats, "tokens": tokens}

    signature = functools.partial(row_signature, notes=_NOTES, image_bytes=tf.string)

    return {
        "serving_default": signature(
            serving_default,
            f"Captions an image, with a beam of width {width}.",
            ("caption", "probability"),
        ),
        "attention": signature(
            attention,
            "Captions an image, and shows where it looked for each word.",
            ("caption", "words", "attention"),
        ),
        "caption": signature(
            caption,
            "Captions an image, everything set row by row.",
            ("captions", "probabilities"),
            width=tf.int32,
            n_best=tf.int32,
            length_penalty=tf.float32,
        ),
        "score": signature(
            score,
            "Tells how likely a caption is.",
            ("nats", "tokens"),
            caption=tf.string,
        ),
    }


def caption_requests(
    images: Iterable[bytes], captions: Iterable[str]
) -> dict[str, list[dict[str, list[typing.Any]]]]:
    """Requests to warm a server up with.

    Args:
        images: Contents of a few image files.
        captions: A caption for each.

    Returns:
        Dict from signature to a list of requests, for the `warmup` of
        `keras_seq.serving.export`.

    Example:

    >>> sorted(caption_requests([b"..."], ["a cat"]))
    ['attention', 'caption', 'score', 'serving_default']
    """
    images = list(images)
    rows = range(len(images))
    return {
        "serving_default": [{"image_bytes": images}],
        "attention": [{"image_bytes": images}],
        "caption": [
            {
                "image_bytes": images,
                "width": [1 + 2 * (row % 3) for row in rows],
                "n_best": [1 + row % 3 for row in rows],
                "length_penalty": [0.5 * (row % 3) for row in rows],
            }
        ],
        "score": [{"image_bytes": images, "caption": list(captions)}],
    }


def caption_card(
    name: str, data: Mapping[str, typing.Any], figures: Mapping[str, typing.Any]
) -> dict[str, typing.Any]:
    """The model card of a captioner.

    Args:
        name: Name of the model.
        data: Dict with the "name", "digest" and "terms" of the images that it learnt
            from, and their number, "train".
        figures: Dict of its figures on images that it hadn't seen.

    Returns:
        Dict for the `model_card` of `keras_seq.serving.export`.

    Example:

    >>> data = {"name": "mine", "digest": "0", "terms": "free", "train": 9}
    >>> caption_card("mine", data, {"bleu_4": 30.0})["metrics"]
    {'bleu_4': 30.0}
    """
    return {
        "name": name,
        "description": "An encoder makes a grid of features of an image; a decoder "
        "attends to its cells and writes a caption word by word.",
        "intended_use": "Captioning images like those that it learnt from; teaching.",
        "limits": "It knows the subjects, the words and the prejudices of its data and "
        "no other, and captions other images fluently and wrongly. Attention shows "
        "where it looked, not why. Not for people who must rely on what it says.",
        "data": f"{data['train']} images of {data['name']}, SHA-256 {data['digest']}",
        "terms": data["terms"],
        "metrics": figures,
    }
