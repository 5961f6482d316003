"""A transformer of Keras's own layers: what the benchmark compares ours with."""

import keras
from keras import ops


class Block(keras.layers.Layer):
    """Self-attention, cross-attention if it has a memory, and feed-forward."""

    def __init__(self, heads, dim, hidden, *, decoder, dropout=0.0):
        super().__init__()
        self.decoder = decoder

        def attention():
            return keras.layers.MultiHeadAttention(heads, dim // heads, dropout=dropout)

        self.attention = attention()
        self.cross = attention() if decoder else None
        self.norms = [keras.layers.LayerNormalization() for _ in range(2 + decoder)]
        self.hidden = keras.layers.Dense(hidden, activation="relu")
        self.out = keras.layers.Dense(dim)
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, seen=None, memory=None, memory_seen=None, training=False):
        y = self.norms[0](x)
        attended = self.attention(
            y,
            y,
            attention_mask=seen,
            use_causal_mask=self.decoder,
            training=training,
        )
        x = x + self.dropout(attended, training=training)
        if self.decoder:
            attended = self.cross(
                self.norms[2](x), memory, attention_mask=memory_seen, training=training
            )
            x = x + self.dropout(attended, training=training)
        y = self.out(self.hidden(self.norms[1](x)))
        return x + self.dropout(y, training=training)


class Translation(keras.Model):
    """Logits of the next tokens, (B, T, V), from source (B, S) and target (B, T)."""

    def __init__(self, vocabulary, dim, layers, heads, hidden, positions=256):
        super().__init__()
        self.dim = dim
        self.embedding = keras.layers.Embedding(vocabulary, dim)
        self.places = keras.layers.Embedding(positions, dim)
        self.encoder, self.decoder = (
            [Block(heads, dim, hidden, decoder=decoder) for _ in range(layers)]
            for decoder in (False, True)
        )
        self.norms = [keras.layers.LayerNormalization() for _ in range(2)]

    def embed(self, ids):
        places = self.places(ops.arange(ops.shape(ids)[1]))
        return self.embedding(ids) * self.dim**0.5 + places

    def call(self, inputs, training=False):
        source, target = inputs["source"], inputs["target"]
        seen = ops.expand_dims(ops.not_equal(source, 0), 1)
        memory = self.embed(source)
        for block in self.encoder:
            memory = block(memory, seen, training=training)
        memory = self.norms[0](memory)
        x = self.embed(target)
        for block in self.decoder:
            x = block(x, memory=memory, memory_seen=seen, training=training)
        x = self.norms[1](x)
        return ops.matmul(x, ops.transpose(self.embedding.embeddings))
