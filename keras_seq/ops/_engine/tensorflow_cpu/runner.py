"""The function that runs a recurrence in blocks, and brings its gradient."""

import dataclasses

from keras_seq.ops._engine.callers import called_from
from keras_seq.ops._engine.products import backward_layout
from keras_seq.ops._engine.results import Given, Results
from keras_seq.ops._engine.tensorflow_cpu import backward, forward
from keras_seq.ops._engine.tensorflow_cpu.batch_parts import Parts
from keras_seq.ops._engine.tensorflow_cpu.plan import Backward, Forward, Plan, Shared
from keras_seq.ops._structures import flattened, map_tensors


def runner(equations, mask, wanted):
    """As `portable.loop.runner`."""
    import tensorflow as tf

    def function(given, keep):
        parts = Parts(given.x.shape[0], given.state.h.shape[-1])
        shared = Shared(given.kernel, given.bias, given.weights)
        plan = Plan(
            equations=equations,
            wanted=wanted,
            keep=keep,
            rows=parts.rows_of_each,
            units=given.state.h.shape[-1],
            dtype=given.x.dtype,
            weight_shapes=map_tensors(lambda weight: weight.shape, shared),
        )
        x = parts.split_sequence(given.x)
        counts = None if mask is None else parts.split_sequence(mask[..., None])
        state = map_tensors(parts.split_rows, given.state)

        arguments = Forward(x, state, counts), shared

        def run_forward(keep, instead=None):
            """What is found, what a gradient needs of it, and the operation."""
            found, operation = parts.run(
                forward.part(dataclasses.replace(plan, keep=keep)), *arguments, instead
            )
            h = found.h if wanted.sequences else found.kept_h
            # A tape around the graph asks for zeros like every result of it. There are
            # such of a list, none of a stack of lists: so they leave it one by one.
            lists = _of_each_part(found.lists, parts.count)
            # A persistent tape would differentiate what the gradient uses too, and
            # fail: the loops have no gradient but this one.
            return found, map_tensors(tf.stop_gradient, (h, lists)), operation

        found, kept, operation = run_forward(keep)
        needed = [kept] if keep else []

        def needed_now():
            # Who saves a model looks at its gradients when its functions are written.
            if called_from("tensorflow.python.saved_model.save"):
                return run_forward(True)[1]
            if not needed:
                with operation.graph.as_default(), tf.control_dependencies(None):
                    needed.append(run_forward(True, operation)[1])
            return needed[0]

        h = None
        if wanted.sequences:
            h = parts.join_sequence(_behind_each_step(found.h, x))

        def gradient(errors):
            h, lists = needed_now()
            # The final state has no axis of time: it is split apart from the rest.
            by_step = map_tensors(
                lambda d: parts.split_sequence(d, errors=True),
                errors._replace(final=None),
            )
            final = map_tensors(
                lambda d: parts.split_rows(d, errors=True), errors.final
            )
            matrices = backward_layout(given.weights, plan.rows)
            derivatives, _ = parts.run(
                backward.part(plan),
                Backward(
                    x,
                    counts,
                    h,
                    map_tensors(lambda *lists: parts.stack(lists), *lists),
                    by_step._replace(final=final),
                ),
                shared._replace(weights=matrices),
            )
            return Given(
                x=parts.join_sequence(derivatives.x),
                state=map_tensors(parts.join_rows, derivatives.state),
                **map_tensors(parts.sum, derivatives.shared)._asdict(),
            )

        results = Results(
            final=map_tensors(parts.join_rows, found.final),
            h=h,
            shown=map_tensors(parts.join_sequence, found.shown),
        )
        return results, gradient

    return function


def _of_each_part(lists, count):
    """From a structure of handles (P,) to a list of structures, one for each part."""
    import tensorflow as tf

    tensors, packed = flattened(lists)
    by_tensor = [tf.unstack(handles, count) for handles in tensors]
    return [packed([each[part] for each in by_tensor]) for part in range(count)]


def _behind_each_step(h, x):
    """From h before and behind all steps, (P, (T + 1) · B, ·), to (P, T, B, ·)."""
    import tensorflow as tf

    rows = tf.shape(x)[2]
    shape = tf.concat([tf.shape(x)[:3], h.shape[2:]], axis=0)
    sequence = tf.reshape(h[:, rows:], shape)
    sequence.set_shape([*x.shape[:3], h.shape[2]])
    return sequence
