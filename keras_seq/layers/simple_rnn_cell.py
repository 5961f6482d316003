"""One step of a simple recurrent layer that shows its pre-activation."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import keras

from keras_seq.layers._arguments import check_states, check_step_input
from keras_seq.layers._recurrent_cell import RecurrentCell
from keras_seq.ops import simple_rnn_step
from keras_seq.ops._variants import VariedSimpleRNN
from keras_seq.ops.simple_rnn import SHOWN
from keras_seq.typing import Identifier, LayerOptions, Nest, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitSimpleRNNCell(RecurrentCell, keras.layers.SimpleRNNCell):
    """One step of a simple recurrent layer, with its pre-activation on request.

    ```
    a_t = x_t W + h_{t-1} U + b     pre-activation
    h_t = tanh(a_t)
    ```

    Weights, their layout and every constructor argument are those of
    `keras.layers.SimpleRNNCell`: `kernel` W (D, units), `recurrent_kernel` U
    (units, units) and `bias` b (units,). `set_weights` takes a Keras cell's
    weights as they are.

    `layer_norm`, `zoneout` and `weight_dropout`, all off,
    change the equations as `ExplicitSimpleRNN` says.

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        use_bias: Whether there is a b.
        kernel_initializer: Initialiser of W.
        recurrent_initializer: Initialiser of U.
        bias_initializer: Initialiser of b.
        kernel_regularizer: Regulariser of W.
        recurrent_regularizer: Regulariser of U.
        bias_regularizer: Regulariser of b.
        kernel_constraint: Constraint on W.
        recurrent_constraint: Constraint on U.
        bias_constraint: Constraint on b.
        dropout: Share of x_t's features set to 0 in training, in [0, 1): the
            same ones at every step until `reset_dropout_mask()`.
        recurrent_dropout: Share of h_{t-1}'s units set to 0 in training, in
            [0, 1): the same until `reset_recurrent_dropout_mask()`.
        seed: Seed of all that is drawn in training.
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
        return_gates: Whether to return the pre-activation too. There are no
            gates; the argument has this name so that all cells look alike.

    Returns:
        h_t of shape (B, units) and the new state: `[h_t]`, or h_t alone if
        `states` was a tensor alone, as in Keras; with `return_gates=True` also a
        dict with one (B, units) tensor "pre_activation" (a_t).

    Raises:
        ValueError: If `units` is not a positive integer, another argument is
            out of its range, or `states` doesn't fit.

    Example:

    >>> import numpy as np
    >>> cell = ExplicitSimpleRNNCell(4)
    >>> (h,) = cell.get_initial_state(batch_size=1)
    >>> for x_t in np.ones((3, 1, 2), "float32"):
    ...     h, (h,), shown = cell(x_t, (h,), return_gates=True)
    >>> h.shape, shown["pre_activation"].shape
    (TensorShape([1, 4]), TensorShape([1, 4]))

    References:
        Elman (1990), Finding structure in time.
        Gal and Ghahramani (2016), A theoretically grounded application of
        dropout in recurrent neural networks.
    """

    normed = MappingProxyType({"pre_activation": 1})

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
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
        seed: int | None = None,
        *,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-3,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(
            units,
            activation=activation,
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
            seed=seed,
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
        return VariedSimpleRNN(
            kernel,
            recurrent_kernel,
            bias,
            activation=self.activation,
            norms=self.norms(),
            **dropouts,
        )

    def step_projected(
        self,
        projected: Tensor,
        states: Nest,
        recurrent_kernel: Tensor | None = None,
        dropout: Tensor | None = None,
    ) -> tuple[Tensor, Nest, Nest]:
        h, shown = simple_rnn_step(
            projected,
            states[0],
            self.recurrent_kernel if recurrent_kernel is None else recurrent_kernel,
            recurrent_dropout=dropout,
            activation=self.activation,
        )
        return h, [h], shown

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
            (h,), shown = self.step_varied(
                inputs, (h_prev,), recurrent_kernel, dropouts, training
            )
        else:
            h, _, shown = self.step_projected(
                self.project_inputs(inputs, dropouts[0]),
                [h_prev],
                recurrent_kernel,
                dropouts[1],
            )
        state = [h] if isinstance(states, (list, tuple)) else h
        if not return_gates:
            return h, state
        return h, state, dict(zip(SHOWN, shown, strict=True))
