"""What the encoder and the decoder of a transformer have in common."""

import math
import numbers
import typing

import keras

from keras_seq.layers._arguments import (
    check_flag,
    check_mask,
    check_rate,
    check_size,
    is_whole,
)
from keras_seq.layers._transformer_blocks import Block, Numbers
from keras_seq.ops._shapes import fits


class TransformerStack(keras.layers.Layer):
    """A stack of layers of attention and feed-forward, from D to D features.

    The arguments are described where they are public.
    """

    def __init__(
        self,
        num_layers,
        num_heads,
        intermediate_dim,
        *,
        dropout=0.0,
        attention_dropout=None,
        activation="relu",
        norm_first=True,
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (
            ("num_layers", num_layers),
            ("num_heads", num_heads),
            ("intermediate_dim", intermediate_dim),
        ):
            check_size(name, value)
        check_rate("dropout", dropout)
        if attention_dropout is not None:
            check_rate("attention_dropout", attention_dropout)
        check_flag("norm_first", norm_first)
        if (
            isinstance(layer_norm_epsilon, bool)
            or not isinstance(layer_norm_epsilon, numbers.Real)
            or not 0 < float(layer_norm_epsilon) < math.inf
        ):
            raise ValueError(
                "`layer_norm_epsilon` must be a positive number; received "
                f"{layer_norm_epsilon!r}."
            )
        if seed is not None and not is_whole(seed, least=0):
            raise ValueError(
                f"`seed` must be an integer of at least 0, or None; received {seed!r}."
            )
        self.num_layers = int(num_layers)
        self.num_heads = int(num_heads)
        self.intermediate_dim = int(intermediate_dim)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        self.features: typing.Any = None
        self.supports_masking = True

    def new_norm(self, name):
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def build_stack(self, features, *, crosses):
        """Makes all weights; gives what draws them, for those that follow."""
        if features is None or features % self.num_heads:
            raise ValueError(
                "`inputs` must have a known number of features D, a multiple of "
                f"`num_heads={self.num_heads}`; received D = {features}."
            )
        drawing = Numbers(self)
        self.features = features
        self.blocks = [
            Block(self, features, drawing, f"layer_{i}", crosses=crosses)
            for i in range(self.num_layers)
        ]
        self.norm = self.new_norm("norm") if self.norm_first else None
        if self.norm is not None:
            self.norm.build((None, None, features))
        return drawing

    def check_inputs(self, inputs, mask):
        shape = tuple(inputs.shape)
        if len(shape) != 3 or self.features not in (None, shape[2]):
            size = "D" if self.features is None else self.features
            raise ValueError(
                f"`inputs` must have shape (B, T, {size}); received shape {shape}."
            )
        if mask is not None:
            check_mask(mask, inputs)

    def compute_output_shape(self, inputs_shape, *args, **kwargs):
        return tuple(inputs_shape)

    def scores_spec(self, *sizes):
        """Symbolic attention weights of every layer."""
        batch, *rest = sizes
        shape = (batch, self.num_heads, *rest)
        return [
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for _ in range(self.num_layers)
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
        }


def check_memory(memory, batch, features):
    """Refuses a memory that isn't (B, S, E)."""
    shape = tuple(memory.shape)
    if (
        len(shape) != 3
        or shape[2] != features
        or (None not in (batch, shape[0]) and shape[0] != batch)
    ):
        raise ValueError(
            f"`memory` must have shape (B, S, E) = ({batch or 'B'}, S, {features}); "
            f"received shape {shape}."
        )


def check_memory_mask(memory_mask, batch, source):
    """Refuses a mask of the memory that isn't (B, S)."""
    shape = tuple(memory_mask.shape)
    if not fits(shape, (batch, source)):
        raise ValueError(
            f"`memory_mask` must have shape (B, S) = ({batch}, {source}); received "
            f"{shape}."
        )
