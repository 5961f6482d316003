"""The steps of one part of the batch, backwards, block by block."""

import functools
from typing import Any, NamedTuple

from keras_seq.ops._derived.slopes import sum_of
from keras_seq.ops._engine.products import backward_products
from keras_seq.ops._engine.tensorflow_cpu.graph_functions import GRAPHS, loop
from keras_seq.ops._engine.tensorflow_cpu.plan import Derivatives, Lists, Shared
from keras_seq.ops._engine.tensorflow_cpu.rows import (
    STEPS,
    Sizes,
    flat,
    slices,
    stacked,
)
from keras_seq.ops._engine.tensorflow_cpu.tensor_lists import (
    get,
    joined,
    new_list,
    put,
)
from keras_seq.ops._structures import flattened, map_tensors
from keras_seq.typing import Tensor


class BlockPosition(NamedTuple):
    """What the loop over blocks carries."""

    block: Tensor  # the number of the next one to be run, plus 1
    turn: Tensor
    errors: Any  # `equations.State`
    d_x: Tensor  # a list, of an item for each block
    shared: Shared  # the errors of the weights, summed so far


class Position(NamedTuple):
    """What the loops over the turns of a block carry."""

    t: Tensor  # the next step to be run, plus 1
    turn: Tensor  # the next turn, as numbered forwards, plus 1
    errors: Any  # `equations.State`
    finished: Any  # `equations.Finished` of lists, of this block


class Steps(NamedTuple):
    """What the innermost loop reads of the sequence."""

    rows: Tensor  # B
    h: Tensor  # before the first step and behind all, ((T + 1) · B, units)
    lists: Lists
    counts: Tensor | None  # (T · B, 1)
    d_h: Tensor | None  # (T · B, units)
    d_shown: Any  # `equations.Shown`, each (T · B, units), or None
    matrices: Any  # of `backward_layout`


class Sequence(NamedTuple):
    """What the loop over blocks reads."""

    length: Tensor  # T
    steps_in_block: Tensor
    x: Tensor  # (T · B, D)
    kernel: Tensor | None
    steps: Steps


class Block(NamedTuple):
    """What the loops over the turns of a block read."""

    last: Tensor  # the step to stop at: the first one in time
    first_turn: Tensor  # of this block
    steps: Steps


@functools.lru_cache(maxsize=GRAPHS)
def part(plan):
    """The function that runs the steps of one part of the batch backwards.

    Args:
        plan: A `Plan`.

    Returns:
        Function from `Backward` and `Shared`, which holds the matrices of
        `backward_layout`, to `Derivatives`.
    """
    import tensorflow as tf

    def run(given, shared):
        sizes, features = Sizes(given.x), given.x.shape[-1]
        behind = loop(
            lambda position, _: position.block > 0,
            _block(plan),
            BlockPosition(
                block=sizes.blocks,
                turn=sizes.turns,
                errors=given.errors.final,
                d_x=new_list(sizes.blocks, features, plan.dtype),
                shared=_for_each_weight(lambda _: _nothing_yet(plan.dtype), plan),
            ),
            Sequence(
                length=sizes.length,
                steps_in_block=sizes.steps_in_block,
                x=flat(given.x),
                kernel=shared.kernel,
                steps=Steps(
                    rows=sizes.rows,
                    h=given.h,
                    lists=given.lists,
                    counts=map_tensors(flat, given.counts),
                    d_h=map_tensors(flat, given.errors.h),
                    d_shown=map_tensors(flat, given.errors.shown),
                    matrices=shared.weights,
                ),
            ),
        )
        d_x = joined(behind.d_x, features, plan.dtype)
        return Derivatives(
            x=tf.reshape(d_x, tf.shape(given.x)),
            state=behind.errors,
            # With no step at all the sums are still numbers.
            shared=_for_each_weight(
                lambda shape, total: tf.broadcast_to(tf.cast(total, plan.dtype), shape),
                plan,
                behind.shared,
            ),
        )

    return run


def _for_each_weight(function, plan, *others):
    return map_tensors(function, plan.weight_shapes, *others)


def _nothing_yet(dtype):
    """A sum before its first term: a number, since zeros would cost a pass.

    Sums of numbers with few digits are kept with more.
    """
    import tensorflow as tf

    few_digits = dtype in (tf.float16, tf.bfloat16)
    zero = tf.zeros([], tf.float32 if few_digits else dtype)
    # What a loop carries must keep its shape, and this becomes a matrix: the
    # operation forgets the shape. TensorFlow has it by this name only, and as
    # `placeholder_with_default` of TensorFlow 1.
    return tf.raw_ops.PlaceholderWithDefault(input=zero, shape=None)


