"""The simple recurrence of Elman as a pure function."""

from collections.abc import Sequence
from typing import Literal, overload

import keras

from keras_seq.ops._derived import SimpleRNN
from keras_seq.ops._derived.slopes import slope_of
from keras_seq.ops._engine import by_autodiff, named_gates, recurrence
from keras_seq.ops._projection import project
from keras_seq.ops._structures import Gates, HiddenState
from keras_seq.typing import ArrayLike, Function, Identifier, Tensor

SHOWN = ("pre_activation",)


def simple_rnn_step(
    x: Tensor,
    h_prev: Tensor,
    recurrent_kernel: Tensor,
    *,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
) -> tuple[Tensor, tuple[Tensor]]:
    """One step of the simple recurrence, from the projected input.

    ```
    a_t = x + h_{t-1} U        pre-activation
    h_t = tanh(a_t)
    ```

    Args:
        x: Projected input x_t W + b. Shape (B, units).
        h_prev: State h_{t-1}. Shape (B, units).
        recurrent_kernel: U. Shape (units, units).
        recurrent_dropout: Factors on h_{t-1}, shape (1, B, units); None for none.
        activation: Stands where the equations say tanh: a function, a name that
            `keras.activations` knows, or None for none.

    Returns:
        `h_t` and the tuple (a_t,), both of shape (B, units).

    Example:

    >>> import numpy as np
    >>> x, h_prev = np.ones((1, 1), "float32"), np.full((1, 1), 3.0, "float32")
    >>> U = np.full((1, 1), 2.0, "float32")
    >>> h, (a,) = simple_rnn_step(x, h_prev, U, activation=lambda a: -a)
    >>> float(a[0, 0]), float(h[0, 0])
    (7.0, -7.0)

    References:
        Elman (1990), Finding structure in time.
    """
    phi: Function = keras.activations.get(activation)
    a = x + project(h_prev, recurrent_kernel, None, recurrent_dropout)
    return phi(a), (a,)


@overload
def simple_rnn(
    inputs: Tensor,
    initial_state: Sequence[ArrayLike],
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    input_dropout: Tensor | None = None,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[False] = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], None]: ...


@overload
def simple_rnn(
    inputs: Tensor,
    initial_state: Sequence[ArrayLike],
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    input_dropout: Tensor | None = None,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[True],
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], dict[str, Tensor]]: ...


@overload
def simple_rnn(
    inputs: Tensor,
    initial_state: Sequence[ArrayLike],
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    input_dropout: Tensor | None = None,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], Gates]: ...


def simple_rnn(
    inputs: Tensor,
    initial_state: Sequence[ArrayLike],
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    input_dropout: Tensor | None = None,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], Gates]:
    """The simple recurrence over a sequence: `simple_rnn_step` applied T times.

    The input projection x_t W + b of all steps is one matrix product outside
    the loop; only h_{t-1} U stays inside.

    Where `mask` is False the step is skipped: h keeps its value, and the
    pre-activation is 0. No steps at all (T = 0) give the initial state.

    Args:
        inputs: The sequence x. Shape (B, T, D).
        initial_state: Tuple of h_0, of shape (B, units).
        kernel: W. Shape (D, units).
        recurrent_kernel: U. Shape (units, units).
        bias: b, shape (units,), or None for no bias.
        mask: True where a step counts, shape (B, T), or None for all.
        input_dropout: Factors on x, the same at every step: shape (1, B, D);
            None for none.
        recurrent_dropout: Factors on h_{t-1}, shape (1, B, units); None for none.
        activation: Activation of the state: a function, a name that
            `keras.activations` knows, or None for none.
        go_backwards: Whether to run from the last step to the first. Results
            are in the order of the run: step 0 is then the last of `inputs`.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h for every step.
        return_gates: Whether to return the pre-activations: there are no gates,
            and the argument has this name so that all recurrences look alike.
        training: Whether a gradient is sure to be asked for. The results and the
            gradient are the same; where it isn't said, a graph of TensorFlow is
            traced once more when a gradient is asked for.
        probes: A tuple of one tensor that is added to h_t, of shape (B, T, units),
            or None. Where it is 0 its gradient is that of h_t, along all paths;
            where a step is masked it is 0.

    Returns:
        A tuple `(h, (h_T,), gates)`: h of shape (B, T, units), or None without
        `return_sequences`; the final state, of shape (B, units); and a dict
        with one tensor "pre_activation" (a_t = x_t W + h_{t-1} U + b), of shape
        (B, T, units), or None without `return_gates`.

    Example:

    >>> import numpy as np
    >>> x, zeros = np.ones((2, 5, 3), "float32"), np.zeros((2, 4), "float32")
    >>> W, U = np.ones((3, 4), "float32"), np.ones((4, 4), "float32")
    >>> h, (h_T,), shown = simple_rnn(x, (zeros,), W, U, return_gates=True)
    >>> h.shape, h_T.shape, shown["pre_activation"].shape
    (TensorShape([2, 5, 4]), TensorShape([2, 4]), TensorShape([2, 5, 4]))

    References:
        Elman (1990), Finding structure in time.
    """
    common = {
        "mask": mask,
        "go_backwards": go_backwards,
        "return_sequences": return_sequences,
    }
    phi: Function = keras.activations.get(activation)
    slope = slope_of(phi)
    if unroll or recurrent_dropout is not None or slope is None:

        def step(
            x: Tensor, state: HiddenState, probe: HiddenState | None
        ) -> tuple[HiddenState, tuple[Tensor]]:
            h, pre_activation = simple_rnn_step(
                x,
                state.h,
                recurrent_kernel,
                recurrent_dropout=recurrent_dropout,
                activation=phi,
            )
            return HiddenState(h if probe is None else h + probe.h), pre_activation

        def show(states: HiddenState, pre_activation: tuple[Tensor]) -> SimpleRNN.Shown:
            return SimpleRNN.Shown(*pre_activation)

        results = by_autodiff(
            lambda x: project(x, kernel, bias, input_dropout),
            step,
            inputs,
            HiddenState(*initial_state),
            gates=(1,),
            show=show if return_gates else None,
            probes=HiddenState(*probes) if probes else None,
            unroll=unroll,
            **common,
        )
    else:
        results = recurrence(
            SimpleRNN(phi, slope, return_gates),
            inputs,
            initial_state,
            kernel,
            bias,
            (recurrent_kernel,),
            input_dropout=input_dropout,
            show=return_gates,
            training=training,
            probes=probes,
            **common,
        )
    gates = named_gates(results.shown, mask, go_backwards)
    return results.h, (results.final.h,), gates
