"""Beam search and its scores in plain Python, one row at a time, float64.

Written from the equations: nothing is stopped early, every hypothesis is a list.
"""

import dataclasses
import itertools

import numpy as np

COVERAGE_FLOOR = 1e-6


def log_softmax(logits):
    shifted = logits - np.max(logits)
    return shifted - np.log(np.exp(shifted).sum())


@dataclasses.dataclass
class Hypothesis:
    """Tokens, with what the model said of each."""

    ids: tuple = ()
    log_probs: tuple = ()
    attention: tuple = ()
    cut: int = 0  # tokens of the end; 0 where it goes on
    state: object = None
    ranks: tuple = ()  # what it is ranked by: ln p, or what processors make of it

    @property
    def finished(self):
        return self.cut > 0

    @property
    def log_prob(self):
        return sum(self.ranks)

    def score(self, alpha=0.0, beta=0.0, mask=None):
        score = self.log_prob / ((5 + len(self.ids)) / 6) ** alpha
        if beta:
            coverage = np.sum(self.attention, axis=0)
            mask = np.ones(len(coverage), bool) if mask is None else mask
            terms = np.log(np.clip(coverage, COVERAGE_FLOOR, 1))
            score += beta * terms[mask].sum()
        return score


def extended(hypothesis, step, start, end, allowed=None, process=None):
    """The hypothesis with every token behind it that is possible.

    `end` is a token, or a function from ids to how many of them are their end.
    """
    last = hypothesis.ids[-1] if hypothesis.ids else start
    logits, state, attention = step(last, hypothesis.state)
    log_probs = log_softmax(np.asarray(logits, "float64"))
    ranks = log_probs
    if allowed is not None:
        possible = [allowed(hypothesis.ids, token) for token in range(len(ranks))]
        ranks = np.where(possible, ranks, -np.inf)
    if process is not None:
        ranks = process(hypothesis.ids, ranks)
    for token, (log_prob, rank) in enumerate(zip(log_probs, ranks, strict=True)):
        if not np.isfinite(rank):
            continue
        ids = (*hypothesis.ids, token)
        yield Hypothesis(
            ids,
            (*hypothesis.log_probs, log_prob),
            (*hypothesis.attention, attention),
            end(ids) if callable(end) else int(token == end),
            state,
            (*hypothesis.ranks, rank),
        )


def ranked(hypotheses, score):
    """Finished ones first, each kind best first."""
    return sorted(hypotheses, key=lambda h: (not h.finished, -score(h)))


def exhaustive(step, state, start, length, end, score, allowed=None):
    """All hypotheses there are of at most `length` tokens."""
    live, finished = [Hypothesis(state=state)], []
    for _ in range(length):
        longer = itertools.chain.from_iterable(
            extended(h, step, start, end, allowed) for h in live
        )
        live = []
        for hypothesis in longer:
            (finished if hypothesis.finished else live).append(hypothesis)
    return ranked(finished + live, score)


def beam(step, state, start, length, width, end, score, allowed=None, process=None):
    """The n-best list of a beam search that never stops before `length`."""
    live, finished = [Hypothesis(state=state)], []
    for _ in range(length):
        longer = itertools.chain.from_iterable(
            extended(h, step, start, end, allowed, process) for h in live
        )
        longer = sorted(longer, key=lambda h: -h.log_prob)
        finished += [h for h in longer[:width] if h.finished]
        finished = ranked(finished, score)[:width]
        live = [h for h in longer if not h.finished][:width]
    return ranked(finished + live, score)[:width]


def diverse(
    step,
    state,
    start,
    length,
    width,
    end,
    score,
    groups,
    diversity,
    allowed=None,
    process=None,
):
    """Groups that search one after the other at each step, and count each other."""
    each = width // groups
    live = [[Hypothesis(state=state)] for _ in range(groups)]
    finished = [[] for _ in range(groups)]
    for _ in range(length):
        chosen = []
        for g in range(groups):
            longer = itertools.chain.from_iterable(
                extended(h, step, start, end, allowed, process) for h in live[g]
            )
            longer = sorted(
                longer,
                key=lambda h: diversity * chosen.count(h.ids[-1]) - h.log_prob,
            )
            finished[g] += [h for h in longer[:each] if h.finished]
            finished[g] = ranked(finished[g], score)[:each]
            live[g] = [h for h in longer if not h.finished][:each]
            chosen += [h.ids[-1] for h in live[g]]
    found = [ranked(finished[g] + live[g], score)[:each] for g in range(groups)]
    return ranked(itertools.chain.from_iterable(found), score)