def _block(plan):
    """The body of the loop over blocks, the last block first."""
    import tensorflow as tf

    equations = plan.equations
    sizes = map_tensors(lambda size: size * plan.units, equations.finished_sizes)

    def body(position, sequence):
        steps, number = sequence.steps, position.block - 1
        start = number * sequence.steps_in_block
        end = tf.minimum(start + sequence.steps_in_block, sequence.length)
        rows = slice(start * steps.rows, end * steps.rows)
        in_eights = (end - start) // STEPS
        turns = in_eights + (end - start) % STEPS
        behind = Position(
            t=end,
            turn=position.turn,
            errors=position.errors,
            finished=map_tensors(lambda size: new_list(turns, size, plan.dtype), sizes),
        )
        first_turn = position.turn - turns
        # As forwards, in reverse: the rest one by one, then turns of 8 steps.
        for count, last in ((1, start + in_eights * STEPS), (STEPS, start)):
            behind = loop(
                lambda position, block: position.t > block.last,
                _turn(plan, count),
                behind,
                Block(last, first_turn, steps),
            )
        finished = map_tensors(
            lambda handle, size: joined(handle, size, plan.dtype),
            behind.finished,
            sizes,
        )
        d_z, d_weights = equations.gather(steps.h[rows], finished)
        d_x, d_kernel, d_bias = d_z, None, None
        if sequence.kernel is not None:
            d_kernel = tf.matmul(sequence.x[rows], d_z, transpose_a=True)
            d_bias = sum_of(d_z)
            d_x = tf.matmul(d_z, sequence.kernel, transpose_b=True)
        return BlockPosition(
            block=number,
            turn=behind.turn,
            errors=behind.errors,
            d_x=put(position.d_x, number, d_x),
            shared=map_tensors(
                lambda total, more: total + tf.cast(more, total.dtype),
                position.shared,
                Shared(d_kernel, d_bias, d_weights),
            ),
        )

    return body


def _turn(plan, count):
    """The body of the innermost loop: `count` steps, the last one first."""
    equations = plan.equations

    def body(position, block):
        steps, errors = block.steps, position.errors
        t, turn = position.t - count, position.turn - 1
        here = slice(t * steps.rows, (t + count) * steps.rows)
        before, after = _states(plan, steps, here, turn, count)
        factors, aside = equations.factors(
            before,
            after,
            _kept(plan, steps.lists.kept, turn),
            map_tensors(lambda counts: counts[here], steps.counts),
            map_tensors(lambda shown: shown[here], steps.d_shown),
        )
        factors = _by_step(factors, count)
        d_h = None if steps.d_h is None else slices(steps.d_h[here], count)
        emitted: list = []
        for number in reversed(range(count)):
            if d_h is not None:
                errors = errors._replace(h=errors.h + d_h[number])
            errors, of_step = equations.back(
                errors,
                factors[number],
                backward_products(steps.matrices, plan.rows),
            )
            emitted.insert(0, of_step)
        emitted = map_tensors(lambda *of_steps: stacked(of_steps), *emitted)
        finished = map_tensors(
            lambda handle, rows: put(handle, turn - block.first_turn, rows),
            position.finished,
            equations.finish(aside, emitted),
        )
        return Position(t, turn, errors, finished)

    return body


def _states(plan, steps, here, turn, count):
    """The states before the steps of a turn and behind them, as rows."""
    import tensorflow as tf

    def behind(handle):
        # Item 0 is the initial state, so this turn's number is one more.
        return get(handle, turn + 1, plan.units, plan.dtype)

    def before(handle, states):
        previous = get(handle, turn, plan.units, plan.dtype)
        previous = previous[tf.shape(previous)[0] - steps.rows :]
        if count == 1:
            return previous
        return tf.concat([previous, states[: (count - 1) * steps.rows]], axis=0)

    after = map_tensors(behind, steps.lists.states)
    previous = map_tensors(before, steps.lists.states, after)
    # h is one matrix, which the products with it need: rows of it, a step apart.
    next_h = slice(here.start + steps.rows, here.stop + steps.rows)
    return previous._replace(h=steps.h[here]), after._replace(h=steps.h[next_h])


def _kept(plan, lists, turn):
    """What the equations kept of the steps of a turn, as rows."""
    return map_tensors(
        lambda handle, size: get(handle, turn, size * plan.units, plan.dtype),
        lists,
        plan.equations.kept_sizes,
    )


def _by_step(structure, count):
    """From a structure of rows to a list of structures, one for each step."""
    tensors, packed = flattened(structure)
    by_tensor = [slices(tensor, count) for tensor in tensors]
    return [packed(of_step) for of_step in zip(*by_tensor, strict=True)]
