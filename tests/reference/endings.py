"""One row written token by token, float64: what ends it, and where.

Written from the definitions; stop sequences are compared as lists.
"""

import numpy as np

from tests.reference.beam import log_softmax


def cut(ids, ends, stops, least):
    """How many of the last ids are the row's end: 0 where it goes on."""
    ids = list(ids)
    if ids[-1] in ends:
        return 1
    lengths = [
        len(stop)
        for stop in stops
        if ids[-len(stop) :] == list(stop) and len(ids) - len(stop) >= least
    ]
    return max(lengths, default=0)


def write(
    step,
    state,
    start,
    length,
    choose,
    *,
    ends=(),
    stops=(),
    least=0,
    allowed=lambda ids, token: True,
    process=lambda ids, logits: logits,
):
    """Writes a row.

    Args:
        step: Function `(token, state) -> (logits, state, attention)`.
        choose: Function from the step and the logits to a token.
        allowed: Function `(ids, token) -> bool`.
        process: Function `(ids, logits) -> logits`.

    Returns:
        Ids, how many of them are the end, their ln p, and why it stopped.
    """
    ids, log_probs, ended = [], [], 0
    while len(ids) < length and not ended:
        logits, state, _ = step(ids[-1] if ids else start, state)
        possible = [
            allowed(ids, token) and not (token in ends and len(ids) < least)
            for token in range(len(logits))
        ]
        left = process(ids, np.where(possible, logits, -np.inf))
        if np.all(np.isneginf(left)):
            return ids, 0, log_probs, "DEAD_END"
        token = int(choose(len(ids), left))
        log_probs.append(log_softmax(logits)[token])
        ids.append(token)
        ended = cut(ids, ends, stops, least)
    if not ended:
        return ids, 0, log_probs, "LENGTH"
    reason = "END_TOKEN" if ids[-1] in ends else "STOP_SEQUENCE"
    return ids, ended, log_probs, reason
