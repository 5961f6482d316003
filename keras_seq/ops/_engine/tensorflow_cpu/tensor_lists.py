"""Lists of tensors (rows, columns): what one loop writes and another reads.

`tf.TensorArray` is an object around such a list, made of the same operations. The
loops and threads of `graph_functions` take tensors alone: so it is the list itself,
a tensor of variant dtype, that travels here, and TensorFlow has no public functions
of it but these. An item holds 8 steps or one: items differ in their rows.
"""


def new_list(count, columns, dtype):
    """A list of `count` tensors (rows, columns)."""
    import tensorflow as tf

    # What `tf.TensorArray` does inside, without the object.
    return tf.raw_ops.TensorListReserve(
        element_shape=tf.constant([-1, columns]),
        num_elements=count,
        element_dtype=dtype,
    )


def put(handle, place, item):
    """The list with an item at a place."""
    import tensorflow as tf

    # As `TensorArray.write`.
    return tf.raw_ops.TensorListSetItem(input_handle=handle, index=place, item=item)


def get(handle, place, columns, dtype):
    """The item at a place."""
    import tensorflow as tf

    # As `TensorArray.read`.
    return tf.raw_ops.TensorListGetItem(
        input_handle=handle,
        index=place,
        element_shape=tf.constant([-1, columns]),
        element_dtype=dtype,
    )


def joined(handle, columns, dtype):
    """All items of a list, one behind the other: (rows, columns)."""
    import tensorflow as tf

    # As `TensorArray.concat`.
    tensor, _ = tf.raw_ops.TensorListConcatV2(
        input_handle=handle,
        element_shape=tf.constant([-1, columns]),
        leading_dims=tf.constant([], "int64"),
        element_dtype=dtype,
    )
    tensor.set_shape([None, columns])
    return tensor
