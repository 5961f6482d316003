"""A layer on each of several sequences in a row, with all that it returns."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._arguments import fits
from keras_seq.layers._calls import DistributedCall
from keras_seq.ops._structures import map_tensors
from keras_seq.typing import LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class TimeDistributed(keras.layers.TimeDistributed):
    """`keras.layers.TimeDistributed` for layers that return states and gates too.

    ```
    x (B, N, ...) → (B · N, ...) → layer → (B · N, ...) → (B, N, ...)
    ```

    Of N sentences of a text, N windows of a series: whatever the layer returns, a
    tensor, a tuple, a dict of gates, comes back with the axes B and N in front. They
    run as B · N rows at once, where Keras's runs N times one after the other and takes
    one output alone. What is in it is the same for one output, but what depends on the
    other rows of a batch, such as `BatchNormalization` in training.
    `keras_seq.diagnostics` sees B · N rows.

    Args:
        layer: The layer; none in it may be stateful, for its state would pass from
            one of the N to the next.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: Shape (B, N, ...), of which the layer is given (B · N, ...).
        training: Handed on to the layer.
        mask: True where one of the N counts, (B, N), or where one of its steps does,
            (B, N, T), which the layer is given; or None.

    Returns:
        What the layer returns, each tensor (B, N, ...). A mask (B, N, T) goes on where
        an output has the steps and the layer hands it on; elsewhere that of the N that
        have a step that counts does, (B, N).

    Raises:
        ValueError: If `inputs` has fewer than 3 axes, `mask` doesn't fit, or a layer
            is stateful.

    Example:

    >>> import numpy as np
    >>> from keras_seq.layers import ExplicitLSTM
    >>> texts = np.ones((2, 3, 7, 4), "float32")  # of 3 sentences of 7 words
    >>> h, gates = TimeDistributed(ExplicitLSTM(5, return_gates=True))(texts)
    >>> h.shape, gates["forget"].shape
    (TensorShape([2, 3, 5]), TensorShape([2, 3, 7, 5]))
    """

    __call__: DistributedCall

    def __init__(
        self, layer: keras.layers.Layer, **kwargs: "Unpack[LayerOptions]"
    ) -> None:
        super().__init__(layer, **kwargs)
        for part in layer._flatten_layers():
            if getattr(part, "stateful", False):
                raise ValueError(
                    "`layer` must not be stateful, for its state would pass from one "
                    f"of the N to the next; received {part.name!r} with stateful=True."
                )

    def build(self, input_shape: Shape) -> None:
        keras.layers.Wrapper.build(self, self._rows_shape(input_shape))

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
    ) -> Nest:
        self._rows_shape(inputs.shape)
        options: dict[str, Any] = {}
        if mask is not None:
            mask = self._step_mask(inputs, mask)
            if self.layer._call_has_mask_arg:
                options["mask"] = _in_rows(mask)
        if self.layer._call_has_training_arg:
            options["training"] = training
        outputs = self.layer(_in_rows(inputs), **options)
        return map_tensors(lambda y: _apart(y, inputs), outputs)

    def compute_output_shape(self, input_shape: Shape) -> Nest:
        outputs = self.layer.compute_output_shape(self._rows_shape(input_shape))
        return keras.tree.map_shape_structure(
            lambda shape: (*input_shape[:2], *shape[1:]), outputs
        )

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Nest:
        """The mask, of outputs without the steps that it is of whether one counts."""
        if mask is None:
            return None
        if len(mask.shape) == 2:
            each = self.compute_output_shape(tuple(inputs.shape))
            return keras.tree.map_shape_structure(lambda _: mask, each)
        # Whether the layer passes it on is seen with what stands for rows.
        shape = self._rows_shape(inputs.shape)
        rows = keras.KerasTensor(shape[:2], "bool")
        passed = self.layer.compute_mask(keras.KerasTensor(shape), rows)
        outputs = keras.tree.map_shape_structure(
            keras.KerasTensor, self.layer.compute_output_shape(shape)
        )
        masks, likes = (keras.tree.flatten(nest) for nest in (passed, outputs))
        masks += [None] * (len(likes) - len(masks))
        any_step = ops.any(ops.cast(mask, "bool"), axis=-1)
        found = [
            mask if one is rows and len(like.shape) > 2 else any_step
            for one, like in zip(masks, likes, strict=False)
        ]
        return keras.tree.pack_sequence_as(outputs, found)

    def _rows_shape(self, shape: Shape) -> Shape:
        if len(shape) < 3:
            raise ValueError(
                "`inputs` must have shape (B, N, ...), 3 axes at least; received "
                f"{tuple(shape)}."
            )
        batch, count = shape[:2]
        rows = None if batch is None or count is None else batch * count
        return (rows, *shape[2:])

    def _step_mask(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The mask as it is for the layer's input: (B, N, T) where that has steps."""
        expected, received = tuple(inputs.shape[:3]), tuple(mask.shape)
        if len(received) not in (2, 3) or not fits(received, expected[: len(received)]):
            raise ValueError(
                f"`mask` must have shape (B, N) or (B, N, T) = {expected}; received "
                f"{received}."
            )
        mask = ops.cast(mask, "bool")
        if len(received) == 3 or len(inputs.shape) == 3:
            return mask
        return ops.broadcast_to(ops.expand_dims(mask, -1), ops.shape(inputs)[:3])


def _in_rows(x: Tensor) -> Tensor:
    """(B, N, ...) as (B · N, ...)."""
    batch, count, *rest = ops.shape(x)
    return ops.reshape(x, (batch * count, *rest))


def _apart(y: Tensor, inputs: Tensor) -> Tensor:
    """(B · N, ...) as (B, N, ...)."""
    return ops.reshape(y, (*ops.shape(inputs)[:2], *ops.shape(y)[1:]))
