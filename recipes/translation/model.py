"""The translation recipe's models: recurrent with attention, and transformer."""

import keras
from keras import ops

from keras_seq.layers import (
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitLSTM,
    PositionalEncoding,
    TransformerDecoder,
    TransformerEncoder,
)


@keras.saving.register_keras_serializable(package="recipes")
class BidirectionalEncoder(keras.layers.Layer):
    """Reads the source in both directions.

    The decoder starts from tanh(W h + b), where h is what the last layer has read
    when it comes back to the first token (Bahdanau et al., 2015).

    Args:
        units: Units of each direction.
        layers: Number of layers.
        decoder_units: Units of the decoder's LSTM.
        dropout: Share of the features between layers, and of the memory, that is
            set to 0 in training.
        seed: Seed of the dropout.
    """

    def __init__(self, units, layers, decoder_units, dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.layers, self.decoder_units = units, layers, decoder_units
        self.dropout, self.seed = dropout, seed
        self.readers = [
            keras.layers.Bidirectional(
                ExplicitLSTM(units, return_sequences=True, return_state=True),
                name=f"reader_{number}",
            )
            for number in range(layers)
        ]
        self.bridge = keras.layers.Dense(decoder_units, activation="tanh")
        self.dropout_layer = keras.layers.Dropout(dropout, seed=seed)
        self.supports_masking = True

    def build(self, x_shape):
        for reader in self.readers:
            reader.build(x_shape)
            x_shape = (*x_shape[:-1], 2 * self.units)
        self.bridge.build((x_shape[0], self.units))

    def call(self, x, mask=None, training=False):
        for reader in self.readers:
            x, *states = reader(x, mask=mask, training=training)
            x = self.dropout_layer(x, training=training)
        backward_h = self.bridge(states[2])
        return x, [backward_h, ops.zeros_like(backward_h)]

    def get_config(self):
        names = ("units", "layers", "decoder_units", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def recurrent(config, source_size, target_size, shared):
    """A bidirectional LSTM, and an LSTM with additive attention."""
    units = config.units
    return EncoderDecoder(
        BidirectionalEncoder(
            units // 2, config.layers, units, dropout=config.dropout, seed=config.seed
        ),
        BahdanauDecoder(units, units // 2),
        target_size,
        source_vocabulary=source_size,
        share_embeddings=shared,
        dim=units // 2,
        dropout=config.dropout,
        seed=config.seed,
        name="attention",
    )


def transformer(config, source_size, target_size, shared):
    """A transformer, narrow as suits small corpora (Wu et al., 2021)."""
    dim = config.units // 2
    options = {
        "num_layers": config.layers,
        "num_heads": 4,
        "intermediate_dim": config.units,
        "dropout": config.dropout,
        "attention_dropout": 0.0,  # with it small corpora are learned more slowly
    }
    return EncoderDecoder(
        TransformerEncoder(**options, name="encoder"),
        TransformerDecoder(**options, name="decoder"),
        target_size,
        source_vocabulary=source_size,
        share_embeddings=shared,
        dim=dim,
        positions=PositionalEncoding(),
        readout=False,
        dropout=config.dropout,
        seed=config.seed,
        name="transformer",
    )
