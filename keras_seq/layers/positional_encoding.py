"""Tells a layer without memory where in the sequence a step stands."""

import math
import numbers
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_seq.layers._arguments import check_numbers, is_above, is_whole
from keras_seq.layers._calls import PositionalCall
from keras_seq.typing import Function, Identifier, LayerOptions, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NOT_A_NUMBER = float("nan")


@keras.saving.register_keras_serializable(package="keras_seq")
class PositionalEncoding(keras.layers.Layer):
    """Adds to every step a vector that depends on its position alone.

    Position p, counted from 0, gets with D features

    ```
    PE(p, 2i)     = sin(p / λ^(2i / D))
    PE(p, 2i + 1) = cos(p / λ^(2i / D))         λ = max_wavelength
    ```

    so that PE(p + k) is a linear function of PE(p), the same for every p. For an
    odd D the last feature is a sine. Angles are computed in float32, whose
    rounding moves them by at most about p · 10⁻⁷.

    With `learned=True` PE is a weight, `embeddings` (max_length, D), instead.

    Masks are passed on: masked steps have positions too, and are counted.

    Args:
        learned: Whether PE is learned.
        max_length: Number of positions of a learned PE, a positive integer; the
            sines have no end, so that it must be None for them.
        max_wavelength: λ, a number above 1.
        scale: Whether the input is multiplied by √D first, as Vaswani et al. do
            with embeddings that start small.
        embeddings_initializer: Initialiser of a learned PE.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: Shape (B, T, D); or (B, D), one step a row.
        start: Position of the first step: an integer, an integer tensor (), or
            one of shape (B,) for a position of its own for each row. 0 by
            default.

    Returns:
        Inputs + PE, of the shape of the inputs.

    Raises:
        ValueError: If an argument is out of its range, or if the positions go
            past a learned table. Where T or `start` is known only when running,
            steps outside of the table get NaN.

    Example:

    >>> import numpy as np
    >>> layer = PositionalEncoding()
    >>> layer(np.zeros((1, 3, 2))).numpy().round(2)
    array([[[ 0.  ,  1.  ],
            [ 0.84,  0.54],
            [ 0.91, -0.42]]], dtype=float32)
    >>> layer(np.zeros((2, 2)), start=np.array([1, 2])).numpy().round(2)
    array([[ 0.84,  0.54],
           [ 0.91, -0.42]], dtype=float32)

    References:
        Vaswani et al. (2017), Attention is all you need.
        Gehring et al. (2017), Convolutional sequence to sequence learning
        (`learned`).
    """

    __call__: PositionalCall

    def __init__(
        self,
        *,
        learned: bool = False,
        max_length: int | None = None,
        max_wavelength: float = 10000,
        scale: bool = False,
        embeddings_initializer: Identifier = "uniform",
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("learned", learned), ("scale", scale)):
            if not isinstance(value, bool):
                raise ValueError(f"`{name}` must be True or False; received {value!r}.")
        if learned and not is_whole(max_length, least=1):
            raise ValueError(
                "`max_length` must be a positive integer with `learned=True`; "
                f"received {max_length!r}."
            )
        if not learned and max_length is not None:
            raise ValueError(
                "`max_length` must be None without `learned=True`; received "
                f"{max_length!r}."
            )
        if not is_above(max_wavelength, 1):
            raise ValueError(
                f"`max_wavelength` must be a number above 1; received "
                f"{max_wavelength!r}."
            )
        self.learned = learned
        # An integer of a learned table, else None.
        self.max_length: Any = None if max_length is None else int(max_length)
        self.max_wavelength = max_wavelength
        self.scale = scale
        self.embeddings_initializer: Function = keras.initializers.get(
            embeddings_initializer
        )
        self.embeddings: keras.Variable | None = None
        self.supports_masking = True

    def build(self, inputs_shape: Shape) -> None:
        _check_rank(inputs_shape)
        self.input_spec = keras.layers.InputSpec(axes={-1: inputs_shape[-1]})
        if self.learned:
            self.embeddings = self.add_weight(
                name="embeddings",
                shape=(self.max_length, inputs_shape[-1]),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs: Tensor, start: Tensor | None = None) -> Tensor:
        self._check_call(inputs, start)
        if self.scale:
            inputs = inputs * math.sqrt(inputs.shape[-1])
        encoding = self._encode(self._positions(inputs, start), inputs.shape[-1])
        return inputs + ops.cast(encoding, inputs.dtype)

    def _positions(self, inputs: Tensor, start: Tensor | None) -> Tensor:
        """Integers that broadcast to the shape of the inputs without D."""
        first = ops.cast(0 if start is None else start, "int32")
        if len(inputs.shape) == 2:
            return ops.expand_dims(first, 0) if len(first.shape) == 0 else first
        return ops.expand_dims(first, -1) + ops.arange(
            ops.shape(inputs)[1], dtype="int32"
        )

    def _encode(self, positions: Tensor, features: int) -> Tensor:
        if self.learned:
            table = ops.convert_to_tensor(self.embeddings)
            places = ops.clip(positions, 0, self.max_length - 1)
            found = ops.take(table, places, axis=0)
            inside = ops.expand_dims(positions == places, -1)
            return ops.where(inside, found, ops.full_like(found, _NOT_A_NUMBER))
        feature = np.arange(features)
        rate = float(self.max_wavelength) ** -((feature - feature % 2) / features)
        quarter = np.where(feature % 2, np.pi / 2, 0.0)  # a cosine is a sine ahead
        positions = ops.expand_dims(ops.cast(positions, "float32"), -1)
        return ops.sin(positions * rate.astype("float32") + quarter.astype("float32"))

    def _check_call(self, inputs: Tensor, start: Tensor | None) -> None:
        check_numbers("inputs", inputs)
        shape = tuple(inputs.shape)
        _check_rank(shape)
        steps = shape[1] if len(shape) == 3 else 1
        first: Any = 0 if start is None else start
        if isinstance(first, (bool, numbers.Real)):
            if not is_whole(first, least=0):
                raise ValueError(
                    "`start` must be an integer of at least 0, or a tensor of such; "
                    f"received {start!r}."
                )
            if self.learned and steps is not None and first + steps > self.max_length:
                raise ValueError(
                    f"`max_length={self.max_length}` positions were learned; received "
                    f"{steps} steps from position {first}."
                )
            return
        if not hasattr(first, "dtype"):
            raise ValueError(
                "`start` must be an integer of at least 0, or a tensor of such; "
                f"received {start!r}."
            )
        dtype = keras.backend.standardize_dtype(first.dtype)
        start_shape = tuple(first.shape)
        if (
            "int" not in dtype
            or len(start_shape) > 1
            or (
                start_shape
                and None not in (start_shape[0], shape[0])
                and start_shape[0] != shape[0]
            )
        ):
            raise ValueError(
                f"`start` must be integers of shape () or (B,) = ({shape[0]},); "
                f"received dtype {dtype}, shape {start_shape}."
            )
        if self.learned and steps is not None and steps > self.max_length:
            raise ValueError(
                f"`max_length={self.max_length}` positions were learned; received "
                f"{steps} steps."
            )

    def compute_output_shape(self, inputs_shape: Shape) -> tuple[int | None, ...]:
        return tuple(inputs_shape)

    def compute_output_spec(
        self, inputs: Tensor, start: Tensor | None = None
    ) -> keras.KerasTensor:
        self._check_call(inputs, start)
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learned": self.learned,
            "max_length": self.max_length,
            "max_wavelength": self.max_wavelength,
            "scale": self.scale,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


def _check_rank(shape: Shape) -> None:
    if len(shape) not in (2, 3):
        raise ValueError(
            "`inputs` must have shape (B, T, D) or (B, D); received shape "
            f"{tuple(shape)}."
        )
