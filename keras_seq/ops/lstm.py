"""The LSTM recurrence as a pure function."""

from collections.abc import Sequence
from typing import Literal, overload

import keras

from keras_seq.ops._derived import LSTM
from keras_seq.ops._derived.slopes import slope_of
from keras_seq.ops._engine import by_autodiff, named_gates, recurrence
from keras_seq.ops._projection import project
from keras_seq.ops._steps import lstm_gates
from keras_seq.ops._structures import Gates, LSTMState
from keras_seq.typing import ArrayLike, Function, Identifier, Tensor

GATES = ("input", "forget", "candidate", "output")


def lstm_step(
    z: Tensor,
    c_prev: Tensor,
    *,
    activation: Identifier = "tanh",
    recurrent_activation: Identifier = "sigmoid",
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
    """One step of the LSTM, from the pre-activations of its gates.

    ```
    i  = σ(z_i)                  input gate: how much of the candidate to store
    f  = σ(z_f)                  forget gate: how much of the memory to keep
    c̃  = tanh(z_c)               candidate: what could be stored
    o  = σ(z_o)                  output gate: how much of the memory to show
    c_t = f ⊙ c_{t-1} + i ⊙ c̃    update of the memory
    h_t = o ⊙ tanh(c_t)          output
    ```

    Args:
        z: Pre-activations x_t W + h_{t-1} U + b, packed in the order
            (i, f, c̃, o). Shape (B, 4 · units).
        c_prev: Memory c_{t-1}. Shape (B, units).
        activation: Stands where the equations say tanh: a function, a name that
            `keras.activations` knows, or None for none.
        recurrent_activation: Stands where the equations say σ.

    Returns:
        `h_t`, `c_t` and the tuple (i, f, c̃, o), all of shape (B, units).

    Example:

    With every gate half open, half of the memory is kept and nothing stored:

    >>> import numpy as np
    >>> z, c_prev = np.zeros((1, 4), "float32"), np.full((1, 1), 3.0, "float32")
    >>> h, c, (i, f, candidate, o) = lstm_step(z, c_prev)
    >>> float(i[0, 0]), float(f[0, 0]), float(candidate[0, 0]), float(c[0, 0])
    (0.5, 0.5, 0.0, 1.5)

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory.
        Gers, Schmidhuber and Cummins (2000), Learning to forget.
    """
    phi: Function = keras.activations.get(activation)
    sigma: Function = keras.activations.get(recurrent_activation)
    return lstm_gates(z, c_prev, phi, sigma)


@overload
def lstm(
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
    recurrent_activation: Identifier = "sigmoid",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[False] = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor], None]: ...


@overload
def lstm(
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
    recurrent_activation: Identifier = "sigmoid",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[True],
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor], dict[str, Tensor]]: ...


@overload
def lstm(
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
    recurrent_activation: Identifier = "sigmoid",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor], Gates]: ...


def lstm(
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
    recurrent_activation: Identifier = "sigmoid",
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor], Gates]:
    """The LSTM over a whole sequence: `lstm_step` applied T times.

    The input projection x_t W + b of all steps is one matrix product outside
    the loop; only h_{t-1} U stays inside.

    Where `mask` is False the step is skipped: h and c keep their values, and
    the gates are 0 ("cell" is c_t, and stays). No steps at all (T = 0) give the
    initial state.

    Args:
        inputs: The sequence x. Shape (B, T, D).
        initial_state: h_0 and c_0, each of shape (B, units).
        kernel: W, packed (i, f, c̃, o). Shape (D, 4 · units).
        recurrent_kernel: U, packed alike. Shape (units, 4 · units).
        bias: b, packed alike, shape (4 · units,), or None for no bias.
        mask: True where a step counts, shape (B, T), or None for all.
        input_dropout: Factors on x, the same at every step: shape (1, B, D),
            or (4, B, D) for factors of its own for each gate; None for none.
        recurrent_dropout: Factors on h_{t-1}, shape (1, B, units) or
            (4, B, units); None for none.
        activation: Activation of the candidate and of the shown memory: a
            function, a name that `keras.activations` knows, or None for none.
        recurrent_activation: Activation of the gates.
        go_backwards: Whether to run from the last step to the first. Results
            are in the order of the run: step 0 is then the last of `inputs`.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h for every step.
        return_gates: Whether to return the gates.
        training: Whether a gradient is sure to be asked for. The results and the
            gradient are the same; where it isn't said, a graph of TensorFlow is
            traced once more when a gradient is asked for.
        probes: A pair that is added to h_t and to c_t, each of shape (B, T,
            units), or None. Where it is 0 its gradient is that of h_t and of
            c_t, along all paths (c_t acts on h_t too); where a step is masked it
            is 0.

    Returns:
        A tuple `(h, (h_T, c_T), gates)`: h of shape (B, T, units), or None
        without `return_sequences`; the final state, each of shape (B, units);
        and a dict of (B, T, units) tensors "input", "forget", "candidate",
        "output" and "cell" (c_t), or None without `return_gates`.

    Example:

    >>> import numpy as np
    >>> x, zeros = np.ones((2, 5, 3), "float32"), np.zeros((2, 4), "float32")
    >>> W, U = np.ones((3, 16), "float32"), np.ones((4, 16), "float32")
    >>> h, (h_T, c_T), gates = lstm(x, (zeros, zeros), W, U, return_gates=True)
    >>> h.shape, c_T.shape
    (TensorShape([2, 5, 4]), TensorShape([2, 4]))
    >>> sorted(gates)
    ['candidate', 'cell', 'forget', 'input', 'output']
    """
    common = {
        "mask": mask,
        "go_backwards": go_backwards,
        "return_sequences": return_sequences,
    }
    phi: Function = keras.activations.get(activation)
    sigma: Function = keras.activations.get(recurrent_activation)
    slope, recurrent_slope = slope_of(phi), slope_of(sigma)
    if unroll or recurrent_dropout is not None or not (slope and recurrent_slope):

        def step(
            x: Tensor, state: LSTMState, probe: LSTMState | None
        ) -> tuple[LSTMState, tuple[Tensor, ...]]:
            h, c, gates = lstm_gates(
                x + project(state.h, recurrent_kernel, None, recurrent_dropout),
                state.c,
                phi,
                sigma,
                settle=None if probe is None else lambda c: c + probe.c,
            )
            return LSTMState(h if probe is None else h + probe.h, c), gates

        def show(states: LSTMState, gates: tuple[Tensor, ...]) -> LSTM.Shown:
            i, f, candidate, o = gates
            return LSTM.Shown(i, f, candidate, o, states.c)

        results = by_autodiff(
            lambda x: project(x, kernel, bias, input_dropout),
            step,
            inputs,
            LSTMState(*initial_state),
            gates=(1,) * len(GATES),
            show=show if return_gates else None,
            probes=LSTMState(*probes) if probes else None,
            unroll=unroll,
            **common,
        )
    else:
        results = recurrence(
            LSTM(phi, sigma, slope, recurrent_slope),
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
    gates = named_gates(results.shown, mask, go_backwards, carried=("cell",))
    return results.h, (results.final.h, results.final.c), gates
