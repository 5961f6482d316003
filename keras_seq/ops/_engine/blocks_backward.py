"""The steps of one part of the batch, backwards, block by block."""

from keras_seq.ops._derived.slopes import sum_of
from keras_seq.ops._engine.products import backward_products
from keras_seq.ops._engine.rows import STEPS, Sizes, flat, slices, stacked
from keras_seq.ops._engine.tensorflow_loops import get, joined, loop, new_list, put


def part(plan):
    """The function that runs the steps of one part of the batch backwards.

    Returns:
        Function of two dicts: "x", "mask" and what the steps forwards kept, "h"
        and "lists", and the errors of their results, "d_final", "d_h", a list,
        and "d_shown"; and "projection" and the "matrices" of
        `products.backward_layout`. It returns a dict of the errors of "x", of
        the initial "state" and, in the order of the arguments, of all "weights".
    """
    import tensorflow as tf

    equations = plan.equations

    def run(given, shared):
        x = given["x"]
        sizes = Sizes(x)
        finished_sizes = equations.finished_sizes(plan.units)

        def block(variables, constants):
            number, inner = variables["number"] - 1, constants["inner"]
            start = number * constants["most"]
            end = tf.minimum(start + constants["most"], constants["length"])
            rows = slice(start * inner["rows"], end * inner["rows"])
            in_turns = (end - start) // STEPS
            pieces = in_turns + (end - start) % STEPS
            behind = {
                "t": end,
                "piece": variables["piece"],
                "state": variables["state"],
                "finished": [
                    new_list(pieces, size, plan.dtype) for size in finished_sizes
                ],
            }
            first = variables["piece"] - pieces
            for count, last in ((1, start + in_turns * STEPS), (STEPS, start)):
                behind = loop(
                    lambda v, c: v["t"] > c["last"],
                    _turn(plan, count),
                    behind,
                    {**inner, "last": last, "first": first},
                )
            finished = [
                joined(handle, size, plan.dtype)
                for handle, size in zip(behind["finished"], finished_sizes, strict=True)
            ]
            h_prev = inner["h"][rows]
            d_rows, d_weights = equations.gather(h_prev, finished)
            if plan.project:
                W = constants["projection"][0]
                by_projection = [
                    tf.matmul(constants["x"][rows], d_rows, transpose_a=True),
                    sum_of(d_rows),
                ][: len(constants["projection"])]
                d_weights = [*by_projection, *d_weights]
                d_rows = tf.matmul(d_rows, W, transpose_b=True)
            return {
                "number": number,
                "piece": behind["piece"],
                "state": behind["state"],
                "x": put(variables["x"], number, d_rows),
                "weights": [
                    total + tf.cast(more, total.dtype)
                    for total, more in zip(
                        variables["weights"], d_weights, strict=False
                    )
                ],
            }

        behind = loop(
            lambda v, c: v["number"] > 0,
            block,
            {
                "number": sizes.blocks,
                "piece": sizes.pieces,
                "state": given["d_final"],
                "x": new_list(sizes.blocks, x.shape[-1], plan.dtype),
                "weights": [_nothing_yet(plan.dtype) for _ in plan.weight_shapes],
            },
            {
                "length": sizes.length,
                "most": sizes.steps_in_block,
                "x": flat(x),
                "projection": shared["projection"],
                "inner": {
                    "rows": sizes.rows,
                    "h": given["h"][0],
                    "lists": given["lists"],
                    "mask": [flat(mask) for mask in given["mask"]],
                    "d_h": [flat(d_h) for d_h in given["d_h"]],
                    "d_shown": [flat(shown) for shown in given["d_shown"]],
                    "matrices": shared["matrices"],
                },
            },
        )
        return {
            "x": tf.reshape(joined(behind["x"], x.shape[-1], plan.dtype), tf.shape(x)),
            "state": behind["state"],
            "weights": [
                tf.broadcast_to(tf.cast(total, plan.dtype), shape)
                for total, shape in zip(
                    behind["weights"], plan.weight_shapes, strict=True
                )
            ],
        }

    return run


def _nothing_yet(dtype):
    """A sum before its first term: a number, since zeros would cost a pass.

    Sums of numbers with few digits are kept with more.
    """
    import tensorflow as tf

    few_digits = dtype in (tf.float16, tf.bfloat16)
    zero = tf.zeros([], tf.float32 if few_digits else dtype)
    return tf.raw_ops.PlaceholderWithDefault(input=zero, shape=None)


def _turn(plan, count):
    """The body of the innermost loop: `count` steps, the last one first."""
    import tensorflow as tf

    equations = plan.equations

    def body(variables, constants):
        t, piece = variables["t"] - count, variables["piece"] - 1
        state, rows = variables["state"], constants["rows"]
        here = slice(t * rows, (t + count) * rows)
        h = constants["h"]
        before, after = [h[here]], [h[here.start + rows : here.stop + rows]]
        others = constants["lists"][: plan.states - 1]
        for handle in others:
            # Piece 0 is the initial state, so this one's number is one more.
            states = get(handle, piece + 1, plan.units, plan.dtype)
            previous = get(handle, piece, plan.units, plan.dtype)
            previous = previous[tf.shape(previous)[0] - rows :]
            if count > 1:
                previous = tf.concat([previous, states[: (count - 1) * rows]], axis=0)
            before.append(previous)
            after.append(states)
        kept = [
            get(handle, piece, size, plan.dtype)
            for handle, size in zip(
                constants["lists"][plan.states - 1 :],
                equations.kept_sizes(plan.units),
                strict=True,
            )
        ]
        masks = [mask[here] for mask in constants["mask"]]
        upstream = [shown[here] for shown in constants["d_shown"]]
        stepwise, aside = equations.factors(
            before,
            after,
            kept,
            masks[0] if masks else None,
            upstream if plan.show else None,
        )
        stepwise = [slices(array, count) for array in stepwise]
        d_h = [slices(d_h[here], count) for d_h in constants["d_h"]]
        steps = []
        for step in reversed(range(count)):
            if d_h:
                state = (state[0] + d_h[0][step], *state[1:])
            state, emitted = equations.back(
                state,
                [array[step] for array in stepwise],
                backward_products(constants["matrices"], plan.rows),
                masked=plan.masked,
                shown=plan.show,
            )
            steps.append(emitted)
        emitted = [stacked(rows[::-1]) for rows in zip(*steps, strict=True)]
        finished = [
            put(handle, piece - constants["first"], rows)
            for handle, rows in zip(
                variables["finished"], equations.finish(aside, emitted), strict=True
            )
        ]
        return {"t": t, "piece": piece, "state": tuple(state), "finished": finished}

    return body
