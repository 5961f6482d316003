"""The GRU recurrence as a pure function."""

from collections.abc import Sequence
from typing import Literal, overload

import keras
from keras import ops

from keras_seq.ops._derived import GRUResetAfter, GRUResetBefore
from keras_seq.ops._derived.slopes import slope_of
from keras_seq.ops._engine import by_autodiff, named_gates, recurrence
from keras_seq.ops._projection import project
from keras_seq.ops._steps import gru_gates
from keras_seq.ops._structures import Gates, HiddenState
from keras_seq.typing import ArrayLike, Function, Identifier, Tensor

GATES = ("update", "reset", "candidate")


def gru_step(
    x: Tensor,
    h_prev: Tensor,
    recurrent_kernel: Tensor,
    recurrent_bias: Tensor | None = None,
    *,
    recurrent_dropout: Tensor | None = None,
    activation: Identifier = "tanh",
    recurrent_activation: Identifier = "sigmoid",
    reset_after: bool = True,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """One step of the GRU, from the projected input of its gates.

    ```
    z  = σ(x_z + h_{t-1} U_z + b'_z)              update gate: how much to keep
    r  = σ(x_r + h_{t-1} U_r + b'_r)              reset gate: how much to look back
    h̃  = tanh(x_h + r ⊙ (h_{t-1} U_h + b'_h))     candidate, with `reset_after`
    h̃  = tanh(x_h + (r ⊙ h_{t-1}) U_h)            candidate, without it
    h_t = z ⊙ h_{t-1} + (1 - z) ⊙ h̃
    ```

    Args:
        x: Projected input x_t W + b, packed in the order (z, r, h̃). Shape
            (B, 3 · units).
        h_prev: State h_{t-1}. Shape (B, units).
        recurrent_kernel: U, packed alike. Shape (units, 3 · units).
        recurrent_bias: b', packed alike, shape (3 · units,), or None for no bias.
            Only with `reset_after`.
        recurrent_dropout: Factors on h_{t-1} where it meets U, shape
            (1, B, units) or (3, B, units); None for none.
        activation: Stands where the equations say tanh: a function, a name that
            `keras.activations` knows, or None for none.
        recurrent_activation: Stands where the equations say σ.
        reset_after: Whether the reset gate acts behind the product with U.

    Returns:
        `h_t` and the tuple (z, r, h̃), all of shape (B, units).

    Example:

    With both gates half open, half of the state is kept and half replaced:

    >>> import numpy as np
    >>> x, U = np.zeros((1, 3), "float32"), np.zeros((1, 3), "float32")
    >>> h, (z, r, candidate) = gru_step(x, np.full((1, 1), 3.0, "float32"), U)
    >>> float(z[0, 0]), float(r[0, 0]), float(candidate[0, 0]), float(h[0, 0])
    (0.5, 0.5, 0.0, 1.5)

    References:
        Cho et al. (2014), Learning phrase representations using RNN
        encoder-decoder for statistical machine translation (`reset_after=False`).
        With `reset_after=True` the equations are those of cuDNN's GRU.
    """
    phi: Function = keras.activations.get(activation)
    sigma: Function = keras.activations.get(recurrent_activation)
    x_z, x_r, x_h = ops.split(x, 3, axis=-1)
    if reset_after:
        recurrent = project(h_prev, recurrent_kernel, recurrent_bias, recurrent_dropout)
        u_z, u_r, u_h = ops.split(recurrent, 3, axis=-1)

        def remember(r: Tensor) -> Tensor:
            return r * u_h

    else:
        U_gates, U_h = ops.split(recurrent_kernel, [2 * h_prev.shape[-1]], axis=-1)
        on_gates = on_candidate = None
        if recurrent_dropout is not None:
            dropout: Tensor = recurrent_dropout
            on_gates, on_candidate = dropout[:2], dropout[-1:]
        u_z, u_r = ops.split(project(h_prev, U_gates, None, on_gates), 2, axis=-1)

        def remember(r: Tensor) -> Tensor:
            return project(r * h_prev, U_h, None, on_candidate)

    return gru_gates(
        x_z + u_z,
        x_r + u_r,
        x_h,
        h_prev,
        remember,
        phi,
        sigma,
    )


@overload
def gru(
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
    reset_after: bool = True,
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[False] = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], None]: ...


@overload
def gru(
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
    reset_after: bool = True,
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: Literal[True],
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], dict[str, Tensor]]: ...


@overload
def gru(
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
    reset_after: bool = True,
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], Gates]: ...


