"""The steps of one part of the batch, forwards, block by block."""

import functools
from typing import Any, NamedTuple

from keras_seq.ops._engine.products import forward_products
from keras_seq.ops._engine.tensorflow_cpu.graph_functions import GRAPHS, loop
from keras_seq.ops._engine.tensorflow_cpu.plan import Found, Lists
from keras_seq.ops._engine.tensorflow_cpu.rows import (
    STEPS,
    Sizes,
    flat,
    slices,
    stacked,
)
from keras_seq.ops._engine.tensorflow_cpu.tensor_lists import joined, new_list, put
from keras_seq.ops._masking import skipped
from keras_seq.ops._structures import map_tensors
from keras_seq.typing import Tensor


class Position(NamedTuple):
    """What the loops carry: where they are, and what there is so far."""

    t: Tensor  # the next step, of the sequence or of the block
    turn: Tensor  # how many the innermost loop has made in all blocks
    state: Any
    lists: Lists


class Sequence(NamedTuple):
    """What the loop over blocks reads."""

    rows: Tensor  # B
    length: Tensor  # T
    steps_in_block: Tensor
    x: Tensor  # (T · B, D)
    counts: Tensor | None  # (T · B, 1)
    shared: Any  # `Shared`


class Block(NamedTuple):
    """What the loop over the turns of a block reads."""

    rows: Tensor  # B
    length: Tensor  # steps in this block
    z: Tensor  # projected, (steps · B, packed)
    counts: Tensor | None
    weights: Any  # `equations.Weights`


@functools.lru_cache(maxsize=GRAPHS)
def part(plan):
    """The function that runs the steps of one part of the batch.

    Args:
        plan: A `Plan`.

    Returns:
        Function from `Forward` and `Shared` to `Found`.
    """
    import tensorflow as tf

    def run(given, shared):
        sizes = Sizes(given.x)
        behind = loop(
            lambda position, sequence: position.t < sequence.length,
            _block(plan),
            Position(
                t=tf.constant(0),
                turn=tf.constant(0),
                state=given.state,
                lists=_new_lists(plan, sizes, given.state),
            ),
            Sequence(
                rows=sizes.rows,
                length=sizes.length,
                steps_in_block=sizes.steps_in_block,
                x=flat(given.x),
                counts=map_tensors(flat, given.counts),
                shared=shared,
            ),
        )
        return _results(plan, sizes, behind)

    return run


def _block(plan):
    """The body of the loop over blocks."""
    import tensorflow as tf

    def body(position, sequence):
        end = tf.minimum(position.t + sequence.steps_in_block, sequence.length)
        here = slice(position.t * sequence.rows, end * sequence.rows)
        block = Block(
            rows=sequence.rows,
            length=end - position.t,
            z=_project(sequence.x[here], sequence.shared),
            counts=map_tensors(lambda counts: counts[here], sequence.counts),
            weights=sequence.shared.weights,
        )
        behind = position._replace(t=tf.constant(0))
        # Turns of 8 steps as long as there are so many, then the rest one by one.
        for count in (STEPS, 1):
            behind = loop(
                lambda position, block, count=count: position.t + count <= block.length,
                _turn(plan, count),
                behind,
                block,
            )
        return behind._replace(t=end)

    return body


def _project(x, shared):
    """Gives x W + b, of rows."""
    import tensorflow as tf

    if shared.kernel is None:
        return x
    z = tf.matmul(x, shared.kernel)
    return z if shared.bias is None else tf.nn.bias_add(z, shared.bias)


def _turn(plan, count):
    """The body of the innermost loop: `count` steps."""

    def body(position, block):
        t, turn, state = position.t, position.turn, position.state
        products = forward_products(block.weights)

        def taken(x):
            return slices(x[t * block.rows : (t + count) * block.rows], count)

        z = taken(block.z)
        counts = [None] * count if block.counts is None else taken(block.counts)
        steps = []
        for z_t, counts_t in zip(z, counts, strict=True):
            new, kept = plan.equations.step(z_t, state, products)
            state = skipped(counts_t, new, state)
            steps.append(plan.listed(state, kept))
        rows = map_tensors(lambda *steps: stacked(steps), *steps)
        lists = Lists(
            # The list of a state begins with the initial one.
            map_tensors(
                lambda handle, item: put(handle, turn + 1, item),
                position.lists.states,
                rows.states,
            ),
            map_tensors(
                lambda handle, item: put(handle, turn, item),
                position.lists.kept,
                rows.kept,
            ),
        )
        return Position(t + count, turn + 1, state, lists)

    return body


def _new_lists(plan, sizes, state):
    """Lists of what is listed, those of states with the initial state."""
    listed = plan.listed(state, plan.equations.kept_sizes)
    return Lists(
        map_tensors(
            lambda first: put(
                new_list(sizes.turns + 1, plan.units, plan.dtype), 0, first
            ),
            listed.states,
        ),
        map_tensors(
            lambda size: new_list(sizes.turns, size * plan.units, plan.dtype),
            listed.kept,
        ),
    )


def _results(plan, sizes, behind):
    import tensorflow as tf

    equations, lists = plan.equations, behind.lists

    def rows_of(handle, size=1):
        return joined(handle, size * plan.units, plan.dtype)

    def in_steps(rows):
        return tf.reshape(rows, [sizes.length, sizes.rows, rows.shape[-1]])

    others = lists.states._replace(h=None)
    shown = None
    if plan.wanted.shown:
        seen = equations.only_shown(lists.kept)
        shown = equations.shown(
            map_tensors(lambda handle: rows_of(handle)[sizes.rows :], others),
            map_tensors(rows_of, seen, equations.kept_sizes),
        )
    h = map_tensors(rows_of, lists.states.h)
    sequences = plan.wanted.sequences
    return Found(
        final=behind.state,
        h=h if sequences else None,
        shown=map_tensors(in_steps, shown),
        kept_h=h if plan.keep and not sequences else None,
        lists=Lists(others, lists.kept) if plan.keep else None,
    )
