"""Diverse beam search: groups of hypotheses that choose in turn.

A group is a search of its own: what is (B, W) elsewhere is (B·G, W/G) here.
"""

import copy

from keras import ops, tree

from keras_seq.decoding._hypotheses import NONE, Candidates, Live, Search
from keras_seq.decoding._picking import pick, take
from keras_seq.decoding._stepping import Fields
from keras_seq.typing import Tensor


def choose_in_turn(
    search: Search, live: Live, ranks: Tensor, t: Tensor, own: Tensor | None
) -> tuple[Candidates, Candidates]:
    """The candidates, and those of them that go on.

    Args:
        search: The search.
        live: The hypotheses that are made longer.
        ranks: What the tokens are picked by, (B·W, V).
        t: The step.
        own: ln p of the tokens, likewise, where that is something else.
    """
    if search.groups == 1:
        candidates = search.candidates(live, ranks, t, own)
        return candidates, search.survivors(candidates)
    one = _search_of_one(search)
    counts = ops.zeros((one.batch, ranks.shape[-1]), "float32")
    chosen = []
    for group in range(search.groups):
        mine = live._replace(
            log_probs=_part(search, group, live.log_probs, 1),
            recent=tree.map_structure(
                lambda x, group=group: _part(search, group, x, search.width),
                live.recent,
            ),
        )
        plain = _part(search, group, ranks, search.width)
        against = ops.repeat(search.delta * counts, search.width, axis=0)
        candidates = one.candidates(mine, plain - against, t, plain)
        log_probs = pick(mine.log_probs, candidates.parents) + candidates.own
        log_probs = ops.where(candidates.scores > NONE, log_probs, NONE)
        candidates = candidates._replace(log_probs=log_probs)
        if own is not None:
            own_of_group = _part(search, group, own, search.width)
            candidates = candidates._replace(own=_own(one, candidates, own_of_group))
        survivors = one.survivors(candidates)
        chosen.append((candidates, survivors))
        counts = counts + _counts(survivors, ranks.shape[-1])

    def together(*parts: Tensor) -> Tensor:
        stacked = ops.stack(parts, axis=1)
        return ops.reshape(stacked, (search.batch, parts[0].shape[-1]))

    candidates, survivors = (
        Candidates(*(together(*fields) for fields in zip(*kind, strict=True)))
        for kind in zip(*chosen, strict=True)
    )
    return candidates, survivors


def _search_of_one(search: Search) -> Search:
    """The search of one group, whose rows are B."""
    one = copy.copy(search)
    one.groups = 1
    one.batch = search.batch // search.groups
    one.row_width = search.row_width[:: search.groups]
    return one


def _part(search: Search, group: int, values: Tensor, each: int) -> Tensor:
    """The group's part of (B·G·each, ...): (B·each, ...)."""
    batch, rest = search.batch // search.groups, ops.shape(values)[1:]
    parts = ops.reshape(values, (batch, search.groups, each, *rest))
    return ops.reshape(parts[:, group], (batch * each, *rest))


def _own(one: Search, candidates: Candidates, log_probs: Tensor) -> Tensor:
    """What the candidates' tokens have in (B·W, V)."""
    row = ops.expand_dims(ops.arange(one.batch, dtype="int32"), -1) * one.width
    places = (row + candidates.parents) * log_probs.shape[-1] + candidates.tokens
    return take(ops.reshape(log_probs, (-1,)), places)


def _counts(survivors: Candidates, vocabulary_size: int) -> Tensor:
    """How many of the hypotheses there are have each token, (B, V)."""
    vocabulary = ops.arange(vocabulary_size, dtype="int32")
    same = ops.expand_dims(survivors.tokens, -1) == vocabulary
    there = ops.expand_dims(survivors.log_probs > NONE, -1)
    return ops.sum(ops.cast(ops.logical_and(same, there), "float32"), axis=1)


def in_one_order(fields: Fields, groups: int) -> Fields:
    """What was found by groups, (B·G, W/G, ...), as (B, W, ...): the best first."""
    _, lengths, _, finished, _, scores, _ = fields
    width = groups * scores.shape[1]

    def of_rows(values: Tensor) -> Tensor:
        return ops.reshape(values, (-1, width, *ops.shape(values)[2:]))

    scores, finished = of_rows(scores), of_rows(finished)
    order = ops.argsort(-scores, axis=-1)
    unfinished = ops.cast(ops.logical_not(pick(finished, order)), "int32")
    order = pick(order, ops.argsort(unfinished, axis=-1))
    rows = ops.expand_dims(ops.arange(ops.shape(order)[0], dtype="int32"), -1) * width
    rows = rows + ops.cast(order, "int32")

    def put_in_order(values: Tensor) -> Tensor:
        shape = ops.shape(values)
        flat = ops.reshape(values, (shape[0] * shape[1], *shape[2:]))
        return take(flat, rows)

    ids, lengths, log_probs, finished, kept, scores, reasons = fields
    if kept is not None:
        kept = tree.map_structure(put_in_order, kept)
    ids, lengths, log_probs, finished, scores, reasons = map(
        put_in_order, (ids, lengths, log_probs, finished, scores, reasons)
    )
    return ids, lengths, log_probs, finished, kept, scores, reasons
