"""What the translation benchmark compares quality with, trained on the same ids.

The one without attention shares the recipe's embeddings, readout, loss and schedule;
what differs is how its decoder sees the source. The tutorials' model has its own of all
of these.
"""

import keras
from keras import ops

from keras_seq.layers import BahdanauDecoder, EncoderDecoder
from recipes.translation.model import BidirectionalEncoder, reader
from recipes.translation.recipe import build_model


@keras.saving.register_keras_serializable(package="benchmarks")
class Summary(keras.layers.Layer):
    """An encoder whose memory is one vector: what a decoder without attention has.

    Additive attention over one position gives that position, whatever the query:
    the decoder reads the summary at every step, as in Cho et al. (2014).
    """

    def __init__(self, encoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.supports_masking = True

    def build(self, x_shape):
        self.encoder.build(x_shape)

    def call(self, x, mask=None, training=False):
        memory, state = self.encoder(x, mask=mask, training=training)
        units = memory.shape[-1] // 2
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        last = ops.one_hot(lengths - 1, ops.shape(memory)[1], dtype=memory.dtype)
        forwards = ops.matmul(ops.expand_dims(last, 1), memory)[..., :units]
        return ops.concatenate([forwards, memory[:, :1, units:]], axis=-1), state


def without_attention(config, data):
    """A sequence-to-sequence model without attention, otherwise as the recipe's."""
    own = build_model(config, data)
    keras.utils.set_random_seed(config.seed)
    readers = [reader(config.units // 2, number) for number in range(config.layers)]
    encoder = BidirectionalEncoder(readers, config.units, config.dropout, config.seed)
    model = Unmasked(
        Summary(encoder),
        BahdanauDecoder(config.units, 8),
        len(data.target),
        source_vocabulary=len(data.source),
        share_embeddings=data.source is data.target,
        dim=config.units // 2,
        dropout=config.dropout,
        seed=config.seed,
    )
    model.build({"source": (None, None), "target": (None, None)})
    model.compile(own.optimizer, own.loss, jit_compile=False)
    return model


class Unmasked(EncoderDecoder):
    """An encoder-decoder whose memory has positions of its own, all of which count."""

    def encode(self, source, training=False):
        memory, _, state = super().encode(source, training)
        return memory, ops.ones(ops.shape(memory)[:2], "bool"), state


class Tutorial(keras.Model):
    """The Keras tutorials' model: BiGRU, GRU, `AdditiveAttention`, dense layer.

    The decoder's GRU runs alone; its outputs are the queries; output and context
    are concatenated before the logits.
    """

    def __init__(self, source_size, target_size, dim, units):
        super().__init__()
        self.source_embedding = keras.layers.Embedding(source_size, dim)
        self.target_embedding = keras.layers.Embedding(target_size, dim)
        gru = keras.layers.GRU(units // 2, return_sequences=True, return_state=True)
        self.encoder = keras.layers.Bidirectional(gru)
        self.decoder = keras.layers.GRU(units, return_sequences=True, return_state=True)
        self.attention = keras.layers.AdditiveAttention()
        self.hidden = keras.layers.Dense(dim, activation="tanh")
        self.logits = keras.layers.Dense(target_size)

    def encode(self, source):
        mask = ops.not_equal(source, 0)
        memory, forwards, backwards = self.encoder(
            self.source_embedding(source), mask=mask
        )
        return memory, mask, ops.concatenate([forwards, backwards], axis=-1)

    def call(self, inputs, training=False):
        memory, mask, state = self.encode(inputs["source"])
        return self.read(inputs["target"], state, memory, mask)[0]

    def read(self, target, state, memory, mask):
        """Logits of what comes next, the state behind it, and where it looked."""
        queries, state = self.decoder(
            self.target_embedding(target), initial_state=state
        )
        context, scores = self.attention(
            [queries, memory], mask=[None, mask], return_attention_scores=True
        )
        hidden = self.hidden(ops.concatenate([queries, context], axis=-1))
        return self.logits(hidden), state, scores

    def begin(self, source, max_length):
        memory, mask, state = self.encode(source)
        return state, {"memory": memory, "mask": mask}

    def step(self, tokens, state, constants):
        logits, state, scores = self.read(
            tokens[:, None], state, constants["memory"], constants["mask"]
        )
        return logits[:, 0], state, scores[:, 0]
