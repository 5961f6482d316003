"""Multiplicative attention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from keras_seq.layers._arguments import check_size
from keras_seq.layers._attention_arguments import new_initializer
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers.attention_mechanism import AttentionMechanism, Probability
from keras_seq.ops._projection import product
from keras_seq.typing import Function, Identifier, LayerOptions, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

SCORES = ("dot", "general", "concat")


@keras.saving.register_keras_serializable(package="keras_seq")
class LuongAttention(AttentionMechanism):
    """Multiplicative attention.

    ```
    dot      e_ts = q_tᵀ m_s                        D = E
    general  e_ts = q_tᵀ Wᵀ m_s                     kernel W (E, D)
    concat   e_ts = vᵀ tanh(Wᵀ [q_t; m_s])          kernel W (D + E, units),
                                                    energy_kernel v (units,)
    a_t = softmax(e_t)                  over the positions that the mask leaves
    context_t = Σ_s a_ts m_s
    ```

    `scale="learned"` multiplies the energies by a learned number, `energy_gain`,
    which starts at 1; `scale="fixed"` divides them by √D (dot, general) or
    √units (concat), so that their spread doesn't grow with the size.

    Where `memory_mask` leaves nothing, weights and context are 0, never NaN, and
    what the memory holds at masked positions reaches no result.

    Args:
        units: Size of the hidden layer of "concat"; None for the others.
        score: "dot", "general" or "concat".
        scale: None, "learned" or "fixed".
        probability: "softmax"; "sparsemax", which leaves most positions at 0; or
            a function `(energies, mask) -> weights` of arrays (..., S).
        dropout: Share of the weights that is set to 0 in training, in [0, 1).
            The weights that are returned are those before dropout.
        kernel_initializer: Initialiser of the kernels.
        kernel_regularizer: Regulariser of the kernels.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: Shape (B, D), or (B, T, D) for T queries.
        memory: Shape (B, S, E).
        memory_mask: True where a position counts, shape (B, S), or None for the
            mask that came with the memory, or for all.
        keys: `project_memory(memory)`, to save computing it again. What the memory
            held at masked positions must have been finite then.
        return_attention_scores: Whether to return the weights too.
        training: Whether dropout acts.
        memory_sequence_length: How many positions of each row count, integers of shape
            (B,): as a mask of padding behind them. With a mask both hold.

    Returns:
        The context, shape (B, E) or (B, T, E); with `return_attention_scores`
        the weights too, shape (B, S) or (B, T, S).

    Raises:
        ValueError: If an argument is out of its range or the shapes don't fit.

    Example:

    >>> import numpy as np
    >>> attention = LuongAttention(score="dot", scale="fixed")
    >>> query, memory = np.ones((1, 4)), np.eye(4)[None]
    >>> attention(query, memory).numpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)

    References:
        Luong, Pham and Manning (2015), Effective approaches to attention-based
        neural machine translation.
        Vaswani et al. (2017), Attention is all you need (`scale="fixed"`).
    """

    def __init__(
        self,
        units: int | None = None,
        *,
        score: Literal["dot", "general", "concat"] = "general",
        scale: Literal["learned", "fixed"] | None = None,
        probability: Probability = "softmax",
        dropout: float = 0.0,
        kernel_initializer: Identifier = "glorot_uniform",
        kernel_regularizer: Identifier = None,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        if score not in SCORES:
            raise ValueError(f"`score` must be one of {SCORES}; received {score!r}.")
        if score == "concat":
            units = check_size("units", units)
        elif units is not None:
            raise ValueError(
                f"`units` must be None with score={score!r}, which has no hidden "
                f"layer; received {units!r}."
            )
        if scale not in (None, "learned", "fixed"):
            raise ValueError(
                f"`scale` must be None, 'learned' or 'fixed'; received {scale!r}."
            )
        super().__init__(probability=probability, dropout=dropout, seed=seed, **kwargs)
        self.units = units
        self.score = score
        self.scale = scale
        self.kernel_initializer: Function = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer: Function | None = keras.regularizers.get(
            kernel_regularizer
        )

    def build(self, query_shape: Shape, memory_shape: Shape) -> None:
        super().build(query_shape, memory_shape)
        D, E = self._sizes
        if self.score == "dot" and D != E:
            raise ValueError(
                "score='dot' needs queries and memory of one size; received sizes "
                f"{D} and {E}. score='general' takes any."
            )

        def kernel(name: str, shape: tuple[int | None, ...]) -> keras.Variable:
            return self.add_weight(
                shape=shape,
                name=name,
                initializer=new_initializer(self.kernel_initializer),
                regularizer=self.kernel_regularizer,
            )

        self.kernel: keras.Variable | None = None
        self.energy_kernel: keras.Variable | None = None
        self.energy_gain: keras.Variable | None = None
        if self.score == "general":
            self.kernel = kernel("kernel", (E, D))
        elif self.score == "concat":
            self.kernel = kernel("kernel", (D + E, self.units))
            self.energy_kernel = kernel("energy_kernel", (self.units,))
        if self.scale == "learned":
            self.energy_gain = self.add_weight(
                shape=(), name="energy_gain", initializer="ones"
            )

    @in_functional_models
    def project_memory(self, memory: Tensor) -> Tensor:
        """Gives Wᵀ m_s, or m_s itself: the keys, shape (B, S, D or units)."""
        self.check_built()
        memory = ops.cast(memory, self.compute_dtype)
        if self.kernel is None:
            return memory
        kernel = ops.cast(self.kernel, self.compute_dtype)
        if self.score == "concat":
            kernel = kernel[-memory.shape[-1] :]
        return ops.matmul(memory, kernel)

    def energies(
        self, query: Tensor, keys: Tensor, state: Sequence[Tensor] = ()
    ) -> Tensor:
        query = ops.cast(query, self.compute_dtype)
        if self.score == "concat":
            kernel = ops.cast(self.kernel, self.compute_dtype)
            query = product(query, kernel[: query.shape[-1]])
            hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(keys, 1))
            v = ops.cast(self.energy_kernel, self.compute_dtype)
            energies = product(hidden, ops.expand_dims(v, -1))[..., 0]
        else:
            energies = ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        if self.scale == "fixed":
            energies = energies * keys.shape[-1] ** -0.5
        elif self.scale == "learned":
            energies = energies * ops.cast(self.energy_gain, self.compute_dtype)
        return energies

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "score": self.score,
            "scale": self.scale,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
