"""A tune writer as a served model: strings in, strings out."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from keras_seq.decoding import Sample
from keras_seq.extras import require
from keras_seq.music.corpora import Corpus
from keras_seq.music.documents import FIELDS
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar._typed import without_layout
from keras_seq.music.grammar.constraint import Beginnings
from keras_seq.music.writing import TuneWriter
from keras_seq.text._completion import (
    NOTES,
    OUTPUTS,
    STOP_CHARACTERS,
    STOPS,
    completing,
    completion_inputs,
)
from keras_seq.text._strings import limited_notes
from keras_seq.typing import Tensor

if TYPE_CHECKING:
    from keras_seq.serving import Signature

_SHOWN = 12  # characters before what is refused
CHARACTERS = 5000  # of a text that is read, unless an export says otherwise

_NOTES = NOTES | {
    "prompt": "how the tune begins: header lines "
    f"{', '.join(FIELDS)} in this order, each ended by a newline, then music; "
    "empty leaves everything to the model",
    "seed": "at least 0; the same seed gives the same tune",
    "temperature": "above 0 and finite; lower is safer, higher bolder",
    "top_p": "in (0, 1]: only the likeliest characters that together have this "
    "probability are drawn",
    "length": "characters to write at most",
    "abc": "the tune",
    "finished": "whether the model ended the tune, rather than the length",
    "tune": "a tune in ABC notation, its header as in `prompt`",
    "nats_per_character": "-ln p of the tune and its end mark, by `characters`",
    "characters": "characters of the tune without its X: line, and the end mark",
}

_IN_GRAMMAR = (
    "; read by a grammar of tunes (keras_seq.music.TuneGrammar), once space behind a "
    "field's colon, beside bar lines and at the ends of lines is left out, and refused "
    "where it breaks that"
)


def tune_signatures(
    writer: TuneWriter,
    *,
    temperature: float,
    longest: int,
    characters: int = CHARACTERS,
    rows: int = 64,
    strict: bool = False,
) -> dict[str, "Signature"]:
    """The signatures of a `TuneWriter` for `keras_seq.serving.export`.

    A row whose text is too long, or any of whose settings is out of range, has no
    answer, and the reason in the output "error".

    Args:
        writer: The `TuneWriter`.
        temperature: Temperature of `serving_default`.
        longest: Characters that may be written.
        characters: Characters that a prompt, or a tune to be scored, may have.
        rows: Rows that a request may have.
        strict: Whether a row that can't be answered fails its whole batch, as an
            error of the server; then there is no output "error".

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (prompt, seed
        → abc, finished), "generate" (temperature, top_p and length too), "complete"
        (top_k, min_p, repetition_penalty and stop too → abc, finish_reason, tokens,
        log_probabilities, token_count) and "score" (tune → nats_per_character,
        characters); each gives "error" too.

    Raises:
        ValueError: If a setting is out of range.

    Example:

    >>> import keras
    >>> from keras_seq.text import CharacterVocabulary
    >>> ids = keras.Input((None,), dtype="int32")
    >>> logits = keras.layers.Embedding(8, 8)(ids)
    >>> writer = TuneWriter(keras.Model(ids, logits), CharacterVocabulary("CDEF"))
    >>> signatures = tune_signatures(writer, temperature=0.8, longest=2000)
    >>> sorted(signatures["generate"].inputs)
    ['length', 'prompt', 'seed', 'temperature', 'top_p']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import RequestRows, row_signature

    Sample(temperature=temperature)
    for name, value in (
        ("longest", longest),
        ("characters", characters),
        ("rows", rows),
    ):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1; received {value!r}.")

    request = functools.partial(RequestRows, rows=rows, strict=strict)

    def begin(asked: RequestRows, length: Tensor) -> Beginnings | None:
        """Makes documents of the prompts; those that break the grammar are refused."""
        asked.replace("prompt", _without_reference(tf, asked["prompt"]))
        if writer.grammar is None:
            return None
        asked.replace("prompt", without_layout(asked["prompt"]))
        begun = writer.grammar.read_texts(asked["prompt"])
        first = tf.maximum(begun.good - _SHOWN, 0)
        shown = tf.strings.substr(
            asked["prompt"], first, begun.good - first, unit="UTF8_CHAR"
        )
        shown = tf.strings.regex_replace(shown, "\n", r"\\n")
        asked.refuse(
            ~begun.whole,
            "prompt breaks the grammar behind character ",
            begun.good,
            ", behind '",
            shown,
            "'",
        )
        asked.refuse(begun.more >= NEVER, "prompt has no end within the grammar")
        asked.refuse(
            begun.more > length, "length must be at least ", begun.more, " for an end"
        )
        return begun

    def written(
        asked: RequestRows, begun: Beginnings | None, **settings: Tensor
    ) -> dict[str, Tensor]:
        text, finished = writer.continue_documents(
            asked["prompt"], **settings, begun=begun
        )
        abc = tf.strings.join(["X:1\n", asked["prompt"], text])
        return asked.answer(abc=abc, finished=finished)

    def generate(
        prompt: Tensor,
        temperature: Tensor,
        top_p: Tensor,
        seed: Tensor,
        length: Tensor,
    ) -> dict[str, Tensor]:
        settings = {"temperature": temperature, "top_p": top_p, "seed": seed}
        asked = request({"prompt": prompt, **settings, "length": length})
        asked.text("prompt", characters=characters)
        asked.sampling(longest)
        begun = begin(asked, asked["length"])
        # Behind the refusals: a row without an answer costs nothing.
        names = ("temperature", "top_p", "seed", "length")
        settings = {name: asked[name] for name in names}
        settings["max_length"] = settings.pop("length")
        return written(asked, begun, **settings)

    def completed(asked: RequestRows, settings: dict[str, Tensor]) -> dict[str, Tensor]:
        begun = begin(asked, asked["length"])
        found = writer.complete_documents(
            asked["prompt"],
            asked["length"],
            asked["stop"],
            settings,
            begun,
        )
        abc = tf.strings.join(["X:1\n", asked["prompt"], found.pop("text")])
        return asked.answer(abc=abc, **found)

    def serving_default(prompt: Tensor, seed: Tensor) -> dict[str, Tensor]:
        asked = request({"prompt": prompt, "seed": seed})
        asked.text("prompt", characters=characters)
        asked.refuse(asked["seed"] < 0, "seed must be >= 0; received ", asked["seed"])
        begun = begin(asked, tf.fill(tf.shape(asked["seed"]), longest))
        seed = asked["seed"]
        ones = tf.ones_like(seed, "float32")
        length = tf.where(asked.good, longest, 1)
        settings = {"temperature": ones * temperature, "top_p": ones, "seed": seed}
        return written(asked, begun, **settings, max_length=length)

    def score(tune: Tensor) -> dict[str, Tensor]:
        asked = request({"tune": tune})
        asked.text("tune", characters=characters)
        document = _without_reference(tf, asked["tune"])
        document = tf.strings.regex_replace(document, r"\n*$", "\n")
        nats, count = writer.judge_documents(document)
        per_character = nats / tf.cast(count, tf.float32)
        return asked.answer(nats_per_character=per_character, characters=count)

    texts = ("prompt", "tune")
    known = _NOTES
    if writer.grammar is not None:
        known = _NOTES | {
            "prompt": _NOTES["prompt"] + _IN_GRAMMAR,
            "abc": "the tune, a valid one; the prompt in it without the space that is "
            "layout alone",
        }
    notes = limited_notes(known, characters, *texts)
    signature = functools.partial(
        row_signature,
        notes=notes | {"length": f"{_NOTES['length']}, 1 to {longest}"},
        limits={"rows": rows, "length": longest, "stop": STOP_CHARACTERS}
        | dict.fromkeys(texts, characters),
        error=not strict,
    )

    return {
        "serving_default": signature(
            serving_default,
            f"Writes a tune at temperature {temperature}.",
            ("abc", "finished"),
            prompt=tf.string,
            seed=tf.int32,
        ),
        "generate": signature(
            generate,
            "Writes a tune, everything set row by row.",
            ("abc", "finished"),
            prompt=tf.string,
            temperature=tf.float32,
            top_p=tf.float32,
            seed=tf.int32,
            length=tf.int32,
        ),
        "complete": signature(
            completing(request, completed, characters=characters, longest=longest),
            "Writes a tune with all settings of sampling, and tells how it went.",
            ("abc", *OUTPUTS),
            **completion_inputs(),
        ),
        "score": signature(
            score,
            "Tells how likely a tune is.",
            ("nats_per_character", "characters"),
            tune=tf.string,
        ),
    }


