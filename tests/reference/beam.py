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
    finished: bool = False
    state: object = None

    @property
    def log_prob(self):
        return sum(self.log_probs)

    def score(self, alpha=0.0, beta=0.0, mask=None):
        score = self.log_prob / ((5 + len(self.ids)) / 6) ** alpha
        if beta:
            coverage = np.sum(self.attention, axis=0)
            mask = np.ones(len(coverage), bool) if mask is None else mask
            terms = np.log(np.clip(coverage, COVERAGE_FLOOR, 1))
            score += beta * terms[mask].sum()
        return score


def extended(hypothesis, step, start, end, allowed=None):
    """The hypothesis with every token behind it that is possible."""
    last = hypothesis.ids[-1] if hypothesis.ids else start
    logits, state, attention = step(last, hypothesis.state)
    log_probs = log_softmax(np.asarray(logits, "float64"))
    for token, log_prob in enumerate(log_probs):
        if not np.isfinite(log_prob):
            continue
        if allowed is not None and not allowed(hypothesis.ids, token):
            continue
        yield Hypothesis(
            (*hypothesis.ids, token),
            (*hypothesis.log_probs, log_prob),
            (*hypothesis.attention, attention),
            token == end,
            state,
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


def beam(step, state, start, length, width, end, score, allowed=None):
    """The n-best list of a beam search that never stops before `length`."""
    live, finished = [Hypothesis(state=state)], []
    for _ in range(length):
        longer = itertools.chain.from_iterable(
            extended(h, step, start, end, allowed) for h in live
        )
        longer = sorted(longer, key=lambda h: -h.log_prob)
        finished += [h for h in longer[:width] if h.finished]
        finished = ranked(finished, score)[:width]
        live = [h for h in longer if not h.finished][:width]
    return ranked(finished + live, score)[:width]
