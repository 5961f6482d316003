"""The parts of a transformer's layers, each with its normalisation and dropout.

They are Keras layers for the sake of their weights; the stacks call their
methods, not them: Keras would cast the visibility to the compute dtype.
"""

import itertools
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._multi_head import Visibility, attend, merge_heads, split_heads
from keras_seq.typing import Identifier, Tensor

if TYPE_CHECKING:
    from keras_seq.layers._transformer import TransformerStack


class Numbers:
    """Gives every matrix and every dropout of a stack numbers of its own.

    A Keras initialiser with a seed gives the same numbers whenever it is asked:
    queries, keys and values of all layers would start equal.
    """

    def __init__(self, stack: "TransformerStack") -> None:
        self.stack = stack
        self.drawn = itertools.count()

    def initializer(self, given: Any) -> Any:
        """The initialiser with a seed that no other weight has."""
        config = given.get_config() if hasattr(given, "get_config") else {}
        if "seed" not in config or isinstance(config["seed"], dict):
            return given
        if config["seed"] is not None:
            config["seed"] += next(self.drawn)
        return type(given).from_config(config)

    def dropout(self, rate: float) -> keras.layers.Dropout:
        seed = self.stack.seed
        seed = None if seed is None else seed + next(self.drawn)
        return keras.layers.Dropout(rate, seed=seed, dtype=self.stack.dtype_policy)

    def dense(
        self, units: int, name: str, *, parts: int = 1, activation: Identifier = None
    ) -> keras.layers.Dense:
        """A dense layer whose kernel is `parts` matrices side by side."""
        kernel = self.stack.kernel_initializer
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=SideBySide(
                [self.initializer(kernel) for _ in range(parts)]
            ),
            bias_initializer=self.initializer(self.stack.bias_initializer),
            dtype=self.stack.dtype_policy,
            name=name,
        )


class SideBySide(keras.initializers.Initializer):
    """A kernel of several matrices, each started as if it stood alone."""

    def __init__(self, initializers: list[Any]) -> None:
        self.initializers = initializers

    def __call__(
        self, shape: tuple[int, int], dtype: Any = None, **kwargs: Any
    ) -> Tensor:
        rows, columns = shape
        part = (rows, columns // len(self.initializers))
        drawn = [draw(part, dtype=dtype) for draw in self.initializers]
        return drawn[0] if len(drawn) == 1 else ops.concatenate(drawn, axis=1)


class Residual(keras.layers.Layer):
    """Gives x + f(norm(x)), or norm(x + f(x)); what f is, a subclass says."""

    def __init__(self, stack: "TransformerStack", numbers: Numbers, name: str) -> None:
        super().__init__(dtype=stack.dtype_policy, name=name)
        self.norm_first = stack.norm_first
        self.norm = stack.new_norm("norm")
        self.dropout = numbers.dropout(stack.dropout)

    def build_parts(self, *parts: tuple[keras.layers.Layer, int]) -> None:
        """Builds each (layer, size of its input)."""
        with keras.name_scope(self.name):
            for layer, size in parts:
                layer.build((None, None, size))
        self.built = True

    def before(self, x: Tensor) -> Tensor:
        return self.norm(x) if self.norm_first else x

    def after(self, x: Tensor, y: Tensor, training: bool | None) -> Tensor:
        x = x + self.dropout(y, training=training)
        return x if self.norm_first else self.norm(x)


class Attention(Residual):
    """Queries that attend to keys and values, whosesoever they are."""

    def __init__(
        self,
        stack: "TransformerStack",
        features: int,
        numbers: Numbers,
        name: str,
        projection: str,
        parts: int,
    ) -> None:
        super().__init__(stack, numbers, name)
        self.num_heads = stack.num_heads
        self.parts = parts
        self.projection = numbers.dense(parts * features, projection, parts=parts)
        self.output_projection = numbers.dense(features, "output")
        self.weights_dropout = numbers.dropout(
            stack.dropout
            if stack.attention_dropout is None
            else stack.attention_dropout
        )
        self.build_parts(
            (self.norm, features),
            (self.projection, features),
            (self.output_projection, features),
        )

    def project(self, x: Tensor) -> list[Tensor]:
        """Gives `parts` tensors (B, H, T, K), the query first."""
        return split_heads(self.projection(self.before(x)), self.parts, self.num_heads)

    def look(
        self,
        x: Tensor,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        visible: Visibility | None,
        training: bool | None,
        return_scores: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Gives the next x, (B, T, D), and the weights (B, H, T, S) or None."""
        context, weights = attend(
            query, keys, values, visible, self.weights_dropout, training, return_scores
        )
        y = self.output_projection(merge_heads(context))
        return self.after(x, y, training), weights


class SelfAttention(Attention):
    """One product gives queries, keys and values of all heads."""

    def __init__(
        self, stack: "TransformerStack", features: int, numbers: Numbers
    ) -> None:
        super().__init__(
            stack, features, numbers, "self_attention", "query_key_value", 3
        )


class CrossAttention(Attention):
    """Queries alone: the stack gives keys and values of all its layers at once."""

    def __init__(
        self, stack: "TransformerStack", features: int, numbers: Numbers
    ) -> None:
        super().__init__(stack, features, numbers, "cross_attention", "query", 1)


class FeedForward(Residual):
    """Gives f(x) = activation(x W_1 + b_1) W_2 + b_2, each step by itself."""

    def __init__(
        self, stack: "TransformerStack", features: int, numbers: Numbers
    ) -> None:
        super().__init__(stack, numbers, "feed_forward")
        inner = stack.intermediate_dim
        self.inner = numbers.dense(inner, "inner", activation=stack.activation)
        self.outer = numbers.dense(features, "outer")
        self.build_parts(
            (self.norm, features), (self.inner, features), (self.outer, inner)
        )

    def run(self, x: Tensor, training: bool | None) -> Tensor:
        y = self.outer(self.inner(self.before(x)))
        return self.after(x, y, training)


class Block(keras.layers.Layer):
    """One layer of a stack: its parts, in the order in which they act."""

    def __init__(
        self,
        stack: "TransformerStack",
        features: int,
        numbers: Numbers,
        name: str,
        *,
        crosses: bool = False,
    ) -> None:
        super().__init__(dtype=stack.dtype_policy, name=name)
        with keras.name_scope(name):
            self.self_attention = SelfAttention(stack, features, numbers)
            self.cross_attention: Any = None
            if crosses:
                self.cross_attention = CrossAttention(stack, features, numbers)
            self.feed_forward = FeedForward(stack, features, numbers)
        self.built = True
