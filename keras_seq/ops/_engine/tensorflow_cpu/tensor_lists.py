"""Lists of tensors (rows, columns): what one loop writes and another reads.

`tf.TensorArray` wraps the same operations, but wants all items of one shape; here
an item holds 8 steps or one. It would also put asserts into every turn.
"""


def new_list(count, columns, dtype):
    """A list of `count` tensors (rows, columns)."""
    import tensorflow as tf

    # No other way to make a list of items that differ in their rows.
    return tf.raw_ops.TensorListReserve(
        element_shape=tf.constant([-1, columns]),
        num_elements=count,
        element_dtype=dtype,
    )


def put(handle, place, item):
    """The list with an item at a place."""
    import tensorflow as tf

    # The list's own operation: it has no other.
    return tf.raw_ops.TensorListSetItem(input_handle=handle, index=place, item=item)


def get(handle, place, columns, dtype):
    """The item at a place."""
    import tensorflow as tf

    # The list's own operation: it has no other.
    return tf.raw_ops.TensorListGetItem(
        input_handle=handle,
        index=place,
        element_shape=tf.constant([-1, columns]),
        element_dtype=dtype,
    )


def joined(handle, columns, dtype):
    """All items of a list, one behind the other: (rows, columns)."""
    import tensorflow as tf

    # `TensorArray.concat` stacks the items first, which must then be of one shape.
    tensor, _ = tf.raw_ops.TensorListConcatV2(
        input_handle=handle,
        element_shape=tf.constant([-1, columns]),
        leading_dims=tf.constant([], "int64"),
        element_dtype=dtype,
    )
    tensor.set_shape([None, columns])
    return tensor
