"""Logits from an embedding's own matrix."""

from typing import Any

from keras import ops


def tied_logits(outputs: Any, embedding: Any, bias: Any) -> Any:
    """Gives r Eᵀ + b, with E as the layer itself uses it.

    Args:
        outputs: r. Shape (..., D).
        embedding: The `keras.layers.Embedding` with E (vocabulary, D), with LoRA or
            quantised or neither.
        bias: b. Shape (vocabulary,).

    Returns:
        Shape (..., vocabulary), in the dtype of `outputs`.
    """
    if embedding.quantization_mode is None:
        table = embedding.embeddings
    else:
        # What is stored are integers, and their scales: the layer knows what they mean.
        table = embedding(ops.arange(embedding.input_dim, dtype="int32"))
    table = ops.cast(table, outputs.dtype)
    return ops.matmul(outputs, ops.transpose(table)) + ops.cast(bias, outputs.dtype)
