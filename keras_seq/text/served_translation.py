"""A translator as a served model: strings in, strings out."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from keras_seq.extras import require
from keras_seq.text._strings import limited_notes
from keras_seq.text._widths import search_by_width
from keras_seq.text.start_and_end import (
    after_start,
    ids_nats,
    most_tokens,
    with_end,
)
from keras_seq.text.translator import Translator
from keras_seq.typing import Tensor

if TYPE_CHECKING:
    from keras_seq.serving import Signature

WIDEST = 16
NO_SCORE = -1e9  # JSON has no word for -inf
CHARACTERS = 500  # of a sentence, unless an export says otherwise
_AT_ONCE = 2**26  # numbers, about, that are held at once

_NOTES = {
    "source": "the sentence to translate, UTF-8",
    "translation": "the translation",
    "score": "ln p of it, divided by the length penalty: nearer to 0 is likelier; 0 "
    "for an empty sentence, whose translation is empty",
    "finished": "whether the model ended it, rather than the length",
    "width": f"hypotheses that the beam search keeps, 1 to {WIDEST}, fewer for a long "
    "source; 1 is greedy",
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
    translator: Translator,
    *,
    width: int = 5,
    length_penalty: float = 1.0,
    characters: int = CHARACTERS,
    rows: int = 64,
    strict: bool = False,
) -> dict[str, "Signature"]:
    """The signatures of a `Translator` for `keras_seq.serving.export`.

    A row that is too long or out of range has no answer, and the reason in the
    output "error".

    Args:
        translator: The `Translator`.
        width: Width of `serving_default`.
        length_penalty: Length penalty of `serving_default`.
        characters: Characters, and tokens, that a sentence or translation may have.
        rows: Rows that a request may have.
        strict: Whether a row that can't be answered fails its whole batch, as an
            error of the server; then there is no output "error".

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (source →
        translation, score, finished), "translate" (width, n_best and penalties
        row by row → translations, scores, finished), "attention" (source and a
        translation → the tokens of both and the weights between them) and
        "score" (source, translation → nats, tokens); each gives "error" too.

    Raises:
        ValueError: If `width`, `characters` or `rows` is out of its range.

    Example:

    >>> from keras_seq.layers import BahdanauDecoder, EncoderDecoder, ExplicitGRU
    >>> from keras_seq.text import CharacterVocabulary, Translator
    >>> vocabulary = CharacterVocabulary("abc")
    >>> model = EncoderDecoder(
    ...     ExplicitGRU(8, return_sequences=True),
    ...     BahdanauDecoder(8, 8),
    ...     len(vocabulary),
    ...     source_vocabulary=len(vocabulary),
    ...     dim=4,
    ... )
    >>> translator = Translator(model, vocabulary, vocabulary)
    >>> sorted(translation_signatures(translator))
    ['attention', 'score', 'serving_default', 'translate']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import RequestRows, in_blocks, row_signature

    if not 1 <= width <= WIDEST:
        raise ValueError(f"`width` must be in [1, {WIDEST}]; received {width!r}.")
    for name, value in (("characters", characters), ("rows", rows)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1; received {value!r}.")
    longest = min(characters, translator.longest_source or characters)
    width_by_default = width

    def request(**inputs: Tensor) -> RequestRows:
        """The checked rows: no sentence has more characters or tokens than it may."""
        asked = RequestRows(inputs, rows=rows, strict=strict)
        sides = [name for name in ("source", "translation") if name in inputs]
        asked.text(*sides, characters=characters)
        for name, vocabulary, most in (
            ("source", translator.source, longest),
            ("translation", translator.target, characters),
        ):
            if name in sides:
                casefold = name == "source" and translator.casefold
                _, lengths = with_end(vocabulary, asked[name], casefold=casefold)
                must = f"{name} must have at most {most} tokens; received "
                asked.refuse(lengths - 1 > most, must, lengths - 1)
        return asked

    @functools.cache
    def search_of(max_width: int) -> Callable[..., dict[str, Tensor]]:
        """A search, traced once for all signatures."""
        integers, floats = (tf.TensorSpec([None], x) for x in (tf.int32, tf.float32))
        ids = tf.TensorSpec([None, None], tf.int32)
        return tf.function(
            functools.partial(search, max_width),
            input_signature=[ids, integers, integers, floats, floats],
            autograph=False,
        )

    def search(
        max_width: int, ids: Tensor, lengths: Tensor, *settings: Tensor
    ) -> dict[str, Tensor]:
        def some(ids: Tensor, lengths: Tensor, *settings: Tensor) -> dict[str, Tensor]:
            width, alpha, beta = settings
            found = translator.search_ids(
                *(ids, lengths, alpha, beta, width, max_width), characters
            )
            return {name: found[name] for name in ("texts", "scores", "finished")}

        size = tf.shape(ids)[1]
        # Of a hypothesis memory, keys and weights; of a row what a transformer reads.
        held = max_width * size * (1024 + translator.longest) + 16 * size**2
        return in_blocks(some, _AT_ONCE // held, ids, lengths, *settings)

    def serving_default(source: Tensor) -> dict[str, Tensor]:
        asked = request(source=source)
        ids, lengths = translator.source_ids(asked["source"])
        ones = tf.ones_like(lengths)
        zeros = tf.zeros_like(lengths, tf.float32)
        settings = width * ones, zeros + length_penalty, zeros
        found = search_of(width)(ids, lengths, *settings)
        return asked.answer(
            translation=found["texts"][:, 0],
            score=found["scores"][:, 0],
            finished=found["finished"][:, 0],
        )

    def translate(
        source: Tensor,
        width: Tensor,
        n_best: Tensor,
        length_penalty: Tensor,
        coverage_penalty: Tensor,
    ) -> dict[str, Tensor]:
        penalties = {
            "length_penalty": length_penalty,
            "coverage_penalty": coverage_penalty,
        }
        asked = request(source=source, width=width, n_best=n_best, **penalties)
        asked.search(WIDEST, *penalties)
        # A step costs as the width by the source does, and there are more of them. What
        # is wider than by default is searched with the widest: where that would cost
        # more than the longest source may, it isn't.
        _, lengths = translator.source_ids(asked["source"])
        usual = max(width_by_default, 5)
        widest = usual * longest // tf.maximum(lengths - 1, 1)
        written = min(translator.longest, characters)
        steps, most_steps = (most_tokens(n, written) for n in (lengths, longest + 1))
        dear = WIDEST * (lengths - 1) * steps > usual * longest * most_steps
        widest = tf.where(dear, tf.minimum(widest, usual), widest)
        asked.refuse(
            asked["width"] > widest,
            *("width must be <= ", widest, " for a source of ", lengths - 1),
            *(" tokens; received ", asked["width"]),
        )
        found = search_by_width(
            lambda max_width, *inputs: search_of(max_width)(*inputs),
            widths,
            asked["width"],
            *translator.source_ids(asked["source"]),
            *(asked[name] for name in ("width", *penalties)),
        )
        wanted = tf.sequence_mask(asked["n_best"], WIDEST)
        scores = tf.where(wanted, tf.maximum(found["scores"], NO_SCORE), NO_SCORE)
        return asked.answer(
            translations=tf.where(wanted, found["texts"], ""),
            scores=scores,
            finished=wanted & found["finished"],
        )

    def attention(source: Tensor, translation: Tensor) -> dict[str, Tensor]:
        asked = request(source=source, translation=translation)
        read, _ = translator.source_ids(asked["source"])
        written, lengths = with_end(translator.target, asked["translation"])

        def some(read: Tensor, written: Tensor) -> dict[str, Tensor]:
            sides = {"source": read, "target": after_start(written)}
            _, weights = translator.model(sides, return_attention_scores=True)
            return {"weights": weights}

        found = in_blocks(some, at_once(read, written), read, written)
        counts = tf.sequence_mask(lengths, tf.shape(written)[1])
        return asked.answer(
            source_tokens=translator.source.pieces_tensor(read),
            translation_tokens=translator.target.pieces_tensor(written),
            weights=tf.where(counts[..., None], found["weights"], 0.0),
        )

    def score(source: Tensor, translation: Tensor) -> dict[str, Tensor]:
        asked = request(source=source, translation=translation)
        read, _ = translator.source_ids(asked["source"])
        written, lengths = with_end(translator.target, asked["translation"])

        def some(read: Tensor, *target: Tensor) -> dict[str, Tensor]:
            return {"nats": ids_nats(translator.model, read, *target)}

        found = in_blocks(some, at_once(read, written), read, written, lengths)
        return asked.answer(nats=found["nats"], tokens=lengths)

    def at_once(read: Tensor, written: Tensor) -> Tensor:
        source, target = tf.shape(read)[1], tf.shape(written)[1]
        logits = 3 * target * len(translator.target)
        read_whole = 16 * (source + target) ** 2 + 1024 * (source + target)
        return _AT_ONCE // (logits + read_whole)

    widths = sorted({1, width, max(width, 5), WIDEST})
    texts = ("source", "translation")
    notes = limited_notes(_NOTES, characters, "source")
    limits = {"rows": rows, "width": WIDEST} | dict.fromkeys(texts, characters)
    limits["source"] = longest
    signature = functools.partial(
        row_signature, notes=notes, limits=limits, error=not strict, source=tf.string
    )
    paired = notes | {
        "translation": "a translation, as long as `source` at most",
    }

    return {
        "serving_default": signature(
            serving_default,
            f"Translates, with a beam of width {width}.",
            ("translation", "score", "finished"),
        ),
        "translate": signature(
            translate,
            "Translates, everything set row by row.",
            ("translations", "scores", "finished"),
            width=tf.int32,
            n_best=tf.int32,
            length_penalty=tf.float32,
            coverage_penalty=tf.float32,
        ),
        "attention": signature(
            attention,
            "Shows where the model looks while it reads a translation.",
            ("source_tokens", "translation_tokens", "weights"),
            notes=paired,
            translation=tf.string,
        ),
        "score": signature(
            score,
            "Tells how likely a translation is.",
            ("nats", "tokens"),
            notes=paired,
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
