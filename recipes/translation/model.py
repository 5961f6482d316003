"""The encoder of the recurrent model."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seq.layers import ExplicitLSTM
from keras_seq.typing import Tensor


def reader(units: int, number: int) -> keras.layers.Bidirectional:
    """An LSTM that reads in both directions, `units` in each."""
    lstm = ExplicitLSTM(units, return_sequences=True, return_state=True)
    return keras.layers.Bidirectional(lstm, name=f"reader_{number}")


@keras.saving.register_keras_serializable(package="recipes")
class BidirectionalEncoder(keras.layers.Layer):
    """Reads the source in both directions.

    The decoder starts from tanh(W h + b), where h is what the last layer has read
    when it comes back to the first token (Bahdanau et al., 2015).

    Args:
        readers: Bidirectional LSTMs of one size, each of which reads what the one
            before has made; they return sequences and states.
        decoder_units: Units of the decoder's LSTM.
        dropout: Share of the features between layers, and of the memory, that is
            set to 0 in training.
        seed: Seed of the dropout.
    """

    def __init__(
        self,
        readers: Sequence[keras.layers.Bidirectional],
        decoder_units: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.readers, self.decoder_units = list(readers), decoder_units
        self.dropout, self.seed = dropout, seed
        self.bridge = keras.layers.Dense(decoder_units, activation="tanh")
        self.dropout_layer = keras.layers.Dropout(dropout, seed=seed)
        self.supports_masking = True

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        units = self.readers[0].forward_layer.units
        for reader in self.readers:
            reader.build(x_shape)
            x_shape = (*x_shape[:-1], 2 * units)
        self.bridge.build((x_shape[0], units))

    def call(
        self, x: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        for reader in self.readers:
            x, *states = reader(x, mask=mask, training=training)
            x = self.dropout_layer(x, training=training)
        backward_h = self.bridge(states[2])
        return x, [backward_h, ops.zeros_like(backward_h)]

    def get_config(self) -> dict[str, Any]:
        names = ("decoder_units", "dropout", "seed")
        readers = [keras.saving.serialize_keras_object(r) for r in self.readers]
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "readers": readers, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BidirectionalEncoder":
        config = dict(config)
        if "readers" in config:
            readers = map(keras.saving.deserialize_keras_object, config.pop("readers"))
        else:  # a model that was saved before readers were given
            units, count = config.pop("units"), config.pop("layers")
            readers = map(reader, [units] * count, range(count))
        return cls(list(readers), **config)
