"""The sentiment recipe's model: LSTMs that read, n-grams beside them."""

import keras
import numpy as np

from keras_seq.layers import AttentionPooling, ExplicitLSTM

FEATURES = 192  # of an embedding
LEARNING_RATE = 2e-3


def build_member(config, vocabulary_size, labels, vectors=None):
    """One LSTM's model, compiled later: pieces (B, T) → logits (B, labels).

        x_t = embedding of piece t
        h_t = [forward LSTM(x)_t; backward LSTM(x)_t]
        logits = W Σ_t a_t h_t + b          a: `AttentionPooling`

    Its layer "body" is the part after the embeddings, from (vectors, mask).

    Args:
        config: The recipe's `Config`.
        vocabulary_size: Number of ids.
        labels: Number of labels.
        vectors: Array (ids, D) that the embeddings start from, or None.
    """
    size = FEATURES if vectors is None else vectors.shape[1]
    embedding = keras.layers.Embedding(vocabulary_size, size, name="embedding")
    sequence = keras.Input((None, size), name="vectors")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.layers.SpatialDropout1D(config.dropout, name="dropped_features")(sequence)
    reader = keras.layers.Bidirectional(
        ExplicitLSTM(config.units, return_sequences=True), name="reader"
    )
    h = reader(x, mask=mask)
    h = keras.layers.Dropout(config.dropout, name="dropped_states")(h)
    pooling = AttentionPooling(config.units, name="pooling")
    pooled, weights = pooling(h, mask=mask, return_attention_scores=True)
    pooled = keras.layers.Dropout(config.dropout, name="dropped_summary")(pooled)
    logits = keras.layers.Dense(labels, name="label")(pooled)
    body = keras.Model([sequence, mask], [logits, weights], name="body")
    pieces = keras.Input((None,), dtype="int32", name="pieces")
    logits, _ = body([embedding(pieces), keras.ops.not_equal(pieces, 0)])
    model = keras.Model(pieces, logits, name="member")
    if vectors is not None:
        embedding.set_weights([vectors])
    return model


def compile_member(model, steps):
    """Adam, whose rate rises and falls on half a cosine; the lecture's loss."""
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 20,
        decay_steps=max(1, steps - warmup),
        alpha=0.01,
        warmup_target=LEARNING_RATE,
        warmup_steps=warmup,
    )
    model.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA would compile again for every length
    )
    return model


def combine(members, tables, weights, bias):
    """The whole model: pieces and n-grams → logits and probabilities (B, labels).

    Args:
        members: Trained models of `build_member`.
        tables: Dict from a level of n-grams to its table (buckets, labels).
        weights: Of the mean of the members' logits and of each level's; shape (1 +
            levels,).
        bias: Shape (labels,).
    """
    labels = members[0].output_shape[-1]
    for number, member in enumerate(members, start=1):
        member.name = f"member_{number}"
    pieces = keras.Input((None,), dtype="int32", name="pieces")
    inputs = {"pieces": pieces}
    read = [member(pieces) for member in members]
    parts = [keras.layers.Average(name="members")(read) if len(read) > 1 else read[0]]
    for level, table in tables.items():
        ids = keras.Input((None,), dtype="int32", name=f"{level}_id")
        share = keras.Input((None,), name=f"{level}_share")
        inputs |= {f"{level}_id": ids, f"{level}_share": share}
        rows = keras.layers.Embedding(*table.shape, name=f"{level}_table")
        summed = keras.layers.Dot(axes=1, name=f"{level}_logits")([share, rows(ids)])
        parts.append(summed)
        rows.set_weights([table])
    stacked = keras.ops.stack(parts, axis=1)
    combination = keras.layers.EinsumDense(
        "bkc,k->bc", (labels,), bias_axes="c", name="combination"
    )
    logits = combination(stacked)
    combination.set_weights([np.asarray(weights), np.asarray(bias)])
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    return keras.Model(
        inputs,
        {"logits": logits, "probabilities": probabilities, "parts": stacked},
        name="sentiment",
    )