def tune_requests(tunes: Iterable[str]) -> dict[str, list[dict[str, list[Any]]]]:
    r"""Requests to warm a server up with, edge cases among them.

    Args:
        tunes: A few tunes in ABC notation, to be scored.

    Returns:
        Dict from signature to a list of requests, for the `warmup` of
        `keras_seq.serving.export`.

    Example:

    >>> sorted(tune_requests(["X:1\nK:D\nD|"]))
    ['complete', 'generate', 'score', 'serving_default']
    """
    prompts = ["T:Keras\nM:6/8\nL:1/8\nK:D\n", "T:The ", ""]
    return {
        "serving_default": [{"prompt": prompts[:1], "seed": [1]}],
        "generate": [
            {
                "prompt": prompts,
                "temperature": [0.8, 1.0, 0.5],
                "top_p": [0.95, 1.0, 0.9],
                "seed": [1, 2, 3],
                "length": [100, 70, 40],
            }
        ],
        "complete": [
            {
                "prompt": prompts[:2],
                "length": [40, 70],
                "stop": [["|\n", "", "", ""], [""] * STOPS],
                "temperature": [0.8, 1.0],
                "top_k": [10, 0],
                "top_p": [0.95, 1.0],
                "min_p": [0.05, 0.0],
                "repetition_penalty": [1.1, 1.0],
                "seed": [1, 2],
            }
        ],
        "score": [{"tune": list(tunes)}],
    }


def tune_card(name: str, corpus: Corpus, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The model card of a tune writer.

    Args:
        name: Name of the model.
        corpus: The `Corpus` that it learnt from.
        figures: Dict of its figures on tunes that it hadn't read.

    Returns:
        Dict for the `model_card` of `keras_seq.serving.export`.

    Example:

    >>> from keras_seq.music import Corpus
    >>> card = tune_card("tunes", Corpus("mine", (), (), "free"), {"nats": 1.1})
    >>> card["terms"], card["metrics"]
    ('free', {'nats': 1.1})
    """
    return {
        "name": name,
        "description": "A recurrent model that writes folk tunes in ABC notation, "
        "character by character.",
        "intended_use": "Writing tunes in the style of its data for people to choose "
        "from; teaching.",
        "limits": "It knows the style of its data and no other. A tune may be "
        "malformed, or near to one that the model has read: see the metrics.",
        "data": f"{len(corpus.tunes)} tunes of {PurePath(corpus.name).name}, "
        f"SHA-256 {corpus.digest}",
        "terms": corpus.terms,
        "metrics": figures,
    }


def _without_reference(tf: Any, tunes: Tensor) -> Tensor:
    """Documents: line ends as newlines, no X: line."""
    tunes = tf.strings.regex_replace(tunes, r"\r\n?", "\n")
    return tf.strings.regex_replace(tunes, r"^X:[^\n]*(\n|$)", "")
