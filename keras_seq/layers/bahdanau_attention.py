"""Additive attention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from keras_seq.layers._arguments import check_flag, check_size
from keras_seq.layers._attention_arguments import new_initializer
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers.attention_mechanism import AttentionMechanism, Probability
from keras_seq.ops._projection import product
from keras_seq.typing import Function, Identifier, LayerOptions, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

LOCATIONS = ("previous", "cumulative")


@keras.saving.register_keras_serializable(package="keras_seq")
class BahdanauAttention(AttentionMechanism):
    """Additive attention, with learned projections of the query and the memory.

    ```
    e_ts = vᵀ tanh(W q_t + U m_s + b)
    a_t = softmax(e_t)                  over the positions that the mask leaves
    context_t = Σ_s a_ts m_s
    ```

    The weights are `query_kernel` W (D, units), `memory_kernel` U (E, units),
    `energy_kernel` v (units,) and `bias` b (units,).
    (`keras.layers.AdditiveAttention` has neither W nor U.)

    `normalize=True` gives v a length of its own, g v / |v|, with a learned
    `energy_gain` g that starts at 1 / √units.

    `location="previous"` lets the energies see where the last step looked, and
    `location="cumulative"` where all steps before looked, which keeps it from
    looking twice or not at all:

    ```
    p_t = a_{t-1}       or   Σ_{t'<t} a_t',           0 for the first query
    f_ts = Σ_k F_k p_{t, s+k-K//2}                    0 outside of the memory
    e_ts = vᵀ tanh(W q_t + U m_s + V f_ts + b)
    ```

    with `filters` F (K, 1, location_filters), K being `location_kernel_size`, and
    `location_kernel` V (location_filters, units). A call with T queries then takes
    them in turn, from the first on.

    Where `memory_mask` leaves nothing, weights and context are 0, never NaN, and
    what the memory holds at masked positions reaches no result.

    A call with T queries makes an array (B, T, S, units), with `location` one
    (B, S, units) for each query.

    Args:
        units: Size of the space in which queries meet keys, a positive integer.
        probability: "softmax"; "sparsemax", which leaves most positions at 0; or
            a function `(energies, mask) -> weights` of arrays (..., S).
        use_bias: Whether there is a b.
        normalize: Whether v is normalised.
        location: None, "previous" or "cumulative".
        location_filters: Number of filters, a positive integer.
        location_kernel_size: K, the positions that a filter sees; odd, so that a
            position lies in the middle.
        dropout: Share of the weights that is set to 0 in training, in [0, 1).
            The weights that are returned are those before dropout.
        kernel_initializer: Initialiser of all weights but g and b.
        kernel_regularizer: Regulariser of the same weights.
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
    >>> attention = BahdanauAttention(8)
    >>> memory = np.random.default_rng(0).normal(size=(2, 5, 4))
    >>> context, weights = attention(
    ...     np.ones((2, 3)), memory, return_attention_scores=True
    ... )
    >>> context.shape, weights.shape
    (TensorShape([2, 4]), TensorShape([2, 5]))

    References:
        Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly
        learning to align and translate.
        Salimans and Kingma (2016), Weight normalization (`normalize`).
        Chorowski et al. (2015), Attention-based models for speech recognition
        (`location="previous"`).
        Tu et al. (2016), Modeling coverage for neural machine translation
        (`location="cumulative"`).
    """

    def __init__(
        self,
        units: int,
        *,
        probability: Probability = "softmax",
        use_bias: bool = True,
        normalize: bool = False,
        location: Literal["previous", "cumulative"] | None = None,
        location_filters: int = 8,
        location_kernel_size: int = 15,
        dropout: float = 0.0,
        kernel_initializer: Identifier = "glorot_uniform",
        kernel_regularizer: Identifier = None,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        units = check_size("units", units)
        check_flag("use_bias", use_bias)
        check_flag("normalize", normalize)
        if location is not None and location not in LOCATIONS:
            raise ValueError(
                f"`location` must be one of {LOCATIONS} or None; received {location!r}."
            )
        location_filters = check_size("location_filters", location_filters)
        location_kernel_size = check_size("location_kernel_size", location_kernel_size)
        if location_kernel_size % 2 == 0:
            raise ValueError(
                "`location_kernel_size` must be a positive odd integer; received "
                f"{location_kernel_size!r}."
            )
        super().__init__(probability=probability, dropout=dropout, seed=seed, **kwargs)
        self.units = units
        self.use_bias = use_bias
        self.normalize = normalize
        self.location = location
        self.location_filters = location_filters
        self.location_kernel_size = location_kernel_size
        self.kernel_initializer: Function = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer: Function | None = keras.regularizers.get(
            kernel_regularizer
        )

    def build(self, query_shape: Shape, memory_shape: Shape) -> None:
        super().build(query_shape, memory_shape)

        def kernel(name: str, shape: tuple[int | None, ...]) -> keras.Variable:
            return self.add_weight(
                shape=shape,
                name=name,
                initializer=new_initializer(self.kernel_initializer),
                regularizer=self.kernel_regularizer,
            )

        self.query_kernel = kernel("query_kernel", (query_shape[-1], self.units))
        self.memory_kernel = kernel("memory_kernel", (memory_shape[-1], self.units))
        self.energy_kernel = kernel("energy_kernel", (self.units,))
        self.bias: keras.Variable | None = None
        self.energy_gain: keras.Variable | None = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), name="bias", initializer="zeros"
            )
        if self.normalize:
            self.energy_gain = self.add_weight(
                shape=(),
                name="energy_gain",
                initializer=keras.initializers.Constant(self.units**-0.5),
            )
        if self.location:
            self.filters = kernel(
                "filters", (self.location_kernel_size, 1, self.location_filters)
            )
            self.location_kernel = kernel(
                "location_kernel", (self.location_filters, self.units)
            )

    @in_functional_models
    def project_memory(self, memory: Tensor) -> Tensor:
        """Gives U m_s + b: the keys, shape (B, S, units)."""
        self.check_built()
        memory = ops.cast(memory, self.compute_dtype)
        keys = ops.matmul(memory, ops.cast(self.memory_kernel, self.compute_dtype))
        if self.bias is None:
            return keys
        return keys + ops.cast(self.bias, self.compute_dtype)

    def energy_weights(self) -> Tensor:
        """The vector by which tanh is multiplied, shape (units,): v or g v / |v|."""
        v = self.energy_kernel
        if self.normalize:
            # In 16 bits the squares of small numbers are 0.
            v = ops.cast(v, keras.backend.result_type(v.dtype, "float32"))
            v = self.energy_gain * v / ops.sqrt(ops.sum(ops.square(v)))
        return ops.cast(v, self.compute_dtype)

    def energies(
        self, query: Tensor, keys: Tensor, state: Sequence[Tensor] = ()
    ) -> Tensor:
        query = product(
            ops.cast(query, self.compute_dtype),
            ops.cast(self.query_kernel, self.compute_dtype),
        )
        if self.location:
            keys = keys + self._seen_before(state[0])
        hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(keys, 1))
        return product(hidden, ops.expand_dims(self.energy_weights(), -1))[..., 0]

    def _seen_before(self, weights: Tensor) -> Tensor:
        """Gives V f: what the weights of the steps before add, (B, S, units)."""
        rows, source = ops.shape(weights)
        if not (weights.shape[0] and weights.shape[1]):
            # TensorFlow's convolution of nothing has a wrong shape. Zeros at the end
            # are what it pads with anyhow.
            weights = ops.pad(weights, ((0, 1), (0, 1)))
        features = ops.conv(
            ops.expand_dims(weights, -1),
            ops.cast(self.filters, self.compute_dtype),
            padding="same",
            data_format="channels_last",
        )[:rows, :source]
        kernel = ops.cast(self.location_kernel, self.compute_dtype)
        return product(features, kernel)

    def get_initial_state(
        self, memory: Tensor, memory_mask: Tensor | None = None
    ) -> Sequence[Tensor]:
        if not self.location:
            return ()
        return (ops.zeros_like(ops.cast(memory[:, :, 0], self.compute_dtype)),)

    def remember(self, weights: Tensor, state: Sequence[Tensor]) -> Sequence[Tensor]:
        if self.location == "previous":
            return (weights,)
        return (state[0] + weights,)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "normalize": self.normalize,
            "location": self.location,
            "location_filters": self.location_filters,
            "location_kernel_size": self.location_kernel_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
