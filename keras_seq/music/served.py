"""A tune writer as a served model: strings in, strings out."""

from keras_seq._extras import require
from keras_seq.music.documents import FIELDS

_NOTES = {
    "prompt": "how the tune begins: header lines "
    f"{', '.join(FIELDS)} in this order, each ended by a newline, then music; "
    "empty leaves everything to the model",
    "seed": "the same seed gives the same tune",
    "temperature": "above 0; lower is safer, higher bolder",
    "top_p": "in (0, 1]: only the likeliest characters that together have this "
    "probability are drawn",
    "length": "characters to write at most",
    "abc": "the tune",
    "finished": "whether the model ended the tune, rather than the length",
    "tune": "a tune in ABC notation, its header as in `prompt`",
    "nats_per_character": "-ln p of the tune and its end mark, by `characters`",
    "characters": "characters of the tune without its X: line, and the end mark",
}


def tune_signatures(writer, *, temperature, longest):
    """The signatures of a `TuneWriter` for `keras_seq.serving.export`.

    A request whose temperature, top_p or length is out of range is refused.

    Args:
        writer: The `TuneWriter`.
        temperature: Temperature of `serving_default`.
        longest: Characters that a tune may have.

    Returns:
        Dict of `keras_seq.serving.Signature`: "serving_default" (prompt, seed
        → abc, finished), "generate" (temperature, top_p and length too) and
        "score" (tune → nats_per_character, characters).

    Example:

    >>> writer = ...  # a TuneWriter, as its example makes it
    >>> signatures = tune_signatures(writer, temperature=0.8, longest=2000)
    >>> sorted(signatures["generate"].inputs)
    ['length', 'prompt', 'seed', 'temperature', 'top_p']
    """
    tf = require("tensorflow", "serving")
    from keras_seq.serving import Signature

    def generate(prompt, temperature, top_p, seed, length):
        checks = [
            tf.debugging.assert_greater(temperature, 0.0, "temperature must be > 0"),
            tf.debugging.assert_greater(top_p, 0.0, "top_p must be in (0, 1]"),
            tf.debugging.assert_less_equal(top_p, 1.0, "top_p must be in (0, 1]"),
            tf.debugging.assert_greater(length, 0, "length must be > 0"),
            tf.debugging.assert_less_equal(
                length, longest, f"length must be <= {longest}"
            ),
        ]
        with tf.control_dependencies(checks):
            document = _without_reference(tf, prompt)
        text, finished = writer.continue_documents(
            document, temperature, top_p, seed, length
        )
        return {"abc": tf.strings.join(["X:1\n", document, text]), "finished": finished}

    def serving_default(prompt, seed):
        rows = tf.shape(seed)
        return generate(
            prompt,
            tf.fill(rows, float(temperature)),
            tf.ones(rows),
            seed,
            tf.fill(rows, longest),
        )

    def score(tune):
        document = tf.strings.regex_replace(_without_reference(tf, tune), r"\n*$", "\n")
        nats, characters = writer.judge_documents(document)
        per_character = nats / tf.cast(characters, tf.float32)
        return {"nats_per_character": per_character, "characters": characters}

    def signature(function, description, outputs, **dtypes):
        return Signature(
            function,
            {name: tf.TensorSpec([None], dtype) for name, dtype in dtypes.items()},
            outputs=outputs,
            description=description,
            notes={name: _NOTES[name] for name in (*dtypes, *outputs)},
        )

    written = ("abc", "finished")
    judged = ("nats_per_character", "characters")

    return {
        "serving_default": signature(
            serving_default,
            f"Writes a tune at temperature {temperature}.",
            written,
            prompt=tf.string,
            seed=tf.int32,
        ),
        "generate": signature(
            generate,
            "Writes a tune, everything set row by row.",
            written,
            prompt=tf.string,
            temperature=tf.float32,
            top_p=tf.float32,
            seed=tf.int32,
            length=tf.int32,
        ),
        "score": signature(
            score, "Tells how likely a tune is.", judged, tune=tf.string
        ),
    }


def _without_reference(tf, tunes):
    """Documents: line ends as newlines, no X: line."""
    tunes = tf.strings.regex_replace(tunes, r"\r\n?", "\n")
    return tf.strings.regex_replace(tunes, r"^X:[^\n]*\n", "")
