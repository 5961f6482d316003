"""Contrastive search as equation 5 of Su et al. (2022) says, one row at a time."""

import numpy as np


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def search(step, state, token, length, *, k, alpha, end=(), past=(), window=None):
    """Gives the tokens, ln p of each, and what the step keeps behind each before.

    Args:
        step: Function `(token, state) -> (logits (V,), state, kept)`, whose state is
            the hidden state (D,).
        state: The state before the first token.
        token: The first token that is read.
        length: Tokens at most.
        k: How many of the likeliest are looked at.
        alpha: The degeneration penalty.
        end: Tokens that end it.
        past: Hidden states of tokens before the first.
        window: How many of the last hidden states count, or None for all.
    """
    logits, state, kept = step(token, state)
    seen, tokens, log_probs, keeps = [state], [], [], []
    while len(tokens) < length and not (tokens and tokens[-1] in end):
        log_p = logits - logits.max()
        log_p = log_p - np.log(np.exp(log_p).sum())
        likeliest = sorted(range(len(log_p)), key=lambda v: (-log_p[v], v))[:k]
        count = seen if window is None else seen[-window:]
        scores = {}
        for v in likeliest:
            if log_p[v] == -np.inf:
                continue
            _, h, _ = step(v, state)
            nearest = max(cosine(h, other) for other in [*past, *count])
            scores[v] = (1 - alpha) * np.exp(log_p[v]) - alpha * nearest
        best = max(scores, key=scores.get)
        tokens.append(best)
        log_probs.append(log_p[best])
        keeps.append(kept)
        logits, state, kept = step(best, state)
        seen.append(state)
    return tokens, log_probs, keeps
