"""The oracle's language model as Keras layers."""

import keras

from keras_seq.decoding import Stepper
from keras_seq.layers import ExplicitLSTM


def stepper(model, recurrent=ExplicitLSTM, **options):
    """A `Stepper` over layers that hold the weights of an oracle's model."""
    layers = [
        keras.layers.Embedding(model.vocabulary, model.embedding.shape[1], **options),
        *(
            recurrent(model.units, return_sequences=True, return_state=True, **options)
            for _ in model.lstm
        ),
        keras.layers.Dense(model.vocabulary, **options),
    ]
    shape = (None, None)
    for layer, weights in zip(
        layers, ([model.embedding], *model.lstm, model.dense), strict=True
    ):
        layer.build(shape)
        layer.set_weights(weights)
        shape = (None, None, weights[0].shape[-1])
        if layer in layers[1:-1]:
            shape = (None, None, model.units)
    return Stepper(layers)
