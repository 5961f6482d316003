"""The steps of one part of the batch, forwards, block by block."""

from keras_seq.ops._engine.products import forward_products
from keras_seq.ops._engine.rows import STEPS, Sizes, flat, slices, stacked
from keras_seq.ops._engine.tensorflow_loops import joined, loop, new_list, put


def part(plan, keep):
    """The function that runs the steps of one part of the batch.

    Args:
        plan: A `Plan`.
        keep: Whether to return what a gradient needs.

    Returns:
        Function of two dicts: "x" (T, B, D), "state", and "mask", a list of
        (T, B, 1) or nothing; and "projection", W and b or what there is of them,
        and "weights". It returns a dict: "final", the final state; "h", a list of
        h before the first step and behind all steps, ((T + 1) · B, units), if
        sequences or `keep` ask for it; "shown", each (T, B, ·); "lists", with
        `keep`, of the other states and of what the equations keep.
    """
    import tensorflow as tf

    def run(given, shared):
        x, state = given["x"], tuple(given["state"])
        sizes = Sizes(x)

        def block(variables, constants):
            rows, start = constants["rows"], variables["t"]
            end = tf.minimum(start + constants["most"], constants["length"])
            z = constants["x"][start * rows : end * rows]
            if plan.project:
                z = _project(z, constants["projection"])
            inner = {
                "rows": rows,
                "end": end - start,
                "z": z,
                "mask": [m[start * rows : end * rows] for m in constants["mask"]],
                "weights": constants["weights"],
            }
            variables = {**variables, "t": tf.constant(0)}
            for count in (STEPS, 1):
                variables = loop(
                    lambda v, c, count=count: v["t"] + count <= c["end"],
                    _turn(plan, keep, count),
                    variables,
                    inner,
                )
            return {**variables, "t": end}

        behind = loop(
            lambda v, c: v["t"] < c["length"],
            block,
            {
                "t": tf.constant(0),
                "piece": tf.constant(0),
                "state": state,
                "lists": _lists(plan, keep, sizes, state),
            },
            {
                "rows": sizes.rows,
                "length": sizes.length,
                "most": sizes.steps_in_block,
                "x": flat(x),
                "mask": [flat(mask) for mask in given["mask"]],
                **shared,
            },
        )
        return _results(plan, keep, sizes, behind)

    return run


def _project(x, projection):
    """Gives x W + b, of rows."""
    import tensorflow as tf

    z = tf.matmul(x, projection[0])
    return tf.nn.bias_add(z, projection[1]) if len(projection) > 1 else z


def _turn(plan, keep, count):
    """The body of the innermost loop: `count` steps."""
    import tensorflow as tf

    def body(variables, constants):
        t, piece, state = variables["t"], variables["piece"], variables["state"]
        rows = constants["rows"]
        products = forward_products(constants["weights"], plan.equations)

        def taken(x):
            return slices(x[t * rows : (t + count) * rows], count)

        masks = [taken(mask) for mask in constants["mask"]] or [[None] * count]
        steps = []
        for z_t, mask_t in zip(taken(constants["z"]), masks[0], strict=True):
            new, kept = plan.equations.step(z_t, state, products)
            if mask_t is not None:
                new = tuple(
                    tf.where(mask_t, after, before)
                    for after, before in zip(new, state, strict=True)
                )
            state = new
            steps.append(plan.listed(keep, state, kept))
        states = len(plan.listed(keep, state, ()))
        lists = [
            # The list of a state begins with the initial state.
            put(handle, piece + (number < states), stacked(rows))
            for number, (handle, rows) in enumerate(
                zip(variables["lists"], zip(*steps, strict=True), strict=False)
            )
        ]
        return {"t": t + count, "piece": piece + 1, "state": state, "lists": lists}

    return body


def _lists(plan, keep, sizes, state):
    """Lists of what is listed, those of states with the initial state."""
    states = [
        put(new_list(sizes.pieces + 1, plan.units, plan.dtype), 0, first)
        for first in plan.listed(keep, state, ())
    ]
    kept = plan.listed(keep, (), plan.equations.kept_sizes(plan.units))
    return states + [new_list(sizes.pieces, size, plan.dtype) for size in kept]


def _results(plan, keep, sizes, behind):
    import tensorflow as tf

    lists = list(behind["lists"])
    result = {"final": behind["state"], "h": [], "shown": [], "lists": []}
    if keep or plan.return_sequences:
        result["h"] = [joined(lists.pop(0), plan.units, plan.dtype)]
    if keep:
        result["lists"] = lists
    if plan.show:
        others, kept = lists[: plan.states - 1], lists[plan.states - 1 :]
        kept_sizes = plan.equations.kept_sizes(plan.units)
        shown = [
            joined(handle, size, plan.dtype)
            for handle, size in zip(kept, kept_sizes, strict=False)
        ][: plan.equations.shown]
        shown += [
            joined(handle, plan.units, plan.dtype)[sizes.rows :] for handle in others
        ]
        result["shown"] = [
            tf.reshape(rows, [sizes.length, sizes.rows, rows.shape[-1]])
            for rows in shown
        ]
    return result
