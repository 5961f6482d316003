"""Models with attention, the same on every backend.

As a script: python attention_maps.py FILE writes, with the backend that
KERAS_BACKEND names, what `attention_map` finds in them, as .npz.
"""

import sys

import keras
import numpy as np

from keras_seq.layers import (
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    TransformerDecoder,
    TransformerEncoder,
)

PAIRS = {
    "source": np.array([[5, 3, 2, 0], [4, 6, 1, 3], [2, 0, 0, 0]]),
    "target": np.array([[1, 4, 5], [1, 6, 0], [1, 3, 2]]),
}


def randomise(model, seed):
    """Weights that are distinct, and don't depend on the backend."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


def recurrent(attention_decoder=None):
    model = EncoderDecoder(
        ExplicitGRU(6, return_sequences=True),
        attention_decoder or BahdanauDecoder(5, 4, name="decoder"),
        9,
        source_vocabulary=8,
        dim=4,
        name="recurrent",
    )
    model.build({"source": (None, None), "target": (None, None)})
    return randomise(model, 1)


def transformer():
    model = EncoderDecoder(
        TransformerEncoder(1, 2, 8, name="encoder"),
        TransformerDecoder(2, 2, 8, name="decoder"),
        9,
        source_vocabulary=8,
        dim=4,
        name="transformer",
    )
    model.build({"source": (None, None), "target": (None, None)})
    return randomise(model, 2)


def keras_layers():
    """Masks that come with an embedding; queries of another sequence."""
    query = keras.Input((3,), name="target", dtype="int32")
    memory = keras.Input((4,), name="source", dtype="int32")
    q_table = keras.layers.Embedding(9, 6, mask_zero=True, name="queries")
    m_table = keras.layers.Embedding(8, 6, mask_zero=True, name="memories")

    # Looked up anew for each: MultiHeadAttention takes the mask off its arguments.
    def q():
        return q_table(query)

    def m():
        return m_table(memory)

    heads = keras.layers.MultiHeadAttention(2, 5, name="heads")(q(), m())
    # Which warns of masks that come with its arguments.
    same = keras.layers.Embedding(9, 6, name="unmasked")(query)
    grouped = keras.layers.GroupQueryAttention(3, 4, 2, name="groups")(
        same, same, use_causal_mask=True
    )
    dot = keras.layers.Attention(use_scale=True, name="dot")([q(), m()])
    added = keras.layers.AdditiveAttention(name="additive")(
        [q(), q()], use_causal_mask=True
    )
    # An output that doesn't ask for its weights, and one that does.
    same = m()
    _, scores = keras.layers.MultiHeadAttention(1, 3, name="asked")(
        same, same, return_attention_scores=True
    )
    outputs = {"sum": heads + grouped + dot + added, "scores": scores}
    return randomise(keras.Model({"source": memory, "target": query}, outputs), 3)


if __name__ == "__main__":
    from keras_seq.diagnostics import attention_map

    np.savez(
        sys.argv[1],
        **{
            path.replace("/", "|"): weights
            for model in (recurrent(), transformer(), keras_layers())
            for path, weights in attention_map(model, PAIRS).items()
        },
    )
