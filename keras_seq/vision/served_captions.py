"""A captioner as a served model: image files in, captions and attention out."""

import functools
import typing
from collections.abc import Callable, Iterable, Mapping

from keras_seq.extras import require
from keras_seq.text._strings import limited_notes
from keras_seq.text._widths import search_by_width
from keras_seq.typing import Tensor
from keras_seq.vision.captioner import Captioner
from keras_seq.vision.images import PIXELS, SIDE, try_images

if typing.TYPE_CHECKING:
    from keras_seq.serving import Signature

WIDEST = 16
CHARACTERS = 1000  # of a caption that is scored
_BYTES = 20_000_000  # of a picture's file, unless an export says otherwise
_AT_ONCE = 16  # pictures whose features are held at once

_NOTES = {
    "image_bytes": "content of an image file, JPEG, PNG, GIF or BMP; in "
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
    captioner: Captioner,
    *,
    width: int = 5,
    length_penalty: float = 1.0,
    pixels: int = PIXELS,
    file_bytes: int = _BYTES,
    rows: int = 64,
    strict: bool = False,
) -> "dict[str, Signature]":
    """The signatures of a `Captioner` for `keras_seq.serving.export`.

    A row whose picture is too large or none, or that is out of range, has no answer,
    and the reason in the output "error".

    Args:
        captioner: The `Captioner`.
        width: Width of `serving_default` and `attention`.
        length_penalty: Length penalty of both.
        pixels: Pixels that a picture may have; no row or column of it may have more
            than 16,384.
        file_bytes: Bytes that its file may have.
        rows: Rows that a request may have.
        strict: Whether a row that can't be answered fails its whole batch, as an
            error of the server; then there is no output "error".

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (image_bytes →
        caption, probability), "attention" (image_bytes → caption, its words, and the
        weights over the image for each), "caption" (width, n_best and length penalty
        row by row → captions, probabilities) and "score" (image_bytes, caption →
        nats, tokens); each gives "error" too.

    Raises:
        ValueError: If a setting is out of its range.

    Example:

    >>> import keras
    >>> from keras_seq.layers import BahdanauDecoder, EncoderDecoder
    >>> from keras_seq.text import WordVocabulary
    >>> from keras_seq.vision import Captioner, GridExtractor
    >>> words = WordVocabulary(["a", "dog"])
    >>> encoder = keras.layers.Reshape((4, 3))
    >>> model = EncoderDecoder(encoder, BahdanauDecoder(8, 6), len(words), dim=4)
    >>> captioner = Captioner(model, words, GridExtractor(size=(2, 2)), longest=5)
    >>> sorted(caption_signatures(captioner))
    ['attention', 'caption', 'score', 'serving_default']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import RequestRows, in_blocks, row_signature

    if not 1 <= width <= WIDEST:
        raise ValueError(f"`width` must be in [1, {WIDEST}]; received {width!r}.")
    settings = {"pixels": pixels, "file_bytes": file_bytes, "rows": rows}
    for name, value in settings.items():
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1; received {value!r}.")
    extractor = captioner.extractor

    # What several signatures do is traced once.
    strings = tf.TensorSpec([None], tf.string)
    numbers = tf.TensorSpec([None], tf.int32)
    penalties = tf.TensorSpec([None], tf.float32)
    grids = tf.TensorSpec([None, *extractor.shape], extractor.dtype)

    def traced(*specs: typing.Any) -> Callable[[Callable[..., typing.Any]], typing.Any]:
        return functools.partial(tf.function, input_signature=specs, autograph=False)

    @traced(strings)
    def extract(image_bytes: Tensor) -> tuple[Tensor, Tensor]:
        def some(image_bytes: Tensor) -> dict[str, Tensor]:
            images, reasons = try_images(image_bytes, extractor.size, pixels=pixels)
            return {"grids": extractor.features(images), "reasons": reasons}

        found = in_blocks(some, _AT_ONCE, image_bytes)
        return found["grids"], found["reasons"]

    def request(**inputs: Tensor) -> tuple[RequestRows, Tensor]:
        """The checked rows, and the grids of their pictures."""
        asked = RequestRows(inputs, rows=rows, strict=strict)
        size = tf.strings.length(asked["image_bytes"])
        must = f"image_bytes must have at most {file_bytes} bytes; received "
        asked.refuse(size > file_bytes, must, size)
        if "width" in inputs:
            asked.search(WIDEST, "length_penalty")
        if "caption" in inputs:
            asked.text("caption", characters=CHARACTERS)
        found, reasons = extract(asked["image_bytes"])
        asked.refuse(reasons != "", "image_bytes ", reasons)
        return asked, found

    @traced(grids)
    def best(grids: Tensor) -> dict[str, Tensor]:
        found = captioner.search(
            grids, float(length_penalty), width=width, max_width=width
        )
        return {name: value[:, 0] for name, value in found.items()}

    @functools.cache
    def search_of(max_width: int) -> Callable[..., typing.Any]:
        @traced(grids, numbers, penalties)
        def search(grids: Tensor, width: Tensor, length_penalty: Tensor) -> typing.Any:
            found = captioner.search(
                grids, length_penalty, width=width, max_width=max_width
            )
            return {name: found[name] for name in ("texts", "probabilities")}

        return search

    def serving_default(image_bytes: Tensor) -> dict[str, Tensor]:
        asked, grids = request(image_bytes=image_bytes)
        found = best(grids)
        return asked.answer(caption=found["texts"], probability=found["probabilities"])

    def attention(image_bytes: Tensor) -> dict[str, Tensor]:
        asked, grids = request(image_bytes=image_bytes)
        found = best(grids)
        longest = tf.shape(found["ids"])[1]
        written = tf.sequence_mask(found["lengths"], longest)
        read = tf.sequence_mask(
            found["lengths"] + tf.cast(found["finished"], tf.int32), longest
        )
        words = captioner.vocabulary.pieces_tensor(found["ids"])
        return asked.answer(
            caption=found["texts"],
            words=tf.where(written, words, ""),
            attention=tf.where(read[..., None, None], found["attention"], 0.0),
        )

    def caption(
        image_bytes: Tensor, width: Tensor, n_best: Tensor, length_penalty: Tensor
    ) -> dict[str, Tensor]:
        settings = {"width": width, "n_best": n_best, "length_penalty": length_penalty}
        asked, grids = request(image_bytes=image_bytes, **settings)
        found = search_by_width(
            lambda max_width, *inputs: search_of(max_width)(*inputs),
            widths,
            asked["width"],
            *(grids, asked["width"], asked["length_penalty"]),
        )
        wanted = tf.sequence_mask(asked["n_best"], WIDEST)
        return asked.answer(
            captions=tf.where(wanted, found["texts"], ""),
            probabilities=tf.where(wanted, found["probabilities"], 0.0),
        )

    def score(image_bytes: Tensor, caption: Tensor) -> dict[str, Tensor]:
        asked, grids = request(image_bytes=image_bytes, caption=caption)

        def some(grids: Tensor, captions: Tensor) -> dict[str, Tensor]:
            nats, tokens = captioner.judge(grids, captions)
            return {"nats": nats, "tokens": tokens}

        return asked.answer(**in_blocks(some, _AT_ONCE, grids, asked["caption"]))

    widths = sorted({1, width, WIDEST})
    picture = f"; at most {pixels} pixels ({SIDE} a side) in {file_bytes} bytes"
    notes = limited_notes(_NOTES, CHARACTERS, "caption") | {
        "image_bytes": _NOTES["image_bytes"] + picture
    }
    signature = functools.partial(
        row_signature,
        notes=notes,
        limits={
            "rows": rows,
            "image_bytes": pixels,
            "width": WIDEST,
            "caption": CHARACTERS,
        },
        error=not strict,
        image_bytes=tf.string,
    )

    return {
        "serving_default": signature(
            serving_default,
            f"Captions an image, with a beam of width {width}.",
            ("caption", "probability"),
            notes=notes | {"caption": _NOTES["caption"]},
        ),
        "attention": signature(
            attention,
            "Captions an image, and shows where it looked for each word.",
            ("caption", "words", "attention"),
            notes=notes | {"caption": _NOTES["caption"]},
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
