"""The captioning recipe's models: a grid of features, and words that attend to it."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_seq.layers import EncoderDecoder
from keras_seq.typing import Tensor


@keras.saving.register_keras_serializable(package="recipes")
class GridEncoder(keras.layers.Layer):
    """Makes a memory of a picture, or of a grid of features: a vector for each cell.

    ```
    g = grid(x)                          (B, H, W, C)
    m_ij = W LN(g_ij) + row_i + column_j        rows and columns are learned
    h_0 = tanh(W_h mean(m) + b_h)        and c_0 alike, for an LSTM
    ```

    Args:
        units: Size of the memory's vectors.
        widths: Channels of the convolutions that make the grid of a picture; empty if
            what comes in is a grid of features.
        decoder_units: Size of the LSTM's states that are made of the mean (Xu et al.,
            2015); None for none.
        dropout: Share of the features that is set to 0 in training.
        seed: Seed of the dropout.
    """

    def __init__(
        self,
        units: int,
        widths: Sequence[int] = (),
        decoder_units: int | None = None,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.widths = units, tuple(widths)
        self.decoder_units, self.dropout, self.seed = decoder_units, dropout, seed
        self.convolutions = []
        for number, width in enumerate(self.widths):
            # Halved in front, in between by pooling, and behind: the grid has an
            # eighth of the picture's side, and a cell sees little beside itself.
            last = number == len(self.widths) - 1
            self.convolutions += [
                keras.layers.Conv2D(
                    width,
                    3,
                    strides=2 if number == 0 or last else 1,
                    padding="same",
                    use_bias=False,
                ),
                keras.layers.BatchNormalization(momentum=0.9),
                keras.layers.Activation("relu"),
            ]
            if number == 1:
                self.convolutions.append(keras.layers.MaxPooling2D())
        self.norm = None if widths else keras.layers.LayerNormalization()
        self.projection = keras.layers.Dense(units)
        self.dropout_layer = keras.layers.Dropout(dropout, seed=seed)
        self.states = [
            keras.layers.Dense(decoder_units, activation="tanh", name=name)
            for name in (("state_h", "state_c") if decoder_units else ())
        ]

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        if self.norm is not None:
            self.norm.build(shape)
        self.projection.build(shape)
        self.rows, self.columns = (
            self.add_weight(
                shape=(size, self.units),
                initializer=keras.initializers.RandomNormal(stddev=0.3, seed=self.seed),
                name=name,
            )
            for name, size in (("rows", shape[1]), ("columns", shape[2]))
        )
        self.grid: tuple[Any, ...] = tuple(shape[1:3])
        for dense in self.states:
            dense.build((shape[0], self.units))

    def features(self, x: Tensor, training: bool | None = False) -> Tensor:
        """The grid of a batch of pictures, or of grids: those themselves."""
        x = ops.cast(x, self.compute_dtype)
        if self.widths:
            x = x / 127.5 - 1
        for layer in self.convolutions:
            x = layer(x, training=training)
        return x

    def call(
        self, x: Tensor, training: bool | None = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        x = self.features(x, training)
        if self.norm is not None:
            x = self.norm(x)
        x = self.dropout_layer(x, training=training)
        x = self.projection(x) + self.rows[:, None] + self.columns
        memory = ops.reshape(x, (-1, self.grid[0] * self.grid[1], self.units))
        if not self.states:
            return memory
        mean = ops.mean(memory, axis=1)
        return memory, [dense(mean) for dense in self.states]

    def get_config(self) -> dict[str, Any]:
        names = ("units", "widths", "decoder_units", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="recipes")
class ShowAttendAndTell(EncoderDecoder):
    """An `EncoderDecoder` that is taught to look everywhere in the course of a caption.

    In training it adds, with α_ts the weight of cell s of S while token t of T is
    chosen, padding not counted,

    ```
    doubly_stochastic · mean_batch Σ_s (T / S - Σ_t α_ts)² S / T²
    ```

    which is 0 where each cell gets its share, and S - 1 at most. (Xu et al. have
    1 instead of T / S, which no short caption can come to.)

    Args:
        *args: As for `EncoderDecoder`.
        doubly_stochastic: How much that counts, beside nats a token.
        **kwargs: As for `EncoderDecoder`.

    References:
        Xu et al. (2015), Show, attend and tell, section 4.2.1.
    """

    def __init__(
        self, *args: Any, doubly_stochastic: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.doubly_stochastic = doubly_stochastic

    def call(
        self,
        inputs: Mapping[str, Tensor],
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        logits, weights = super().call(inputs, training, return_attention_scores=True)
        if training and self.doubly_stochastic:
            uneven = self.unevenness(weights, inputs["target"])
            self.add_loss(self.doubly_stochastic * uneven)
        return (logits, weights) if return_attention_scores else logits

    @staticmethod
    def unevenness(weights: Tensor, target: Tensor) -> Tensor:
        """How far attention is from going to all cells alike: see above.

        Args:
            weights: Shape (B, T, S).
            target: The tokens that are read, integers (B, T), 0 for padding.

        Returns:
            Scalar.
        """
        weights = ops.cast(weights, "float32")  # squares are summed
        read = ops.cast(ops.not_equal(target, 0), weights.dtype)
        share = ops.sum(weights * read[..., None], axis=1)
        share = share / ops.sum(read, axis=1, keepdims=True)
        cells = ops.cast(ops.shape(weights)[-1], weights.dtype)
        return ops.mean(ops.sum(ops.square(share - 1 / cells), axis=1)) * cells

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "doubly_stochastic": self.doubly_stochastic}
