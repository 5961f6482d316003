"""One step of an LSTM that shows its gates."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from keras_seq.layers._arguments import (
    check_flag,
    check_implementation,
    check_size,
    check_states,
    check_step_input,
)
from keras_seq.layers._recurrent_cell import RecurrentCell
from keras_seq.ops import lstm_step
from keras_seq.ops._projection import project
from keras_seq.ops._variants import VariedLSTM
from keras_seq.ops.lstm import GATES
from keras_seq.typing import Identifier, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitLSTMCell(RecurrentCell, keras.layers.LSTMCell):
    """One step of an LSTM, with its gates on request.

    ```
    i  = σ(x_t W_i + h_{t-1} U_i + b_i)        input gate
    f  = σ(x_t W_f + h_{t-1} U_f + b_f)        forget gate
    c̃  = tanh(x_t W_c + h_{t-1} U_c + b_c)     candidate
    o  = σ(x_t W_o + h_{t-1} U_o + b_o)        output gate
    c_t = f ⊙ c_{t-1} + i ⊙ c̃
    h_t = o ⊙ tanh(c_t)
    ```

    Weights, their layout and every constructor argument are those of
    `keras.layers.LSTMCell`: `kernel` W (D, 4 · units), `recurrent_kernel` U
    (units, 4 · units) and `bias` b (4 · units,), packed in the order
    (i, f, c̃, o). `set_weights` takes a Keras cell's weights as they are.

    `layer_norm`, `peepholes`, `proj_size`, `zoneout` and `weight_dropout`, all off,
    change the equations as `ExplicitLSTM` says.

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        recurrent_activation: Stands where the equations say σ.
        use_bias: Whether there is a b.
        kernel_initializer: Initialiser of W.
        recurrent_initializer: Initialiser of U.
        bias_initializer: Initialiser of b.
        unit_forget_bias: Whether b_f starts at 1, so that a new cell
            remembers (Jozefowicz et al., 2015).
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
        implementation: 2 shares one dropout mask on x_t between the gates; 1
            draws one for each gate, as `recurrent_dropout` always does.
        peepholes: Whether i and f see c_{t-1}, and o sees c_t.
        layer_norm: Whether to normalise as the equations say.
        layer_norm_epsilon: ε, which is added to the variance; positive.
        zoneout: Share of the units of each state that keep their previous value,
            drawn afresh at each step in training: a number, or a pair (h, c),
            in [0, 1). In inference the expectation is taken.
            (On JAX a loop can draw nothing: there `keras.layers.RNN` can not train
            such a cell. The layer, which draws before its loop, can.)
        weight_dropout: Share of the entries of U set to 0 in training, in
            [0, 1): the same until `reset_recurrent_dropout_mask()`.
        proj_size: Size of h_t, which is then projected, or None for `units`.

    Call arguments:
        inputs: x_t. Shape (B, D).
        states: h_{t-1} and c_{t-1}, each of shape (B, units), or of one row for all;
            h of (B, proj_size) if there is such.
        training: Whether dropout acts, and zoneout draws.
        return_gates: Whether to return the gates too.

    Returns:
        h_t of shape (B, units) and the new state `[h_t, c_t]`; with
        `return_gates=True` also a dict of (B, units) tensors "input",
        "forget", "candidate", "output" and "cell" (c_t).

    Raises:
        ValueError: If `units` is not a positive integer, another argument is
            out of its range, or `states` doesn't fit.

    Example:

    >>> import numpy as np
    >>> cell = ExplicitLSTMCell(4)
    >>> h, c = cell.get_initial_state(batch_size=1)
    >>> for x_t in np.ones((3, 1, 2), "float32"):
    ...     h, (h, c), gates = cell(x_t, (h, c), return_gates=True)
    >>> sorted(gates)
    ['candidate', 'cell', 'forget', 'input', 'output']

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory.
        Gers, Schmidhuber and Cummins (2000), Learning to forget.
        Gal and Ghahramani (2016), A theoretically grounded application of
        dropout in recurrent neural networks.
    """

    normed = MappingProxyType({"kernel": 4, "recurrent": 4, "state": 1})
    bias_gates = "lstm"

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        implementation: Literal[1, 2] = 2,
        *,
        peepholes: bool = False,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-3,
        zoneout: float | Sequence[float] = 0.0,
        weight_dropout: float = 0.0,
        proj_size: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        check_implementation(implementation)
        check_flag("peepholes", peepholes)
        if proj_size is not None:
            proj_size = check_size("proj_size", proj_size)
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=implementation,
            layer_norm=layer_norm,
            layer_norm_epsilon=layer_norm_epsilon,
            zoneout=zoneout,
            weight_dropout=weight_dropout,
            **kwargs,
        )
        self.peepholes = peepholes
        self.proj_size = proj_size
        if proj_size is not None:
            self.state_size = [proj_size, self.units]
            self.output_size = proj_size

    def add_weight(self, shape: Any = None, **options: Any) -> keras.Variable:
        # Keras's `build` makes U for an h as wide as the memory.
        if self.proj_size is not None and options.get("name") == "recurrent_kernel":
            shape = (self.proj_size, *shape[1:])
        return super().add_weight(shape=shape, **options)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.peephole: keras.Variable | None = None
        if self.peepholes:
            self.peephole = self.add_weight(
                shape=(3, self.units),
                name="peephole",
                initializer=self.kernel_initializer,
            )
        self.projection_kernel: keras.Variable | None = None
        if self.proj_size is not None:
            self.projection_kernel = self.add_weight(
                shape=(self.units, self.proj_size),
                name="projection_kernel",
                initializer=self.kernel_initializer,
            )

    def equations(
        self,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor | None,
        **dropouts: Tensor,
    ) -> Any:
        def of_this_dtype(weight: keras.Variable | None) -> Tensor | None:
            return None if weight is None else ops.cast(weight, self.compute_dtype)

        return VariedLSTM(
            kernel,
            recurrent_kernel,
            bias,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            norms=self.norms(),
            peephole=of_this_dtype(self.peephole),
            projection=of_this_dtype(self.projection_kernel),
            **dropouts,
        )

    def step_projected(
        self,
        projected: Tensor,
        states: Nest,
        recurrent_kernel: Tensor | None = None,
        dropout: Tensor | None = None,
    ) -> tuple[Tensor, Nest, Nest]:
        h_prev, c_prev = states
        if recurrent_kernel is None:
            recurrent_kernel = self.recurrent_kernel
        h, c, gates = lstm_step(
            projected + project(h_prev, recurrent_kernel, None, dropout),
            c_prev,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
        )
        return h, [h, c], gates

    def call(
        self,
        inputs: Tensor,
        states: Sequence[Tensor],
        training: bool | None = False,
        return_gates: bool = False,
    ) -> Nest:
        check_step_input(inputs)
        h_prev, c_prev = check_states("states", states, self.state_size, inputs)
        dropouts = self.dropout_masks(inputs, h_prev, training)
        recurrent_kernel = self.drop_weights(self.recurrent_kernel, training)
        if self.varied:
            (h, c), gates = self.step_varied(
                inputs, (h_prev, c_prev), recurrent_kernel, dropouts, training
            )
        else:
            h, (_, c), gates = self.step_projected(
                self.project_inputs(inputs, dropouts[0]),
                (h_prev, c_prev),
                recurrent_kernel,
                dropouts[1],
            )
        if not return_gates:
            return h, [h, c]
        named = dict(zip(GATES, gates, strict=True))
        return h, [h, c], {**named, "cell": c}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "implementation": self.implementation,
            "peepholes": self.peepholes,
            "proj_size": self.proj_size,
        }
