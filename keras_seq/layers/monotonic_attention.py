"""Attention that moves on and never goes back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._arguments import check_flag
from keras_seq.layers._attention_arguments import check_dtype, check_number
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers.attention_mechanism import AttentionMechanism
from keras_seq.ops import hard_monotonic, monotonic
from keras_seq.typing import LayerOptions, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class MonotonicAttention(AttentionMechanism):
    """Attention that reads on from where it stopped, with another's energies.

    ```
    p_ts = σ(e_ts + r + ε_ts)            probability of stopping at s
    ```

    with a learned `energy_bias` r and, in training, noise ε ~ N(0, noise²),
    which teaches the energies to be large. In training the weights are what
    they are on average, `keras_seq.ops.monotonic`; else the attention stops at
    the first position with p > 1/2 (`keras_seq.ops.hard_monotonic`), and reads
    each position once: it can decode while the source is still coming in. Its
    weights are 0 once it has run off the end.

    Weights depend on those of the step before: a call with T queries takes them
    in turn, from the first position on.

    Args:
        attention: Whose energies are taken, and nothing else: a
            `BahdanauAttention`, best with `normalize=True`, or a `LuongAttention`,
            best with a `scale`. Its `probability` and `dropout` must be left alone.
        noise: Standard deviation of ε, 0 or more.
        energy_bias: What the learned r starts at. Negative, -1 to -4, for long
            memories: else no weight gets far at first.
        hard: Whether to stop at one position outside training. If not, the
            weights are the expected ones there too.
        dropout: Share of the weights that is set to 0 in training, in [0, 1).
        seed: Seed of noise and dropout.
        **kwargs: What every Keras layer takes.

    Call arguments: As in `BahdanauAttention`.

    Raises:
        ValueError: If an argument is out of its range.
        TypeError: If `attention` is no attention of this package.

    Example:

    >>> import numpy as np
    >>> from keras_seq.layers import BahdanauAttention
    >>> attention = MonotonicAttention(BahdanauAttention(8, normalize=True))
    >>> _, weights = attention(
    ...     np.ones((1, 2, 3)), np.ones((1, 5, 4)), return_attention_scores=True
    ... )
    >>> weights.shape
    TensorShape([1, 2, 5])

    References:
        Raffel, Luong, Liu, Weiss and Eck (2017), Online and linear-time
        attention by enforcing monotonic alignments.
    """

    def __init__(
        self,
        attention: AttentionMechanism,
        *,
        noise: float = 1.0,
        energy_bias: float = 0.0,
        hard: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        if not isinstance(attention, AttentionMechanism) or isinstance(
            attention, MonotonicAttention
        ):
            raise TypeError(
                "`attention` must be a BahdanauAttention or LuongAttention; received "
                f"{attention!r}."
            )
        if attention.probability != "softmax" or attention.dropout:
            raise ValueError(
                "`attention` gives its energies alone, so it must have "
                "probability='softmax' and dropout=0; received "
                f"probability={attention.probability!r}, dropout={attention.dropout}."
            )
        check_flag("hard", hard)
        super().__init__(dropout=dropout, seed=seed, **kwargs)
        check_dtype("attention", attention, self)
        self.attention = attention
        self.noise = check_number("noise", noise, 0)
        self.energy_bias = check_number("energy_bias", energy_bias)
        self.hard = hard

    def build(self, query_shape: Shape, memory_shape: Shape) -> None:
        super().build(query_shape, memory_shape)
        if not self.attention.built:
            self.attention.build(query_shape, memory_shape)
        self.bias: keras.Variable = self.add_weight(
            shape=(),
            name="energy_bias",
            initializer=keras.initializers.Constant(self.energy_bias),
        )

    @in_functional_models
    def project_memory(self, memory: Tensor) -> Tensor:
        """As `attention.project_memory`."""
        return self.attention.project_memory(memory)

    def energies(
        self, query: Tensor, keys: Tensor, state: Sequence[Tensor] = ()
    ) -> Tensor:
        energies = self.attention.energies(query, keys, state[1:])
        return energies + ops.cast(self.bias, energies.dtype)

    def get_initial_state(
        self, memory: Tensor, memory_mask: Tensor | None = None
    ) -> Sequence[Tensor]:
        nothing = ops.zeros_like(ops.cast(memory[:, :, :1], self.compute_dtype))
        first = ops.concatenate(
            [ops.ones_like(nothing[:, :1]), nothing[:, 1:]], axis=1
        )[..., 0]
        return (first, *self.attention.get_initial_state(memory, memory_mask))

    def draw(
        self, steps: int, batch: int, source: int, training: bool | None
    ) -> tuple[Tensor, ...]:
        drawn = super().draw(steps, batch, source, training)
        if training and self.noise:
            shape = (steps, batch, source)
            noise = keras.random.normal(
                shape, 0.0, self.noise, self.compute_dtype, self.seed_generator
            )
            drawn = (*drawn, noise)
        return drawn

    def align(
        self,
        energies: Tensor,
        memory_mask: Tensor | None,
        state: Sequence[Tensor],
        drawn: Sequence[Tensor] = (),
        training: bool | None = False,
    ) -> tuple[Tensor, Sequence[Tensor]]:
        previous, others = state[0], state[1:]
        if training and self.noise:
            energies = energies + drawn[-1]
        choice = ops.sigmoid(energies[:, 0])
        if memory_mask is not None:
            choice = ops.where(memory_mask, choice, ops.zeros_like(choice))
        stop = hard_monotonic if self.hard and not training else monotonic
        weights = stop(choice, previous)
        # What the wrapped attention remembers of weights, it must hear of these.
        if others:
            others = self.attention.remember(weights, others)
        return ops.expand_dims(weights, 1), (weights, *others)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["probability"]
        return {
            **config,
            "attention": keras.saving.serialize_keras_object(self.attention),
            "noise": self.noise,
            "energy_bias": self.energy_bias,
            "hard": self.hard,
        }
