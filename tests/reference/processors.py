"""What processors make of the logits of one row, float64, from the equations."""

import numpy as np

from tests.reference.beam import log_softmax


def repetition(logits, before, theta):
    """`before`: the tokens that came before."""
    logits = np.array(logits, "float64")
    for token in set(before):
        value = logits[token]
        logits[token] = value / theta if value > 0 else value * theta
    return logits


def frequency(logits, before, alpha):
    counts = np.bincount(np.array(before, int), minlength=len(logits))
    return logits - alpha * counts


def presence(logits, before, alpha):
    counts = np.bincount(np.array(before, int), minlength=len(logits))
    return logits - alpha * np.minimum(counts, 1)


def min_p(logits, share):
    p = np.exp(log_softmax(logits))
    return np.where(p >= share * p.max(), logits, -np.inf)


def typical(logits, mass):
    log_p = log_softmax(logits)
    p = np.exp(log_p)
    entropy = -sum(q * np.log(q) for q in p if q > 0)
    distance = np.abs(entropy + log_p)
    left, held = [], 0.0
    for token in sorted(range(len(p)), key=lambda v: (distance[v], v)):
        if held < mass:
            left.append(token)
        held += p[token]
    return np.where(np.isin(np.arange(len(p)), left), logits, -np.inf)


def of_one_at_most(log_probs):
    """What a beam search ranks by, of ln p as processors leave them."""
    total = np.exp(log_probs[np.isfinite(log_probs)]).sum()
    return log_probs - np.log(max(total, 1.0))
