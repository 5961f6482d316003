"""A simple recurrent layer that shows its pre-activations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from keras_seq.layers._recurrent import RecurrentLayer
from keras_seq.layers.simple_rnn_cell import ExplicitSimpleRNNCell
from keras_seq.ops import simple_rnn
from keras_seq.ops._engine.pytorch_native import is_named
from keras_seq.ops.simple_rnn import SHOWN
from keras_seq.typing import Identifier, RecurrentOptions, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class ExplicitSimpleRNN(RecurrentLayer):
    """Elman's recurrent layer: `keras.layers.SimpleRNN` with `return_gates`.

    ```
    a_t = x_t W + h_{t-1} U + b     pre-activation
    h_t = tanh(a_t)
    ```

    Every constructor argument of `keras.layers.SimpleRNN` means here what its
    documentation says and has the same default; the weights have the same
    layout, so `explicit.set_weights(rnn.get_weights())` gives the same outputs,
    and a model is rebuilt by changing the class name.

    There are no gates. `return_gates` has this name so that all recurrent layers
    look alike; what it returns is a_t, which shows how far each unit is driven
    into the flat ends of tanh.

    Masking: a masked step is skipped. The state is carried over it, its
    pre-activation is 0, and the output repeats the last output (0 before the
    first step that counts; always 0 with `zero_output_for_mask=True`). Any
    pattern works: padding on the left or right, holes, whole rows.

    The pre-activations are differentiable: a loss on them trains the weights.

    On a processor, graphs of TensorFlow hold the steps as loops in threads of their
    own. Where these would not be understood (`tf.vectorized_map`, LiteRT) ordinary
    loops stand instead; `keras_seq.ops.portable_graphs` says where that has to be
    asked for.

    `keras.layers.Bidirectional` hands them on behind the state of their
    direction (with `return_state=True`), in the order in which that direction
    ran: output, [state,] forward values, [state,] backward values.
    `keras.layers.TimeDistributed` takes layers of one output, so none with
    `return_gates` or `return_state`; `keras_seq.layers.TimeDistributed` takes any.

    `layer_norm` (off) normalises the sum of both products, as in the paper:

    ```
    a_t = LN(x_t W + h_{t-1} U) + b
    LN(x) = γ ⊙ (x - mean(x)) / sqrt(var(x) + ε) + β
    ```

    γ and β are weights that follow the bias: `pre_activation_gain` and
    `pre_activation_shift`, each (units,).

    `zoneout=k` (off): with the new h'_t of the equations,

    ```
    h_t = m_t ⊙ h_{t-1} + (1 - m_t) ⊙ h'_t      m_t ~ Bernoulli(k) in training
    ```

    and m_t = k in inference. Masked steps stay as they are.

    `weight_dropout=p` (off): in training U is multiplied by one mask for the
    call, of 0 with probability p and else 1 / (1 - p).

    `ExplicitSimpleRNN(units, activation="relu", recurrent_initializer="identity")`
    is the IRNN of Le, Jaitly and Hinton: U starts as the identity and b as 0, so
    a new layer with no input carries its state unchanged, and the error too.

    Args:
        units: Size of the state, a positive integer.
        activation: Stands where the equations say tanh.
        use_bias: Whether there is a b.
        kernel_initializer: Initialiser of `kernel`, W (D, units).
        recurrent_initializer: Initialiser of `recurrent_kernel`, U (units, units).
        bias_initializer: Initialiser of `bias`, b (units,).
        kernel_regularizer: Regulariser of W.
        recurrent_regularizer: Regulariser of U.
        bias_regularizer: Regulariser of b.
        activity_regularizer: Regulariser of all that is returned: of the state
            and the pre-activations too, when they are asked for. (Keras 3.15
            takes the argument and forgets it.)
        kernel_constraint: Constraint on W.
        recurrent_constraint: Constraint on U.
        bias_constraint: Constraint on b.
        dropout: Share of the input features set to 0 in training, the same at
            every step, in [0, 1).
        recurrent_dropout: Share of the units of h_{t-1} set to 0 in training,
            the same at every step, in [0, 1).
        return_sequences: Whether to return h_t for every step or the last.
        return_state: Whether to return h_T too.
        go_backwards: Whether to run from the last step to the first. Outputs
            and pre-activations are in the order of the run, so reversed in time.
        stateful: Whether a batch starts from the state in which the last one
            ended, row by row, until `reset_state()`.
        unroll: Whether to write the steps out instead of looping: faster to
            run for short sequences, slower to trace. T must be static.
        seed: Seed of all that is drawn in training.
        return_gates: Whether to return the pre-activations too.
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
        follows. With `return_gates=True` a dict with one (B, T, units) tensor
        "pre_activation" (a_t) comes last.

    Raises:
        ValueError: If an argument is out of its range; if `mask` or
            `initial_state` doesn't fit; if `unroll=True` and T isn't static.

    Example:

    >>> import numpy as np
    >>> layer = ExplicitSimpleRNN(4, return_sequences=True, return_gates=True)
    >>> h, shown = layer(np.ones((2, 5, 3), "float32"))
    >>> h.shape, shown["pre_activation"].shape
    (TensorShape([2, 5, 4]), TensorShape([2, 5, 4]))

    References:
        Elman (1990), Finding structure in time.
        Ba, Kiros and Hinton (2016), Layer normalization.
        Krueger et al. (2017), Zoneout: Regularizing RNNs by randomly
        preserving hidden activations.
        Merity, Keskar and Socher (2018), Regularizing and optimizing LSTM
        language models (`weight_dropout`).
        Le, Jaitly and Hinton (2015), A simple way to initialize recurrent
        networks of rectified linear units.
    """

    cell_class = ExplicitSimpleRNNCell
    gate_names = SHOWN

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
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        *,
        return_gates: bool = False,
        layer_norm: bool = False,
        layer_norm_epsilon: float = 1e-3,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: "Unpack[RecurrentOptions]",
    ) -> None:
        cell = ExplicitSimpleRNNCell(
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
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="simple_rnn_cell",
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

    def recurrence(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        *weights: Tensor,
        **options: Any,
    ) -> tuple[Tensor | None, tuple[Tensor, ...], dict[str, Tensor] | None]:
        names = [n for n in ("tanh", "relu") if is_named(self.activation, n)]
        kind = f"rnn_{names[0]}" if names else None
        results = self._natively(kind, sequences, initial_state, weights, options)
        return results or simple_rnn(
            sequences,
            initial_state,
            *weights,
            activation=self.activation,
            **options,
        )
