"""Graphs of their own that TensorFlow runs in a thread, side by side, or in a loop.

They are made for short steps on a few processor cores. An operation costs about
a microsecond there and waking a thread more than twenty, so the loops run in one
thread each, on TensorFlow's single-threaded executor, and their operations are
not shared between threads. Nothing here can be differentiated.

All functions take and return structures of tensors, where None may stand for what
there is not.

A graph is traced before anybody knows whether a gradient will be asked for, which
needs more of the steps than their results. When it is, the operation that runs them
is told to run another function instead, which returns that too, behind the same
results: as TensorFlow does with its own calls of functions, and loops. A graph that was
made a function before stays as it was, and keeps nothing.

Tracing takes longer than most calls. So the functions given to `in_one_thread` and
`side_by_side` use nothing but their arguments, and their graphs are shared by all who
run the same function on tensors of the same kinds: the layers of a stack, training and
prediction, one model and the next.
"""

import functools

from keras_seq.ops._structures import flattened, map_tensors

# Graphs that are held for the next call: about a megabyte each.
GRAPHS = 128


def in_one_thread(function, arguments, instead=None):
    """Runs a function in one thread.

    Args:
        function: Takes structures of tensors, returns one.
        arguments: Tuple of structures of tensors.
        instead: An operation of `in_one_thread` that is to run this function now, or
            None for a new one.

    Returns:
        What the function returns, and the operation.
    """
    import tensorflow as tf

    graph, packed = _traced_once(function, arguments)
    types = [output.dtype for output in graph.outputs]
    shapes = [output.shape for output in graph.outputs]
    if instead is not None:
        results = _exchanged(instead, graph, shapes, Tout=types)
    else:
        # A `tf.function` is called by the executor that the caller runs on; only this
        # operation takes one by name.
        results = tf.raw_ops.PartitionedCall(
            args=flattened(arguments)[0],
            Tout=types,
            f=graph,
            executor_type="SINGLE_THREADED_EXECUTOR",
        )
    return packed(_shaped(results, shapes)), results[0].op


def side_by_side(function, parts, shared, instead=None):
    """Runs a function on every part, each in a thread of its own.

    Args:
        function: Takes the structure of the slices of `parts` and that of `shared`;
            returns a structure of tensors.
        parts: Structure of tensors (P, ...).
        shared: Structure of tensors.
        instead: An operation of `side_by_side` that is to run this function now, or
            None for a new one.

    Returns:
        The structure of stacked results, each (P, ...), and the operation.
    """
    import tensorflow as tf

    stacked, captured = flattened(parts)[0], flattened(shared)[0]
    slices = map_tensors(lambda part: tf.TensorSpec(part.shape[1:], part.dtype), parts)
    graph, packed = _traced_once(_threaded(function), (slices, shared))
    types = [output.dtype for output in graph.outputs]
    shapes = [output.shape for output in graph.outputs]
    count = stacked[0].shape[:1]
    of_all = [count.concatenate(shape) for shape in shapes]
    if instead is not None:
        results = _exchanged(
            instead, graph, of_all, output_types=types, output_shapes=shapes
        )
    else:
        # `tf.map_fn` is a while loop, which takes a part after the other, and
        # `tf.vectorized_map` rewrites operations; this runs the graph once a thread,
        # and the products in it don't wake others.
        results = tf.raw_ops.MapDefun(
            arguments=stacked,
            captured_inputs=captured,
            output_types=types,
            output_shapes=shapes,
            f=graph,
            max_intra_op_parallelism=1,
        )
    return packed(_shaped(results, of_all)), results[0].op


def _exchanged(operation, graph, shapes, **attributes):
    """The results of an operation that runs another graph from now on."""
    graph.add_to_graph(operation.graph)
    operation._set_func_attr("f", graph.name)
    for name, values in attributes.items():
        kind = "shape" if name.endswith("shapes") else "type"
        getattr(operation, f"_set_{kind}_list_attr")(name, values)
    new = slice(len(operation.outputs), None)
    types = [output.dtype.as_datatype_enum for output in graph.outputs[new]]
    operation._add_outputs(types, shapes[new])
    return operation.outputs


def loop(condition, body, variables, constants):
    """A while loop that stays one operation.

    Args:
        condition: Takes the structures of variables and constants, returns a
            boolean.
        body: Takes both structures, returns that of the new variables.
        variables: Structure of tensors.
        constants: Structure of tensors.

    Returns:
        The variables behind the loop.
    """
    import tensorflow as tf

    flat, packed = flattened(variables)
    # What goes into a While comes out of it: so the constants go round with the rest.
    test, _ = _traced(condition, [variables, constants])
    turn, _ = _traced(lambda v, c: (body(v, c), c), [variables, constants])
    # `tf.while_loop` is lowered to operations of a dataflow loop (`Switch`,
    # `Merge`, ...), which the single-threaded executor doesn't know.
    results = tf.raw_ops.While(
        input=[*flat, *flattened(constants)[0]], cond=test, body=turn
    )
    return packed(_shaped(results[: len(flat)], [variable.shape for variable in flat]))


@functools.lru_cache(maxsize=GRAPHS)
def _threaded(function):
    """The function that runs a function in one thread, the same one every time."""
    return lambda *arguments: in_one_thread(function, arguments)[0]


def _traced_once(function, arguments):
    """As `_traced`, from what is held if the like of it was traced before."""
    import tensorflow as tf
    from tensorflow.python.eager.context import context

    specs = map_tensors(lambda like: tf.TensorSpec(like.shape, like.dtype), arguments)
    with tf.init_scope():  # outside of the caller's graph, which need not last
        # Within a `tf.Graph` of somebody's own there is no outside, and what watches
        # operations, such as `tf.debugging.enable_check_numerics`, is to see them all.
        for_all = tf.executing_eagerly() and not context().op_callbacks
        return (_held if for_all else _traced)(function, specs)


def _traced(function, arguments):
    """The graph of a function, and what packs its results."""
    import tensorflow as tf

    flat, packed_arguments = flattened(arguments)
    packers = []

    def on_flat(*flat):
        results, packed = flattened(function(*packed_arguments(flat)))
        packers.append(packed)
        return results

    specs = [tf.TensorSpec(like.shape, like.dtype) for like in flat]
    graph = tf.function(on_flat, autograph=False).get_concrete_function(*specs)
    return graph, packers[-1]


# The key: a function, and a tuple of structures of `tf.TensorSpec`.
_held = functools.lru_cache(maxsize=GRAPHS)(_traced)


def _shaped(results, shapes):
    for tensor, shape in zip(results, shapes, strict=True):
        tensor.set_shape(shape)
    return results
