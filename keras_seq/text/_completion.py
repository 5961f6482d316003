"""Writing as callers of text servers ask for it: cut-offs, penalties, stop strings."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from keras_seq.decoding import (
    Constraint,
    FinishReason,
    Generation,
    MinP,
    RepetitionPenalty,
    Sample,
    Temperature,
    generate,
)
from keras_seq.decoding.generate import Step
from keras_seq.text._word_steps import HOTTEST, WordSteps
from keras_seq.text.line_marks import mark_lines_tensor, restore_lines_tensor
from keras_seq.text.vocabulary import END, UNKNOWN, Strings, Vocabulary
from keras_seq.typing import Nest, Tensor

if TYPE_CHECKING:
    from keras_seq.serving import RequestRows

STOPS = 4  # strings that end a row
STOP_CHARACTERS = 100  # of each
SETTINGS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
WHOLE = ("top_k", "seed")  # of the settings, which are whole numbers
OUTPUTS = ("finish_reason", "tokens", "log_probabilities", "token_count")

NOTES = {
    "top_k": "0 or more: only so many of the likeliest are drawn; 0 is all",
    "min_p": "in [0, 1]: only those are drawn whose probability is at least this share "
    "of the likeliest's; 0 is all",
    "repetition_penalty": "in [0.01, 100]: above 1 holds it against what the prompt or "
    "the text has already, below 1 favours it; 1 is neither",
    "stop": f'{STOPS} strings, "" for none: the text ends before the first of them; '
    f"at most {STOP_CHARACTERS} characters each",
    "finish_reason": "why the text ends: end_token (the model ended it), "
    "stop_sequence, length or dead_end (nothing was left to draw)",
    "tokens": 'what was drawn, token by token; "" behind the last',
    "log_probabilities": "ln p of each of `tokens` under the model itself, whatever "
    "the settings, among what can be written; 0 behind the last",
    "token_count": "how many of `tokens` count",
}


def completion_inputs() -> dict[str, Any]:
    """The types of the inputs of a signature that completes, or their shapes."""
    import tensorflow as tf

    settings = dict.fromkeys(SETTINGS, tf.float32) | dict.fromkeys(WHOLE, tf.int32)
    stop = tf.TensorSpec([None, STOPS], tf.string)
    return {"prompt": tf.string, "length": tf.int32, "stop": stop, **settings}


def completing(
    request: Callable[[dict[str, Tensor]], "RequestRows"],
    write: Callable[["RequestRows", dict[str, Tensor]], dict[str, Tensor]],
    *,
    characters: int,
    longest: int,
) -> Callable[..., dict[str, Tensor]]:
    """The function of a signature that completes.

    Args:
        request: Makes `RequestRows` of inputs.
        write: From the checked rows and their `SETTINGS` to the answer.
        characters: Characters that a prompt may have.
        longest: The largest `length`.
    """

    def completed(
        prompt: Tensor,
        length: Tensor,
        stop: Tensor,
        temperature: Tensor,
        top_k: Tensor,
        top_p: Tensor,
        min_p: Tensor,
        repetition_penalty: Tensor,
        seed: Tensor,
    ) -> dict[str, Tensor]:
        given = (temperature, top_k, top_p, min_p, repetition_penalty, seed)
        settings = dict(zip(SETTINGS, given, strict=True))
        asked = request({"prompt": prompt, "length": length, "stop": stop, **settings})
        asked.text("prompt", characters=characters)
        asked.text("stop", characters=STOP_CHARACTERS)
        asked.completion(longest)
        return write(asked, {name: asked[name] for name in SETTINGS})

    return completed


def complete(
    step: Step,
    state: Nest,
    last: Tensor,
    prompt: Tensor,
    stops: Tensor,
    length: Tensor,
    settings: Mapping[str, Tensor],
    constraint: Constraint | None = None,
) -> tuple[Generation, Tensor]:
    """Goes on behind a prompt that was read.

    The penalty comes first, then temperature, min-p, top-k and top-p.

    Args:
        step: As `generate` has it.
        state: The state before the prompt's last token.
        last: int32 tensor (B,): that token.
        prompt: int32 tensor (B, P): the prompt's ids; marks don't count.
        stops: int32 tensor (B, N, S), as `stop_ids` gives.
        length: int32 tensor (B,): tokens to write at most.
        settings: Of `SETTINGS`, each (B,).
        constraint: On the tokens, or None.

    Returns:
        A `Generation`, and a `FinishReason` for each row.
    """
    import tensorflow as tf

    top_k = settings["top_k"]
    return generate(
        step,
        state,
        last,
        max_length=length,
        strategy=Sample(
            top_k=tf.where(top_k > 0, top_k, tf.int32.max), top_p=settings["top_p"]
        ),
        logits_processor=[
            RepetitionPenalty(
                settings["repetition_penalty"], tf.where(prompt > UNKNOWN, prompt, -1)
            ),
            Temperature(tf.minimum(settings["temperature"], HOTTEST)),
            MinP(settings["min_p"]),
        ],
        end_token=END,
        stop_sequences=stops,
        seed=settings["seed"],
        return_reasons=True,
        constraint=constraint,
    )


def complete_words(
    steps: WordSteps,
    vocabulary: Vocabulary,
    before: tuple[Nest, Tensor, Tensor],
    words: Tensor,
    longest: Tensor,
    stop: Tensor,
    settings: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Goes on with texts of words.

    The loop ends a row where a stop string comes in the pieces that the vocabulary
    makes of it. The same letters may come in others, or inside a word: these are
    found in the text, which is cut off there.

    Args:
        steps: The predictor's.
        vocabulary: Its vocabulary.
        before: The state, the last token and the ids that were read.
        words: int32 tensor (B,): words to write at most.
        longest: int32 tensor (B,): tokens to write at most.
        stop: String tensor (B, N).
        settings: Of `SETTINGS`, each (B,).
    """
    import tensorflow as tf

    def encode(texts: Strings) -> tuple[Tensor, Tensor]:
        return vocabulary.encode_tensor(mark_lines_tensor(texts))

    def decode(ids: Tensor, lengths: Tensor) -> Tensor:
        return restore_lines_tensor(
            tf.ensure_shape(vocabulary.decode_tensor(ids, lengths), [None])
        )

    state, last, prompt = before
    stops = stop_ids(encode, stop)
    written, reasons = complete(
        steps.step, state, last, prompt, stops, longest, settings
    )
    # With the stop that ended the loop, to be cut off as one inside a word is.
    lengths = tf.reduce_sum(tf.cast(written.ids != END, tf.int32), axis=1)
    whole = decode(written.ids, lengths)
    text = before_stops(whole, stop)
    cut = text != whole
    text = tf.where(cut, text, decode(written.ids, written.lengths))
    if steps.in_pieces:
        # The mark that ends the last of as many words as were asked for.
        full = steps.count(written.ids, written.lengths) >= words
        full = full & (reasons == int(FinishReason.END_TOKEN))
        reasons = tf.where(full, int(FinishReason.LENGTH), reasons)
    reasons = tf.where(cut, int(FinishReason.STOP_SEQUENCE), reasons)
    within = tokens_within(decode, written.ids, lengths, text)
    count = tf.where(cut, within, written.lengths)
    return {"text": text} | answered(vocabulary, written, count, reasons)