def gru(
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
    reset_after: bool = True,
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = True,
    return_gates: bool = False,
    training: bool = False,
    probes: Sequence[ArrayLike] | None = None,
) -> tuple[Tensor, tuple[Tensor], Gates]:
    """The GRU over a whole sequence: `gru_step` applied T times.

    The input projection x_t W + b of all steps is one matrix product outside
    the loop; only what needs h_{t-1} stays inside.

    Where `mask` is False the step is skipped: h keeps its value, and the gates
    are 0. No steps at all (T = 0) give the initial state.

    Args:
        inputs: The sequence x. Shape (B, T, D).
        initial_state: Tuple of h_0, of shape (B, units).
        kernel: W, packed (z, r, h̃). Shape (D, 3 · units).
        recurrent_kernel: U, packed alike. Shape (units, 3 · units).
        bias: With `reset_after` the biases b of the input and b' of the state,
            each packed alike, as the two rows of a (2, 3 · units) tensor;
            without it b alone, shape (3 · units,). None for no bias.
        mask: True where a step counts, shape (B, T), or None for all.
        input_dropout: Factors on x, the same at every step: shape (1, B, D),
            or (3, B, D) for factors of its own for each gate; None for none.
        recurrent_dropout: Factors on h_{t-1} where it meets U, shape
            (1, B, units) or (3, B, units); None for none.
        activation: Activation of the candidate: a function, a name that
            `keras.activations` knows, or None for none.
        recurrent_activation: Activation of the gates.
        reset_after: Whether the reset gate acts behind the product with U, as
            in cuDNN, or before it, as in Cho et al.
        go_backwards: Whether to run from the last step to the first. Results
            are in the order of the run: step 0 is then the last of `inputs`.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h for every step.
        return_gates: Whether to return the gates.
        training: Whether a gradient is sure to be asked for. The results and the
            gradient are the same; where it isn't said, a graph of TensorFlow is
            traced once more when a gradient is asked for.
        probes: A tuple of one tensor that is added to h_t, of shape (B, T, units),
            or None. Where it is 0 its gradient is that of h_t, along all paths;
            where a step is masked it is 0.

    Returns:
        A tuple `(h, (h_T,), gates)`: h of shape (B, T, units), or None without
        `return_sequences`; the final state, of shape (B, units); and a dict of
        (B, T, units) tensors "update", "reset" and "candidate", or None without
        `return_gates`.

    Raises:
        ValueError: If the shape of `bias` doesn't fit `reset_after`.

    Example:

    >>> import numpy as np
    >>> x, zeros = np.ones((2, 5, 3), "float32"), np.zeros((2, 4), "float32")
    >>> W, U = np.ones((3, 12), "float32"), np.ones((4, 12), "float32")
    >>> h, (h_T,), gates = gru(x, (zeros,), W, U, return_gates=True)
    >>> h.shape, h_T.shape
    (TensorShape([2, 5, 4]), TensorShape([2, 4]))
    >>> sorted(gates)
    ['candidate', 'reset', 'update']

    References:
        Cho et al. (2014), Learning phrase representations using RNN
        encoder-decoder for statistical machine translation.
    """
    input_bias, recurrent_bias = _biases(bias, recurrent_kernel, reset_after)
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
            x: Tensor, state: HiddenState, probe: HiddenState | None
        ) -> tuple[HiddenState, tuple[Tensor, ...]]:
            h, gates = gru_step(
                x,
                state.h,
                recurrent_kernel,
                recurrent_bias,
                recurrent_dropout=recurrent_dropout,
                activation=phi,
                recurrent_activation=sigma,
                reset_after=reset_after,
            )
            return HiddenState(h if probe is None else h + probe.h), gates

        def show(states: HiddenState, gates: tuple[Tensor, ...]) -> GRUResetAfter.Shown:
            return GRUResetAfter.Shown(*gates)

        results = by_autodiff(
            lambda x: project(x, kernel, input_bias, input_dropout),
            step,
            inputs,
            HiddenState(*initial_state),
            gates=(1,) * len(GATES),
            show=show if return_gates else None,
            probes=HiddenState(*probes) if probes else None,
            unroll=unroll,
            **common,
        )
    else:
        equations = GRUResetAfter if reset_after else GRUResetBefore
        if reset_after:
            weights = recurrent_kernel, recurrent_bias
        else:
            units = recurrent_kernel.shape[0]
            weights = ops.split(recurrent_kernel, [2 * units], axis=-1)
        results = recurrence(
            equations(phi, sigma, slope, recurrent_slope),
            inputs,
            initial_state,
            kernel,
            input_bias,
            weights,
            input_dropout=input_dropout,
            show=return_gates,
            training=training,
            probes=probes,
            **common,
        )
    gates = named_gates(results.shown, mask, go_backwards)
    return results.h, (results.final.h,), gates


def _biases(
    bias: Tensor | None, recurrent_kernel: Tensor, reset_after: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The bias of the input and that of the state, or None for none."""
    if bias is None:
        return None, None
    packed = recurrent_kernel.shape[-1]
    expected = (2, packed) if reset_after else (packed,)
    if tuple(bias.shape) != expected:
        raise ValueError(
            f"`bias` must have shape {expected} with reset_after={reset_after}; "
            f"received {tuple(bias.shape)}."
        )
    return (bias[0], bias[1]) if reset_after else (bias, None)
