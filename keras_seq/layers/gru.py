"""A GRU layer that shows its gates."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras

from keras_seq.layers._arguments import check_cudnn
from keras_seq.layers._recurrent import RecurrentLayer
from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.ops import gru
from keras_seq.ops._engine.pytorch_native import is_named
from keras_seq.ops.gru import GATES
from keras_seq.typing import Function, Identifier, RecurrentOptions, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitGRU(RecurrentLayer):
    """A GRU that shows its gates: `keras.layers.GRU` with `return_gates`.

    ```
    z_t = σ(x_t W_z + b_z + h_{t-1} U_z + b'_z)              update gate
    r_t = σ(x_t W_r + b_r + h_{t-1} U_r + b'_r)              reset gate
    h̃_t = tanh(x_t W_h + b_h + r_t ⊙ (h_{t-1} U_h + b'_h))   candidate
    h_t = z_t ⊙ h_{t-1} + (1 - z_t) ⊙ h̃_t
    ```

    With `reset_after=False` there is no b', and the candidate is
    tanh(x_t W_h + b_h + (r_t ⊙ h_{t-1}) U_h).

    Every constructor argument of `keras.layers.GRU` means the same here and
    has the same default; the weights have the same layout and packed order
    (z, r, h̃), so `explicit.set_weights(gru.get_weights())` gives the same
    outputs, and a model is rebuilt by changing the class name.

    Masking: a masked step is skipped. The state is carried over it, its gates
    are 0, and the output repeats the last output (0 before the first step that
    counts; always 0 with `zero_output_for_mask=True`). Any pattern works:
    padding on the left or right, holes, whole rows.

    The gates are differentiable: a loss on a gate trains the weights.

    On a processor, graphs of TensorFlow hold the steps as loops in threads of their
    own. Where these would not be understood (`tf.vectorized_map`, LiteRT) ordinary
    loops stand instead; `keras_seq.ops.portable_graphs` says where that has to be
    asked for.

    `keras.layers.Bidirectional` hands the gates on behind the state of their
    direction (with `return_state=True`), in the order in which that direction
    ran: output, [state,] forward gates, [state,] backward gates.
    `keras.layers.TimeDistributed` takes layers of one output, so none with
    `return_gates` or `return_state`; `keras_seq.layers.TimeDistributed` takes any.

    `layer_norm` (off) normalises the gates as one and the candidate apart:

    ```
    (z_t, r_t) = σ(LN(x_t W_zr) + b_zr + LN(h_{t-1} U_zr) + b'_zr)
    h̃_t = tanh(LN(x_t W_h) + b_h + r_t ⊙ (LN(h_{t-1} U_h) + b'_h))
    h̃_t = tanh(LN(x_t W_h) + b_h + LN((r_t ⊙ h_{t-1}) U_h))   `reset_after=False`
    LN(x) = γ ⊙ (x - mean(x)) / sqrt(var(x) + ε) + β
    ```

    Each LN has a γ and β of its own. They are weights that follow the bias:
    `kernel_gain`, `kernel_shift`, `recurrent_gain` and `recurrent_shift`, each
    (3 · units,), packed (z, r, h̃).

    `zoneout=k` (off): with the new h'_t of the equations,

    ```
    h_t = m_t ⊙ h_{t-1} + (1 - m_t) ⊙ h'_t      m_t ~ Bernoulli(k) in training
    ```

    and m_t = k in inference. Masked steps stay as they are.

    `weight_dropout=p` (off): in training U is multiplied by one mask for the
    call, of 0 with probability p and else 1 / (1 - p).

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        recurrent_activation: Stands where the equations say σ.
        use_bias: Whether there are b and b'.
        kernel_initializer: Initialiser of `kernel`, W (D, 3 · units).
        recurrent_initializer: Initialiser of `recurrent_kernel`, U (units,
            3 · units).
        bias_initializer: Initialiser of `bias`: b and b' as the rows of
            (2, 3 · units), or b alone (3 · units,) with `reset_after=False`.
        kernel_regularizer: Regulariser of W.
        recurrent_regularizer: Regulariser of U.
        bias_regularizer: Regulariser of b and b'.
        activity_regularizer: Regulariser of all that is returned, as in Keras:
            of the state and the gates too, when they are asked for.
        kernel_constraint: Constraint on W.
        recurrent_constraint: Constraint on U.
        bias_constraint: Constraint on b and b'.
        dropout: Share of the input features set to 0 in training, the same at
            every step, in [0, 1).
        recurrent_dropout: Share of the units of h_{t-1} set to 0 in training
            where it meets U, the same at every step, in [0, 1).
        seed: Seed of all that is drawn in training.
        return_sequences: Whether to return h_t for every step or the last.
        return_state: Whether to return h_T too.
        go_backwards: Whether to run from the last step to the first. Outputs
            and gates are in the order of the run, so reversed in time.
        stateful: Whether a batch starts from the state in which the last one
            ended, row by row, until `reset_state()`.
        unroll: Whether to write the steps out instead of looping: faster to
            run for short sequences, slower to trace. T must be static.
        reset_after: Whether the reset gate acts behind the product with U, as
            in cuDNN, or before it, as in Cho et al.
        use_cudnn: "auto" takes PyTorch's own kernel where the backend is PyTorch, on
            a processor, and nothing is asked for that it lacks: gates, variants,
            dropout of the state, other activations, 16 bits, reset_after=False.
            Results are the same. False never does; True raises where it can't, so
            on every other backend (a file that says True is for PyTorch), but for
            empty axes and under compilers of PyTorch. There is no cuDNN path.
        return_gates: Whether to return the gates too.
        implementation: 2 shares one dropout mask on x_t between the gates; 1
            draws one for each gate, as `recurrent_dropout` always does.
        layer_norm: Whether to normalise as the equations say.
        layer_norm_epsilon: ε, which is added to the variance; positive.
        zoneout: Share of the units of h that keep their previous value,
            drawn afresh at each step in training: a number,
            in [0, 1). In inference the expectation is taken.
        weight_dropout: Share of the entries of U set to 0 in training, the same
            at every step, in [0, 1); the others are scaled by 1 / (1 - share).
        **kwargs: `zero_output_for_mask`, and what every Keras layer takes
            (`name`, `dtype`, `trainable`).

    Call arguments:
        sequences: The input x. Shape (B, T, D).
        initial_state: h_0 of shape (B, units), or (1, units) for the same in all rows,
            alone or in a list. 0 by default.
        mask: True where a step counts. Shape (B, T).
        training: Whether dropout acts, and zoneout draws.
        sequence_length: How many steps of each row count, integers of shape (B,): as a
            mask of padding behind them. With a mask both hold.

    A `tf.RaggedTensor` (B, (T), D) is taken as its padded form with its lengths; what
    is returned of all steps is ragged too. The layers behind are given no mask for
    lengths: give them the same, or take `keras_seq.ops.sequence_mask`.

    Returns:
        The output, of shape (B, units), or (B, T, units) with
        `return_sequences=True`. With `return_state=True`, h_T of shape (B, units)
        follows. With `return_gates=True` a dict of (B, T, units) tensors comes
        last: "update", "reset" and "candidate".

    Raises:
        ValueError: If an argument is out of its range; if `mask` or
            `initial_state` doesn't fit; if `unroll=True` and T isn't static.

    Example:

    >>> import numpy as np
    >>> layer = ExplicitGRU(4, return_sequences=True, return_gates=True)
    >>> h, gates = layer(np.ones((2, 5, 3), "float32"))
    >>> h.shape, gates["update"].shape
    (TensorShape([2, 5, 4]), TensorShape([2, 5, 4]))

    References:
        Cho et al. (2014), Learning phrase representations using RNN
        encoder-decoder for statistical machine translation (`reset_after=False`).
        With `reset_after=True` the equations are those of cuDNN's GRU.
        Ba, Kiros and Hinton (2016), Layer normalization.
        Krueger et al. (2017), Zoneout: Regularizing RNNs by randomly
        preserving hidden activations.
        Merity, Keskar and Socher (2018), Regularizing and optimizing LSTM
        language models (`weight_dropout`).
    """

    cell_class = ExplicitGRUCell
    gate_names = GATES
    recurrent_activation: Function
    reset_after: bool
    implementation: int

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
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | Literal["auto"] = "auto",
        *,
        return_gates: bool = False,
        implementation: Literal[1, 2] = 2,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-3,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: "Unpack[RecurrentOptions]",
    ) -> None:
        check_cudnn(use_cudnn)
        cell = ExplicitGRUCell(
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
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            return_gates=return_gates,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def recurrence(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        *weights: Tensor,
        **options: Any,
    ) -> tuple[Tensor | None, tuple[Tensor, ...], dict[str, Tensor] | None]:
        named = is_named(self.activation, "tanh")
        named = named and is_named(self.recurrent_activation, "sigmoid")
        kind = "gru" if named and self.reset_after else None
        results = self._natively(kind, sequences, initial_state, weights, options)
        return results or gru(
            sequences,
            initial_state,
            *weights,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            reset_after=self.reset_after,
            **options,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_cudnn": self.use_cudnn}
