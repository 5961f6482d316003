"""A sequence as one vector, by attention without a query."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._arguments import (
    as_mask,
    check_flag,
    check_mask,
    check_numbers,
    check_size,
)
from keras_seq.layers._attention_arguments import without_masked
from keras_seq.layers._calls import PoolingCall
from keras_seq.ops import masked_softmax
from keras_seq.typing import Function, Identifier, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class AttentionPooling(keras.layers.Layer):
    """Sums a sequence up as a mean whose weights are learned from the content.

    ```
    e_t = vᵀ tanh(U h_t + b)
    a = softmax(e)                 over the steps that the mask leaves
    pooled = Σ_t a_t h_t
    ```

    The weights are `kernel` U (D, units), `bias` b (units,) and `energy_kernel` v
    (units,). It is additive attention whose query is the same for all sequences.
    Where the mask leaves nothing, the weights and the result are 0, never NaN, and
    what is at masked steps reaches no result.

    Args:
        units: Size of the space in which steps are judged, a positive integer.
        use_bias: Whether there is a b.
        kernel_initializer: Initializer of U.
        energy_initializer: Initializer of v.
        bias_initializer: Initializer of b.
        kernel_regularizer: Regularizer of U.
        energy_regularizer: Regularizer of v.
        bias_regularizer: Regularizer of b.
        **kwargs: As for every Keras layer.

    Call arguments:
        inputs: Shape (B, T, D).
        mask: Boolean, shape (B, T), True where a step counts; None for the mask that
            Keras carries along with the inputs, or for all steps.
        return_attention_scores: Whether to return a, too.

    Returns:
        Shape (B, D); with `return_attention_scores=True` also a, shape (B, T).

    Raises:
        ValueError: If an argument is out of its range, or the inputs are not of rank 3.

    Example:

    >>> import numpy as np
    >>> h = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    >>> mask = np.arange(5) < np.array([[5], [3]])
    >>> pooled, weights = AttentionPooling(4)(h, mask, return_attention_scores=True)
    >>> pooled.shape, np.array(weights)[1, 3:].tolist()
    (TensorShape([2, 8]), [0.0, 0.0])

    References:
        [Yang et al., 2016](https://aclanthology.org/N16-1174), section 2.2
    """

    __call__: PoolingCall

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        energy_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        energy_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        check_flag("use_bias", use_bias)
        self.units = check_size("units", units)
        self.use_bias = use_bias
        self.kernel_initializer: Function = keras.initializers.get(kernel_initializer)
        self.energy_initializer: Function = keras.initializers.get(energy_initializer)
        self.bias_initializer: Function = keras.initializers.get(bias_initializer)
        self.kernel_regularizer: Function | None = keras.regularizers.get(
            kernel_regularizer
        )
        self.energy_regularizer: Function | None = keras.regularizers.get(
            energy_regularizer
        )
        self.bias_regularizer: Function | None = keras.regularizers.get(
            bias_regularizer
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        self._check(input_shape)
        self.kernel: keras.Variable = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.energy_kernel: keras.Variable = self.add_weight(
            name="energy_kernel",
            shape=(self.units, 1),
            initializer=self.energy_initializer,
            regularizer=self.energy_regularizer,
        )
        if self.use_bias:
            self.bias: keras.Variable = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
            )

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Nest:
        """Pools the steps; see the class."""
        check_numbers("inputs", inputs)
        self._check(inputs.shape)
        mask = as_mask(mask)
        if mask is not None:
            check_mask(mask, inputs)
        # A NaN at a masked step times 0 would still be NaN.
        inputs = without_masked(inputs, mask)
        energies = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            energies = energies + self.bias
        energies = ops.matmul(ops.tanh(energies), self.energy_kernel)[..., 0]
        weights = masked_softmax(energies, mask)
        pooled = ops.einsum("bt,btd->bd", weights, inputs)
        return (pooled, weights) if return_attention_scores else pooled

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """None: there are no steps left to mask."""
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        config = super().get_config()
        config |= {"units": self.units, "use_bias": self.use_bias}
        for name in ("kernel", "energy", "bias"):
            config |= {
                f"{name}_initializer": keras.initializers.serialize(
                    getattr(self, f"{name}_initializer")
                ),
                f"{name}_regularizer": keras.regularizers.serialize(
                    getattr(self, f"{name}_regularizer")
                ),
            }
        return config

    def _check(self, shape: Shape) -> None:
        if len(shape) != 3:
            raise ValueError(
                f"`inputs` must have shape (B, T, D); received shape {tuple(shape)}."
            )
