"""What the cells that show their gates have in common."""

from typing import Any

from keras import ops

from keras_seq.layers._arguments import check_rate, check_size
from keras_seq.layers._calls import CellCall
from keras_seq.layers._variant_cell import VariantCell
from keras_seq.ops._projection import project
from keras_seq.typing import Nest, Tensor


class RecurrentCell(VariantCell):
    """Checks arguments and shows dropout masks, for one of Keras's cells.

    It stands before Keras's class among the bases: `class ExplicitGRUCell(
    RecurrentCell, keras.layers.GRUCell)`.
    """

    __call__: CellCall

    def __init__(
        self, units: int, *, dropout: float, recurrent_dropout: float, **options: Any
    ) -> None:
        # Keras takes no NumPy integer for the size of a single state.
        units = check_size("units", units)
        check_rate("dropout", dropout)
        check_rate("recurrent_dropout", recurrent_dropout)
        super().__init__(
            units, dropout=dropout, recurrent_dropout=recurrent_dropout, **options
        )

    def project_inputs(self, inputs: Tensor, dropout: Tensor | None = None) -> Tensor:
        """The input's part of a step, the product with the kernel and the bias.

        A loop whose inputs are few, such as the rows of an embedding, computes it
        for all of them at once. Variants do more with an input than that.

        Args:
            inputs: Steps of the input. Shape (..., D).
            dropout: As `dropout_masks` gives it.

        Returns:
            What `step_projected` takes. Shape (..., gates · units).
        """
        return project(inputs, self.kernel, self.bias, dropout)

    def step_projected(
        self,
        projected: Tensor,
        states: Nest,
        recurrent_kernel: Tensor | None = None,
        dropout: Tensor | None = None,
    ) -> tuple[Tensor, Nest, Nest]:
        """The rest of a step: what `call` does, once the input has been projected.

        Args:
            projected: What `project_inputs` gave. Shape (B, gates · units).
            states: The state before, as in the call.
            recurrent_kernel: None for the cell's own.
            dropout: The factors on the state, as `dropout_masks` gives them.

        Returns:
            h (B, units), the state after, and the gates in the order of the names.
        """
        raise NotImplementedError

    def dropout_masks(
        self, x_t: Tensor, h_t: Tensor, training: bool | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The factors by which dropout multiplies x and h, or None for none.

        Args:
            x_t: A step of the input. Shape (B, D).
            h_t: A state. Shape (B, units).
            training: Whether dropout acts.

        Returns:
            A pair, each (1, B, features), or (gates, B, features) with a mask
            for each gate, or None. They stay the same until `reset_dropout_mask`
            and `reset_recurrent_dropout_mask`, which the layer calls for each
            sequence.
        """
        on_input = on_state = None
        if training and self.dropout:
            on_input = _stack(self.get_dropout_mask(x_t))
        if training and self.recurrent_dropout:
            on_state = _stack(self.get_recurrent_dropout_mask(h_t))
        return on_input, on_state


def _stack(masks: Nest) -> Tensor:
    return ops.stack(masks if isinstance(masks, list) else [masks])
