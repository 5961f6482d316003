"""Pieces of TensorFlow graphs that loops over time are made of.

They are made for short steps on a few processor cores. An operation costs about
a microsecond there and waking a thread more than twenty, so the loops run in one
thread each, on TensorFlow's single-threaded executor, and their operations are
not shared between threads. Nothing here can be differentiated.
"""


def in_one_thread(function, arguments):
    """Runs a function in one thread.

    Args:
        function: Takes and returns a nest of tensors.
        arguments: Nest of tensors.

    Returns:
        What the function returns.
    """
    import tensorflow as tf

    flat = tf.nest.flatten(arguments)
    graph, structure = _traced(function, [arguments])
    results = tf.raw_ops.PartitionedCall(
        args=flat,
        Tout=[output.dtype for output in graph.outputs],
        f=graph,
        executor_type="SINGLE_THREADED_EXECUTOR",
    )
    return _like(structure, results, [output.shape for output in graph.outputs])


def side_by_side(function, parts, shared):
    """Runs a function on every part, each in a thread of its own.

    Args:
        function: Takes the nest of the slices of `parts` and that of `shared`;
            returns a nest of tensors.
        parts: Nest of tensors (P, ...).
        shared: Nest of tensors.

    Returns:
        The nest of stacked results, each (P, ...).
    """
    import tensorflow as tf

    stacked, captured = tf.nest.flatten(parts), tf.nest.flatten(shared)
    slices = tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape[1:], part.dtype), parts
    )
    graph, structure = _traced(
        lambda *arguments: in_one_thread(lambda a: function(*a), arguments),
        [slices, shared],
    )
    shapes = [output.shape for output in graph.outputs]
    results = tf.raw_ops.MapDefun(
        arguments=stacked,
        captured_inputs=captured,
        output_types=[output.dtype for output in graph.outputs],
        output_shapes=shapes,
        f=graph,
        max_intra_op_parallelism=1,
    )
    count = stacked[0].shape[:1]
    return _like(structure, results, [count.concatenate(shape) for shape in shapes])


def loop(condition, body, variables, constants):
    """A while loop that stays one operation.

    Args:
        condition: Takes the nests of variables and constants, returns a boolean.
        body: Takes both nests, returns that of the new variables.
        variables: Nest of tensors.
        constants: Nest of tensors.

    Returns:
        The variables behind the loop.
    """
    import tensorflow as tf

    count = len(tf.nest.flatten(variables))
    test, _ = _traced(condition, [variables, constants])
    turn, _ = _traced(lambda v, c: (body(v, c), c), [variables, constants])
    results = tf.raw_ops.While(
        input=tf.nest.flatten([variables, constants]), cond=test, body=turn
    )
    shapes = [variable.shape for variable in tf.nest.flatten(variables)]
    return _like(variables, results[:count], shapes)


def _traced(function, arguments):
    """The graph of a function of nests, and the structure of its result."""
    import tensorflow as tf

    flat = tf.nest.flatten(arguments)
    structure = []

    def on_flat(*flat):
        result = function(*tf.nest.pack_sequence_as(arguments, flat))
        structure.append(tf.nest.map_structure(lambda _: 0, result))
        return tf.nest.flatten(result)

    specs = [tf.TensorSpec(like.shape, like.dtype) for like in flat]
    graph = tf.function(on_flat, autograph=False).get_concrete_function(*specs)
    return graph, structure[0]


def _like(structure, flat, shapes):
    import tensorflow as tf

    for tensor, shape in zip(flat, shapes, strict=True):
        tensor.set_shape(shape)
    return tf.nest.pack_sequence_as(structure, flat)


def new_list(count, columns, dtype):
    """A list of `count` tensors (rows, columns)."""
    import tensorflow as tf

    return tf.raw_ops.TensorListReserve(
        element_shape=tf.constant([-1, columns]),
        num_elements=count,
        element_dtype=dtype,
    )


def put(handle, place, item):
    import tensorflow as tf

    return tf.raw_ops.TensorListSetItem(input_handle=handle, index=place, item=item)


def get(handle, place, columns, dtype):
    import tensorflow as tf

    return tf.raw_ops.TensorListGetItem(
        input_handle=handle,
        index=place,
        element_shape=tf.constant([-1, columns]),
        element_dtype=dtype,
    )


def joined(handle, columns, dtype):
    """All items of a list, one behind the other: (rows, columns)."""
    import tensorflow as tf

    tensor, _ = tf.raw_ops.TensorListConcatV2(
        input_handle=handle,
        element_shape=tf.constant([-1, columns]),
        leading_dims=tf.constant([], "int64"),
        element_dtype=dtype,
    )
    tensor.set_shape([None, columns])
    return tensor
