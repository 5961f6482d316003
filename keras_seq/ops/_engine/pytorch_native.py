"""PyTorch's own kernels, on its processors, where nobody asks for the gates.

They run all steps in one call, where our loop goes back to Python at each of them: a
training step of an LSTM takes a fraction of the time. They show no gates and take no
probes, so the loop stays for both. On a GPU the kernel would be cuDNN's, which has no
second derivatives.

A masked step leaves the state as it is, so the steps that count, put side by side,
give the same states as all of them. That holds for any mask, where PyTorch's packed
sequences know padding alone, and are not run by the fast kernel.
"""

from typing import Any

import keras
from keras import ops

from keras_seq.typing import Function, Tensor

# Behind the activation no digit of the state before or of the other gate is left.
_SHUT = -1e30

# PyTorch's order of Keras's gates.
_ORDER = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}

# What behind the last step that counts is added to the gates, in Keras's order: an LSTM
# keeps its memory, of which the kernel gives the last one alone; a ReLU doesn't grow
# without bounds, since 0 times infinity would be no gradient.
_BEHIND = {"lstm": (_SHUT, -_SHUT, 0.0, 0.0), "rnn_relu": (_SHUT,)}


def is_named(activation: Function, name: str) -> bool:
    """Whether an activation is Keras's of that name."""
    return activation in (getattr(keras.activations, name), getattr(ops, name))


def reason_against(sequences: Tensor, options: dict[str, Any]) -> str | None:
    """Why a call can't be the kernel's, as the end of a sentence; None if it can."""
    if keras.backend.backend() != "torch":
        return f"on the backend {keras.backend.backend()}"
    if options["return_gates"]:
        return "with return_gates=True"
    if options["unroll"]:
        return "with unroll=True"
    if options["recurrent_dropout"] is not None:
        return "with recurrent_dropout"
    dropout = options["input_dropout"]
    if dropout is not None and dropout.shape[0] != 1:
        return "with implementation=1 and dropout"
    dtype = keras.backend.standardize_dtype(sequences.dtype)
    if dtype not in ("float32", "float64"):
        return f"in {dtype}"
    # Keras computes shapes on the device "meta".
    if sequences.device.type not in ("cpu", "meta"):
        return f"on the device {sequences.device.type}"
    return None


def applies_here(sequences: Tensor, state: tuple[Tensor, ...]) -> bool:
    """Whether the kernel takes a call for which there is no reason against it.

    It refuses empty axes; and who traces, exports or casts finds our operations.
    """
    import torch

    return (
        sequences.device.type == "cpu"
        and 0 not in sequences.shape
        and all(array.shape[0] == sequences.shape[0] for array in state)
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch.is_autocast_enabled("cpu")
    )


def run(
    kind: str,
    sequences: Tensor,
    state: tuple[Tensor, ...],
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    *,
    mask: Tensor | None = None,
    input_dropout: Tensor | None = None,
    go_backwards: bool = False,
    return_sequences: bool = True,
) -> tuple[Tensor | None, tuple[Tensor, ...], None]:
    """What the function of `keras_seq.ops` returns, from PyTorch's kernel.

    Args:
        kind: "lstm", "gru", "rnn_tanh" or "rnn_relu".
        sequences: The input x. Shape (B, T, D), none of them 0.
        state: The initial state, each (B, units).
        kernel: W, packed as Keras does.
        recurrent_kernel: U, packed alike.
        bias: b, packed alike, of a GRU that of the input and that of the state; or
            None.
        mask: True where a step counts, shape (B, T), or None.
        input_dropout: Factors on x, shape (1, B, D), or None.
        go_backwards: Whether to run from the last step to the first.
        return_sequences: Whether to return h of all steps.
    """
    import torch

    x = sequences
    if mask is not None:
        # What is masked may be NaN, whose product with a factor is not 0.
        x = torch.where(mask[..., None], x, torch.zeros_like(x))
    if input_dropout is not None:
        x = x * input_dropout[0][:, None]
    if go_backwards:
        x = x.flip(1)
        mask = None if mask is None else mask.flip(1)
    W_ih, W_hh = _rows(kind, kernel), _rows(kind, recurrent_kernel)
    seen = None
    if mask is not None and not bool(mask.all()):
        seen = mask.cumsum(1)  # of each row, up to each step
        counts = seen[:, -1]
        most = max(int(counts.max()), 1)
        # Sorted, the steps that count come first, in their order.
        order = torch.sort(mask.logical_not().to(torch.uint8), dim=1, stable=True)[1]
        x = x.take_along_dim(order[:, :most, None], 1)
        if kind in _BEHIND:
            behind = torch.arange(most, device=x.device) >= counts[:, None]
            x = torch.cat([x, behind[..., None].to(x.dtype)], -1)
            shut = torch.tensor(_BEHIND[kind], dtype=x.dtype, device=x.device)
            shut = shut.repeat_interleave(W_hh.shape[-1])
            W_ih = torch.cat([W_ih, shut[:, None]], -1)
    weights = [W_ih, W_hh]
    if bias is not None:
        weights += _biases(kind, bias)
    given = [array[None].contiguous() for array in state]
    h, *final = getattr(torch._VF, kind)(
        x,
        tuple(given) if kind == "lstm" else given[0],
        weights,
        bias is not None,
        1,  # layers
        0.0,  # dropout between them
        torch.is_grad_enabled(),
        False,  # both directions
        True,  # the batch comes first
    )
    final = [array[0] for array in final]
    if seen is not None:
        # h of each step is that of the last that counted, and before any the first.
        known = torch.cat([given[0][0][:, None], h], 1)
        final[0] = known.take_along_dim(seen[:, -1:, None], 1)[:, 0]
        h = known.take_along_dim(seen[..., None], 1) if return_sequences else None
    return h if return_sequences else None, tuple(final), None


def _rows(kind: str, matrix: Tensor) -> Tensor:
    """A matrix as PyTorch packs it, a row for each unit of each gate."""
    return _in_order(kind, matrix.t()).contiguous()


def _in_order(kind: str, rows: Tensor) -> Tensor:
    order = _ORDER[kind]
    if order == tuple(range(len(order))):
        return rows
    import torch

    gates = rows.chunk(len(order))
    return torch.cat([gates[gate] for gate in order])


def _biases(kind: str, bias: Tensor) -> list[Tensor]:
    if kind == "gru":
        return [_in_order(kind, array) for array in bias]
    import torch

    return [bias, torch.zeros_like(bias)]
