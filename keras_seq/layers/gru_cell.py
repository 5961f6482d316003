"""One step of a GRU that shows its gates."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import keras

from keras_seq.layers._arguments import (
    check_implementation,
    check_states,
    check_step_input,
)
from keras_seq.layers._recurrent_cell import RecurrentCell
from keras_seq.ops import gru_step
from keras_seq.ops._projection import project
from keras_seq.ops._variants import VariedGRU
from keras_seq.ops.gru import GATES
from keras_seq.typing import Identifier, LayerOptions, Nest, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitGRUCell(RecurrentCell, keras.layers.GRUCell):
    """One step of a GRU, with its gates on request.

    ```
    z  = σ(x_t W_z + b_z + h_{t-1} U_z + b'_z)               update gate
    r  = σ(x_t W_r + b_r + h_{t-1} U_r + b'_r)               reset gate
    h̃  = tanh(x_t W_h + b_h + r ⊙ (h_{t-1} U_h + b'_h))      candidate
    h_t = z ⊙ h_{t-1} + (1 - z) ⊙ h̃
    ```

    With `reset_after=False` there is no b', and the candidate is
    tanh(x_t W_h + b_h + (r ⊙ h_{t-1}) U_h).

    Weights, their layout and every constructor argument are those of
    `keras.layers.GRUCell`: `kernel` W (D, 3 · units), `recurrent_kernel` U
    (units, 3 · units) and `bias`, b and b' as the rows of (2, 3 · units), or b
    alone (3 · units,) with `reset_after=False`, packed in the order (z, r, h̃).
    `set_weights` takes a Keras cell's weights as they are.

    `layer_norm`, `zoneout` and `weight_dropout`, all off,
    change the equations as `ExplicitGRU` says.

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        recurrent_activation: Stands where the equations say σ.
        use_bias: Whether there are b and b'.
        kernel_initializer: Initialiser of W.
        recurrent_initializer: Initialiser of U.
        bias_initializer: Initialiser of b and b'.
        kernel_regularizer: Regulariser of W.
        recurrent_regularizer: Regulariser of U.
        bias_regularizer: Regulariser of b and b'.
        kernel_constraint: Constraint on W.
        recurrent_constraint: Constraint on U.
        bias_constraint: Constraint on b and b'.
        dropout: Share of x_t's features set to 0 in training, in [0, 1): the
            same ones at every step until `reset_dropout_mask()`.
        recurrent_dropout: Share of h_{t-1}'s units set to 0 in training where
            it meets U, in [0, 1): the same until
            `reset_recurrent_dropout_mask()`.
        reset_after: Whether the reset gate acts behind the product with U, as
            in cuDNN, or before it, as in Cho et al.
        seed: Seed of all that is drawn in training.
        implementation: 2 shares one dropout mask on x_t between the gates; 1
            draws one for each gate, as `recurrent_dropout` always does.
        layer_norm: Whether to normalise as the equations say.
        layer_norm_epsilon: ε, which is added to the variance; positive.
        zoneout: Share of the units of h that keep their previous value,
            drawn afresh at each step in training: a number,
            in [0, 1). In inference the expectation is taken.
            (On JAX a loop can draw nothing: there `keras.layers.RNN` can not train
            such a cell. The layer, which draws before its loop, can.)
        weight_dropout: Share of the entries of U set to 0 in training, in
            [0, 1): the same until `reset_recurrent_dropout_mask()`.

    Call arguments:
        inputs: x_t. Shape (B, D).
        states: h_{t-1} of shape (B, units), alone or in a list or tuple.
        training: Whether dropout acts, and zoneout draws.
        return_gates: Whether to return the gates too.

    Returns:
        h_t of shape (B, units) and the new state: `[h_t]`, or h_t alone if
        `states` was a tensor alone, as in Keras; with `return_gates=True` also a
        dict of (B, units) tensors "update", "reset" and "candidate".

    Raises:
        ValueError: If `units` is not a positive integer, another argument is
            out of its range, or `states` doesn't fit.

    Example:

    >>> import numpy as np
    >>> cell = ExplicitGRUCell(4)
    >>> (h,) = cell.get_initial_state(batch_size=1)
    >>> for x_t in np.ones((3, 1, 2), "float32"):
    ...     h, (h,), gates = cell(x_t, (h,), return_gates=True)
    >>> sorted(gates)
    ['candidate', 'reset', 'update']

    References:
        Cho et al. (2014), Learning phrase representations using RNN
        encoder-decoder for statistical machine translation.
        Gal and Ghahramani (2016), A theoretically grounded application of
        dropout in recurrent neural networks.
    """

    normed = MappingProxyType({"kernel": 3, "recurrent": 3})
    bias_gates = "gru"

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        implementation: Literal[1, 2] = 2,
        *,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-3,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        check_implementation(implementation)
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            implementation=implementation,
            layer_norm=layer_norm,
            layer_norm_epsilon=layer_norm_epsilon,
            zoneout=zoneout,
            weight_dropout=weight_dropout,
            **kwargs,
        )

    def equations(
        self,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor | None,
        **dropouts: Tensor,
    ) -> Any:
        return VariedGRU(
            kernel,
            recurrent_kernel,
            bias,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            reset_after=self.reset_after,
            norms=self.norms(),
            **dropouts,
        )

    def project_inputs(self, inputs: Tensor, dropout: Tensor | None = None) -> Tensor:
        bias = self.bias[0] if self.use_bias and self.reset_after else self.bias
        return project(inputs, self.kernel, bias, dropout)

    def step_projected(
        self,
        projected: Tensor,
        states: Nest,
        recurrent_kernel: Tensor | None = None,
        dropout: Tensor | None = None,
    ) -> tuple[Tensor, Nest, Nest]:
        h, gates = gru_step(
            projected,
            states[0],
            self.recurrent_kernel if recurrent_kernel is None else recurrent_kernel,
            self.bias[1] if self.use_bias and self.reset_after else None,
            recurrent_dropout=dropout,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            reset_after=self.reset_after,
        )
        return h, [h], gates

    def call(
        self,
        inputs: Tensor,
        states: Nest,
        training: bool | None = False,
        return_gates: bool = False,
    ) -> Nest:
        check_step_input(inputs)
        (h_prev,) = check_states("states", states, self.state_size, inputs)
        dropouts = self.dropout_masks(inputs, h_prev, training)
        recurrent_kernel = self.drop_weights(self.recurrent_kernel, training)
        if self.varied:
            (h,), gates = self.step_varied(
                inputs, (h_prev,), recurrent_kernel, dropouts, training
            )
        else:
            h, _, gates = self.step_projected(
                self.project_inputs(inputs, dropouts[0]),
                [h_prev],
                recurrent_kernel,
                dropouts[1],
            )
        state = [h] if isinstance(states, (list, tuple)) else h
        if not return_gates:
            return h, state
        return h, state, dict(zip(GATES, gates, strict=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "implementation": self.implementation}
