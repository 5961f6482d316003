"""What the encoder and the decoder of a transformer have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
from keras import ops

from keras_seq.layers._arguments import (
    check_epsilon,
    check_flag,
    check_mask,
    check_numbers,
    check_rate,
    check_size,
    is_whole,
)
from keras_seq.layers._multi_head import Visibility
from keras_seq.layers._quantised import SavesQuantised
from keras_seq.layers._transformer_blocks import Block, Numbers
from keras_seq.layers._transformer_cache import TransformerState
from keras_seq.ops._shapes import fits
from keras_seq.typing import Function, Identifier, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


Keys: TypeAlias = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values of the cross-attention of each layer, each (B, H, S, K)."""


class TransformerStack(SavesQuantised, keras.layers.Layer):
    """A stack of layers of attention and feed-forward, from D to D features.

    The arguments are described where they are public.
    """

    def __init__(
        self,
        num_layers: int,
        num_heads: int,
        intermediate_dim: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float | None = None,
        activation: Identifier = "relu",
        norm_first: bool = True,
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
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
        check_epsilon(layer_norm_epsilon)
        if seed is not None and not is_whole(seed, least=0):
            raise ValueError(
                f"`seed` must be an integer of at least 0, or None; received {seed!r}."
            )
        self.num_layers = int(num_layers)
        self.num_heads = int(num_heads)
        self.intermediate_dim = int(intermediate_dim)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation: Function = keras.activations.get(activation)
        self.norm_first = norm_first
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer: Function = keras.initializers.get(kernel_initializer)
        self.bias_initializer: Function = keras.initializers.get(bias_initializer)
        self.seed = seed
        # D, once it is built.
        self.features: Any = None
        self.supports_masking = True

    def new_norm(self, name: str) -> keras.layers.LayerNormalization:
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def build_stack(self, features: int | None, *, crosses: bool) -> Numbers:
        """Makes all weights; gives what draws them, for those that follow."""
        if features is None or features % self.num_heads:
            raise ValueError(
                "`inputs` must have a known number of features D, a multiple of "
                f"`num_heads={self.num_heads}`; received D = {features}."
            )
        drawing = Numbers(self)
        self.features = features
        self.blocks: list[Block] = [
            Block(self, features, drawing, f"layer_{i}", crosses=crosses)
            for i in range(self.num_layers)
        ]
        self.norm = self.new_norm("norm") if self.norm_first else None
        if self.norm is not None:
            self.norm.build((None, None, features))
        return drawing

    def run_blocks(
        self,
        x: Tensor,
        past: Visibility | None,
        keys: Keys | None,
        present: Visibility | None,
        training: bool | None,
        scores: tuple[bool, bool],
        remember: Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Runs all layers.

        Args:
            x: Shape (B, T, D).
            past: The `Visibility` in the self-attention.
            keys: What `project_memory` gave, or None.
            present: The `Visibility` in the cross-attention.
            training: Whether dropout acts.
            scores: Whether the weights of the self- and cross-attention are
                wanted.
            remember: Function from a layer's number and its new keys and values
                to those that are attended to.

        Returns:
            Outputs (B, T, D), and the lists of weights of the self-attention and
            of the cross-attention.
        """
        own, crossed = [], []
        for number, block in enumerate(self.blocks):
            attention = block.self_attention
            query, new_keys, new_values = attention.project(x)
            if remember is not None:
                new_keys, new_values = remember(number, new_keys, new_values)
            x, weights = attention.look(
                x, query, new_keys, new_values, past, training, scores[0]
            )
            own.append(weights)
            if keys is not None:
                attention = block.cross_attention
                (query,) = attention.project(x)
                x, weights = attention.look(
                    x, query, *keys[number], present, training, scores[1]
                )
                crossed.append(weights)
            x = block.feed_forward.run(x, training)
        return x if self.norm is None else self.norm(x), own, crossed

    def check_inputs(self, inputs: Tensor, mask: Tensor | None) -> None:
        check_numbers("inputs", inputs)
        shape = tuple(inputs.shape)
        if len(shape) != 3 or self.features not in (None, shape[2]):
            size = "D" if self.features is None else self.features
            raise ValueError(
                f"`inputs` must have shape (B, T, {size}); received shape {shape}."
            )
        if mask is not None:
            check_mask(mask, inputs)

    def compute_output_shape(
        self, inputs_shape: Shape, *args: Nest, **kwargs: Nest
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape)

    def scores_spec(self, *sizes: int | None) -> list[keras.KerasTensor]:
        """Symbolic attention weights of every layer."""
        batch, *rest = sizes
        shape = (batch, self.num_heads, *rest)
        return [
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for _ in range(self.num_layers)
        ]

    def get_config(self) -> dict[str, Any]:
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


def check_memory(memory: Tensor, batch: int | None, features: int | None) -> None:
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


def check_memory_mask(
    memory_mask: Tensor, batch: int | None, source: int | None
) -> None:
    """Refuses a mask of the memory that isn't (B, S)."""
    shape = tuple(memory_mask.shape)
    if not fits(shape, (batch, source)):
        raise ValueError(
            f"`memory_mask` must have shape (B, S) = ({batch}, {source}); received "
            f"{shape}."
        )


def check_step(
    rows: int | None,
    state: TransformerState,
    keys: Keys | None,
    lengths: Tensor | None,
    crosses: bool,
) -> None:
    """Refuses what would be broadcast to the rows of the inputs."""
    given = {"state": state.position}
    if keys is not None:
        if not crosses:
            raise ValueError(
                "`keys` must be None, as no memory was given when the decoder "
                f"was built; received those of {len(keys)} layers."
            )
        given["memory"] = keys[0][0]
    if lengths is not None:
        given["lengths"] = ops.convert_to_tensor(lengths)
        if len(given["lengths"].shape) != 1:
            raise ValueError(
                "`lengths` must be integers of shape (B,); received shape "
                f"{tuple(given['lengths'].shape)}."
            )
    for name, tensor in given.items():
        if None not in (rows, tensor.shape[0]) and tensor.shape[0] != rows:
            raise ValueError(
                f"`{name}` must have as many rows as `inputs`, {rows}; received "
                f"{tensor.shape[0]}."
            )
