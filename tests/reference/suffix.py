"""Attention to the longest repeat from its definition, step by step and k by k."""

import numpy as np


def suffix_attention(logits, tokens, strengths, memory, mask=None):
    """z' (B, T, V) and the weights (B, T, T), in float64."""
    found = np.array(logits, "float64")
    weights = np.zeros((*tokens.shape, tokens.shape[1]))
    for row in range(len(tokens)):
        steps = range(tokens.shape[1])
        places = [t for t in steps if mask is None or mask[row, t]]
        w = [tokens[row, t] for t in places]
        for t, place in enumerate(places):
            length, back = 0, 0
            for k in range(1, min(memory, t) + 1):
                agree = 0
                while (
                    agree < len(strengths)
                    and t - k - agree >= 0
                    and w[t - agree] == w[t - k - agree]
                ):
                    agree += 1
                if agree > length:
                    length, back = agree, k
            if length:
                found[row, place, w[t - back + 1]] += strengths[length - 1]
                weights[row, place, places[t - back + 1]] = 1
    return found, weights
