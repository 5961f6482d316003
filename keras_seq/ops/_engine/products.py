"""The products with the recurrent matrices, in the layout that is fastest.

TensorFlow's product with a transposed matrix is up to 30 times slower than with a
transposed copy on a processor, but for a single row, where the copy would cost
more than the steps.
"""

from keras import ops


def forward_products(weights):
    """The weights, the matrices among them as functions h -> h U."""
    return weights._make(_times(w) if _is_matrix(w) else w for w in weights)


def backward_layout(weights, rows):
    """The matrices as `backward_products` takes them, made once before the loop.

    Args:
        weights: `equations.Weights`.
        rows: B, or None if that is known only when the graph runs.
    """
    return weights._make(
        (w if rows == 1 else ops.transpose(w)) if _is_matrix(w) else None
        for w in weights
    )


def backward_products(matrices, rows):
    """The matrices as functions δ -> δ Uᵀ, of what `backward_layout` gives."""
    times = _times_transpose_of if rows == 1 else _times
    return matrices._make(None if w is None else times(w) for w in matrices)


def _is_matrix(weight):
    return weight is not None and len(weight.shape) == 2


def _times(matrix):
    return lambda rows: ops.matmul(rows, matrix)


def _times_transpose_of(matrix):
    return lambda rows: ops.transpose(ops.matmul(matrix, ops.transpose(rows)))
