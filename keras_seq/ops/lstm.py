"""The LSTM recurrence as a pure function."""

import keras
from keras import ops

from keras_seq.ops._scan import scan
from keras_seq.ops._shards import in_halves, product_with
from keras_seq.ops.lstm_gradient import lstm_steps

GATES = ("input", "forget", "candidate", "output")


def lstm_step(z, c_prev, *, activation=ops.tanh, recurrent_activation=ops.sigmoid):
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
        activation: Stands where the equations say tanh.
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
    z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
    i = recurrent_activation(z_i)
    f = recurrent_activation(z_f)
    candidate = activation(z_c)
    o = recurrent_activation(z_o)
    c = f * c_prev + i * candidate
    h = o * activation(c)
    return h, c, (i, f, candidate, o)


def lstm(
    inputs,
    initial_state,
    kernel,
    recurrent_kernel,
    bias=None,
    *,
    mask=None,
    input_dropout=None,
    recurrent_dropout=None,
    activation=ops.tanh,
    recurrent_activation=ops.sigmoid,
    go_backwards=False,
    unroll=False,
    return_sequences=True,
    return_gates=False,
    training=False,
):
    """The LSTM over a whole sequence: `lstm_step` applied T times.

    The input projection x_t W + b of all steps is one matrix product outside
    the loop; only h_{t-1} U stays inside.

    Where `mask` is False the step is skipped: h and c keep their values, and
    the gates are 0. No steps at all (T = 0) give the initial state.

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
        activation: Activation of the candidate and of the shown memory.
        recurrent_activation: Activation of the gates.
        go_backwards: Whether to run from the last step to the first. Results
            are in the order of the run: step 0 is then the last of `inputs`.
        unroll: Whether to write the T steps out instead of looping.
        return_sequences: Whether to return h for every step.
        return_gates: Whether to return the gates.
        training: Whether a gradient will be asked for. The results are the
            same; on TensorFlow, with tanh and σ and without recurrent dropout,
            the loop then keeps what a gradient derived by hand needs, which
            takes about half the time of TensorFlow's own. A second derivative
            works there, in a time that grows with T².

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
    together = (
        not unroll
        and recurrent_dropout is None
        and activation in (ops.tanh, keras.activations.tanh)
        and recurrent_activation in (ops.sigmoid, keras.activations.sigmoid)
    )
    if together:
        kernel, recurrent_kernel = _gates_first(kernel), _gates_first(recurrent_kernel)
        bias = None if bias is None else _gates_first(bias)
        if input_dropout is not None and input_dropout.shape[0] == 4:
            input_dropout = ops.take(input_dropout, [0, 1, 3, 2], axis=0)

    by_hand = together and training and keras.backend.backend() == "tensorflow"

    def run(inputs, h_0, c_0, mask, input_dropout, recurrent_dropout):
        x = ops.transpose(inputs, (1, 0, 2))
        if mask is not None:
            mask = ops.expand_dims(ops.transpose(mask, (1, 0)), -1)
        if go_backwards:
            x = ops.flip(x, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        z = project(x, kernel, bias, input_dropout)
        if by_hand:
            h_T, c_T, *emitted = lstm_steps(
                _step_together, h_0, c_0, z, recurrent_kernel, mask, return_gates
            )
            state = h_T, c_T
        else:
            state, emitted = steps(h_0, c_0, z, mask, recurrent_dropout)
        sequence = ops.transpose(emitted[0], (1, 0, 2)) if return_sequences else None
        if not return_gates:
            return sequence, state, None
        cell, *gates = emitted[-3:] if together else emitted[-5:]
        if mask is not None:
            gates = [ops.where(mask, gate, ops.zeros_like(gate)) for gate in gates]
        if together:
            i, f, o = ops.split(gates[0], 3, axis=-1)
            gates = [i, f, gates[1], o]
        named = dict(zip((*GATES, "cell"), (*gates, cell), strict=True))
        return (
            sequence,
            state,
            {name: ops.transpose(y, (1, 0, 2)) for name, y in named.items()},
        )

    def steps(h_0, c_0, z, mask, recurrent_dropout):
        times_kernel = product_with(recurrent_kernel, h_0.shape[0])

        def step(state, inputs):
            h_prev, c_prev = state
            if together:
                h, c, gates = _step_together(inputs[0] + times_kernel(h_prev), c_prev)
            else:
                z = inputs[0] + project_state(
                    h_prev, recurrent_kernel, recurrent_dropout
                )
                h, c, gates = lstm_step(
                    z,
                    c_prev,
                    activation=activation,
                    recurrent_activation=recurrent_activation,
                )
            if mask is not None:
                h = ops.where(inputs[1], h, h_prev)
                c = ops.where(inputs[1], c, c_prev)
            emitted: tuple = (h,) if return_sequences else ()
            if return_gates:
                emitted += (c, *gates)
            return (h, c), emitted

        emit_like: tuple = (h_0,) if return_sequences else ()
        if return_gates and together:
            emit_like += (c_0, ops.concatenate([h_0] * 3, axis=-1), h_0)
        elif return_gates:
            emit_like += (c_0,) * 5
        sequences = (z,) if mask is None else (z, mask)
        return scan(step, (h_0, c_0), sequences, emit_like=emit_like, unroll=unroll)

    h_0, c_0 = (ops.convert_to_tensor(state) for state in initial_state)
    return in_halves(
        run,
        recurrent_kernel.shape[0],
        [
            ops.convert_to_tensor(inputs),
            h_0,
            c_0,
            mask,
            input_dropout,
            recurrent_dropout,
        ],
        axes=[0, 0, 0, 0, 1, 1],
    )


def _gates_first(packed):
    """Repacks weights (i, f, c̃, o) as (i, f, o, c̃)."""
    i, f, candidate, o = ops.split(packed, 4, axis=-1)
    return ops.concatenate([i, f, o, candidate], axis=-1)


def _step_together(z, c_prev):
    """`lstm_step` with tanh and σ, on z packed (i, f, o, c̃): one σ for three gates.

    Returns:
        `h_t`, `c_t` and the tuple of (i, f, o), packed, and c̃.
    """
    units = c_prev.shape[-1]
    z_gates, z_c = ops.split(z, [3 * units], axis=-1)
    gates, candidate = ops.sigmoid(z_gates), ops.tanh(z_c)
    i, f, o = ops.split(gates, 3, axis=-1)
    c = f * c_prev + i * candidate
    return o * ops.tanh(c), c, (gates, candidate)


def project(x, kernel, bias, dropout):
    """Gives x W + b: (..., B, D) to (..., B, 4 · units)."""
    if dropout is None:
        z = ops.matmul(x, kernel)
    elif dropout.shape[0] == 1:
        z = ops.matmul(x * dropout[0], kernel)
    else:
        kernels = ops.split(kernel, 4, axis=-1)
        z = ops.concatenate(
            [ops.matmul(x * dropout[g], kernels[g]) for g in range(4)], axis=-1
        )
    return z if bias is None else z + bias


def project_state(h, recurrent_kernel, dropout):
    """Gives h U: (B, units) to (B, 4 · units)."""
    if dropout is None:
        return ops.matmul(h, recurrent_kernel)
    if dropout.shape[0] == 1:
        return ops.matmul(h * dropout[0], recurrent_kernel)
    kernels = ops.split(recurrent_kernel, 4, axis=-1)
    return ops.concatenate(
        [ops.matmul(h * dropout[g], kernels[g]) for g in range(4)], axis=-1
    )
