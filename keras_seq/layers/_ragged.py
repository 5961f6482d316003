"""Rows of unequal lengths, as TensorFlow holds them: `tf.RaggedTensor`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_seq.ops import sequence_mask
from keras_seq.typing import Tensor


class Ragged(NamedTuple):
    """A ragged tensor (B, (T), D), padded.

    Attributes:
        sequences: Its steps, with zeros behind the end of a row. Shape (B, T, D).
        lengths: The lengths of its rows. Shape (B,).
    """

    sequences: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, sequences: Any, lengths: Any) -> "Ragged | None":
        """A ragged tensor apart, or None for what is none.

        Args:
            sequences: What a layer was given.
            lengths: What it was given as the lengths of it, for a refusal.
        """
        if keras.backend.backend() != "tensorflow":
            return None
        import tensorflow as tf

        if not isinstance(sequences, tf.RaggedTensor):
            return None
        if sequences.ragged_rank != 1 or len(sequences.shape) != 3:
            raise ValueError(
                "`sequences` must be ragged in time alone, (B, (T), D); received shape "
                f"{tuple(sequences.shape)} with {sequences.ragged_rank} ragged axes."
            )
        if lengths is not None:
            raise ValueError(
                "`sequence_length` must be None where the rows are ragged."
            )
        return cls(sequences.to_tensor(), sequences.row_lengths())

    def in_time(self, go_backwards: bool) -> Callable[[Tensor], Any]:
        """The function that makes (B, T, ·), results of all steps, ragged.

        Args:
            go_backwards: Whether they are in reverse, with the padding in front.
        """
        import tensorflow as tf

        counts = sequence_mask(self.lengths, ops.shape(self.sequences)[1])
        if go_backwards:
            counts = ops.flip(counts, axis=1)
        return lambda steps: tf.ragged.boolean_mask(steps, counts)
