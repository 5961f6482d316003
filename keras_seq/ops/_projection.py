"""The product of an input or a state with weights packed gate by gate."""

from keras import ops

from keras_seq.typing import Tensor


def project(
    x: Tensor, kernel: Tensor, bias: Tensor | None = None, dropout: Tensor | None = None
) -> Tensor:
    """Gives x W + b, where each gate may see x through dropout of its own.

    Args:
        x: Shape (..., B, K).
        kernel: W, packed gate by gate. Shape (K, gates · units).
        bias: b, packed alike, shape (gates · units,), or None for no bias.
        dropout: Factors on x, shape (1, B, K), or (gates, B, K) for factors of
            its own for each gate; None for none.

    Returns:
        Shape (..., B, gates · units).
    """
    if dropout is None:
        z = ops.matmul(x, kernel)
    elif dropout.shape[0] == 1:
        z = ops.matmul(x * dropout[0], kernel)
    else:
        kernels = ops.split(kernel, dropout.shape[0], axis=-1)
        z = ops.concatenate(
            [ops.matmul(x * dropout[g], W) for g, W in enumerate(kernels)], axis=-1
        )
    return z if bias is None else z + bias


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """Gives x M as a product of two matrices, whatever the axes before the last.

    TensorFlow makes a Tensordot of a product of tensors of unequal rank, and works
    out at run time in which order its axes come. In a loop over time the gradient
    then keeps that order step by step, and XLA, which must know it when it
    compiles, refuses.

    Args:
        x: Shape (..., K).
        matrix: M. Shape (K, N).

    Returns:
        Shape (..., N).
    """
    if len(x.shape) == 2:
        return ops.matmul(x, matrix)
    rows = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), matrix)
    return ops.reshape(rows, (*ops.shape(x)[:-1], matrix.shape[-1]))
