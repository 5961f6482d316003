"""The encoder of the recurrent model."""

from typing import Any

import keras
from keras import ops

from keras_seq.layers import ExplicitLSTM
from keras_seq.typing import Tensor


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

    def __init__(
        self,
        units: int,
        layers: int,
        decoder_units: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
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

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        for reader in self.readers:
            reader.build(x_shape)
            x_shape = (*x_shape[:-1], 2 * self.units)
        self.bridge.build((x_shape[0], self.units))

    def call(
        self, x: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        for reader in self.readers:
            x, *states = reader(x, mask=mask, training=training)
            x = self.dropout_layer(x, training=training)
        backward_h = self.bridge(states[2])
        return x, [backward_h, ops.zeros_like(backward_h)]

    def get_config(self) -> dict[str, Any]:
        names = ("units", "layers", "decoder_units", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