def stop_ids(
    encode: Callable[[Strings], tuple[Tensor, Tensor]], stops: Tensor
) -> Tensor:
    """Strings (B, N) as ids (B, N, S), -1 behind the shorter ones."""
    import tensorflow as tf

    ids, lengths = encode(tf.reshape(stops, [-1]))
    ids = tf.where(tf.sequence_mask(lengths, tf.shape(ids)[1]), ids, -1)
    size = [tf.shape(stops)[0], stops.shape[1], tf.shape(ids)[1]]
    return tf.reshape(ids, size)


def before_stops(texts: Tensor, stops: Tensor) -> Tensor:
    """Each text (B,) before the first of its stops (B, N), as far as there is one."""
    import tensorflow as tf

    count = stops.shape[1]

    def before(pair: tuple[Tensor, Tensor]) -> Tensor:
        text, stop = pair

        def first() -> Tensor:
            split = tf.strings.split(text, stop, maxsplit=1)
            return tf.strings.length(tf.concat([split, [""]], 0)[0])

        return tf.cond(stop == "", lambda: tf.strings.length(text), first)

    pairs = (tf.repeat(texts, count), tf.reshape(stops, [-1]))
    sizes = tf.map_fn(before, pairs, fn_output_signature=tf.int32)
    sizes = tf.reduce_min(tf.reshape(sizes, [-1, count]), axis=1)
    return tf.strings.substr(texts, tf.zeros_like(sizes), sizes)


def tokens_within(
    decode: Callable[[Tensor, Tensor], Tensor],
    ids: Tensor,
    lengths: Tensor,
    text: Tensor,
) -> Tensor:
    """How many of the tokens a text is made of that was cut off: int32 (B,)."""
    import tensorflow as tf

    size = tf.strings.length(text)

    def halve(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        middle = (low + high + 1) // 2
        inside = tf.strings.length(decode(ids, middle)) <= size
        return tf.where(inside, middle, low), tf.where(inside, high, middle - 1)

    low, _ = tf.while_loop(
        lambda low, high: tf.reduce_any(low < high),
        halve,
        (tf.zeros_like(lengths), lengths),
    )
    return low


def answered(
    vocabulary: Vocabulary, written: Generation, count: Tensor, reasons: Tensor
) -> dict[str, Tensor]:
    """`OUTPUTS` of what was written, as far as it counts."""
    import tensorflow as tf

    longest = tf.maximum(tf.reduce_max(count), 1)
    counts = tf.sequence_mask(count, longest)
    names = ["", *(reason.name.lower() for reason in FinishReason if reason)]
    return {
        "finish_reason": tf.gather(tf.constant(names), reasons),
        "tokens": tf.where(
            counts, vocabulary.pieces_tensor(written.ids[:, :longest]), ""
        ),
        "log_probabilities": tf.where(counts, written.log_probs[:, :longest], 0.0),
        "token_count": count,
    }
