"""The products with the recurrent matrices, in the layout that is fastest.

TensorFlow's product with a transposed matrix is up to 30 times slower than with a
transposed copy on a processor, but for a single row, where the copy would cost
more than the steps.
"""

from keras import ops


def forward_products(weights, equations):
    """The matrices as functions h -> h U, and the weights that are no matrices."""
    count = equations.matrices
    return (*map(_times, weights[:count]), *weights[count:])


def backward_layout(weights, equations, rows):
    """The matrices as `backward_products` takes them, made once before the loop."""
    matrices = weights[: equations.matrices]
    return tuple(matrices if rows == 1 else map(ops.transpose, matrices))


def backward_products(matrices, rows):
    """The matrices as functions δ -> δ Uᵀ."""
    return tuple(map(_times_transpose_of if rows == 1 else _times, matrices))


def _times(matrix):
    return lambda rows: ops.matmul(rows, matrix)


def _times_transpose_of(matrix):
    return lambda rows: ops.transpose(ops.matmul(matrix, ops.transpose(rows)))
