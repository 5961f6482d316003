"""Texts between their marks, as a model reads and writes them."""

from typing import TYPE_CHECKING

from keras_seq.text.normalising import normalise, normalise_tensor
from keras_seq.text.vocabulary import END, START, Strings, Vocabulary
from keras_seq.typing import Tensor

if TYPE_CHECKING:
    import keras

END_MARK = "■"


def pieces_with_end(
    vocabulary: Vocabulary, text: str, casefold: bool = False
) -> list[str]:
    """What stands for the tokens of a text once it is normalised, and its end mark.

    Args:
        vocabulary: The vocabulary.
        text: String.
        casefold: Whether to fold case.

    Returns:
        List of strings.
    """
    ids = vocabulary.encode(normalise(text, casefold=casefold))
    return [*vocabulary.pieces(ids), END_MARK]


def with_end(
    vocabulary: Vocabulary, texts: Strings, casefold: bool = False
) -> tuple[Tensor, Tensor]:
    """Ids of a batch of normalised strings with end marks, and their lengths.

    Args:
        vocabulary: The vocabulary.
        texts: String tensor of shape (B,).
        casefold: Whether to fold case.

    Returns:
        int32 tensors (B, T), padded on the right, and (B,).
    """
    import tensorflow as tf

    ids, lengths = vocabulary.encode_tensor(normalise_tensor(texts, casefold=casefold))
    ids = tf.pad(ids, [[0, 0], [0, 1]])
    last = tf.range(tf.shape(ids)[1]) == lengths[:, None]
    return tf.where(last, END, ids), lengths + 1


def target_nats(
    model: "keras.Model", source: Tensor, vocabulary: Vocabulary, texts: Strings
) -> tuple[Tensor, Tensor]:
    """Gives -ln p of texts with their end marks, and their numbers of tokens.

    Args:
        model: `EncoderDecoder`.
        source: What its encoder reads, B rows.
        vocabulary: The vocabulary of the texts.
        texts: String tensor of shape (B,).

    Returns:
        float32 and int32 tensors of shape (B,).
    """
    target, lengths = with_end(vocabulary, texts)
    return ids_nats(model, source, target, lengths), lengths


def ids_nats(
    model: "keras.Model", source: Tensor, target: Tensor, lengths: Tensor
) -> Tensor:
    """-ln p of what `with_end` gives, float32 (B,)."""
    import tensorflow as tf

    logits = model({"source": source, "target": after_start(target)})
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
        target, tf.cast(logits, tf.float32)
    )
    counts = tf.sequence_mask(lengths, tf.shape(target)[1], nats.dtype)
    return tf.reduce_sum(nats * counts, axis=1)


def after_start(target: Tensor) -> Tensor:
    """What the decoder reads: the target behind its start mark."""
    import tensorflow as tf

    return tf.concat([tf.fill([tf.shape(target)[0], 1], START), target[:, :-1]], 1)


def most_tokens(lengths: Tensor, longest: int) -> Tensor:
    """Tokens that may be written of sources of so many, their end marks counted."""
    import tensorflow as tf

    return tf.minimum(3 * lengths + 20, longest)
