"""Training of a linear model with clipped gradients, from the equations."""

import numpy as np


def clipped(gradients, clip, limit):
    """What clipping makes of a list of gradients, and whether it changes them."""
    if clip == "clipnorm":
        lengths = [np.linalg.norm(g) for g in gradients]
        after = [g * min(1, limit / n) for g, n in zip(gradients, lengths, strict=True)]
        return after, any(n > limit for n in lengths)
    if clip == "global_clipnorm":
        length = norm(gradients)
        return [g * min(1, limit / length) for g in gradients], length > limit
    if clip == "clipvalue":
        after = [np.clip(g, -limit, limit) for g in gradients]
        return after, any((np.abs(g) > limit).any() for g in gradients)
    return gradients, False


def norm(gradients):
    return np.sqrt(sum(np.sum(g**2) for g in gradients))


def linear_gradients(x, y, kernel, bias):
    """Of the mean of (x W + b - y)², to W and b."""
    slope = 2 * (x @ kernel + bias - y) / y.size
    return [x.T @ slope, slope.sum(axis=0)]


def train_linear(
    x, y, kernel, bias, *, rate, batch, epochs, clip=None, limit=None, accumulate=1
):
    """Trains with gradient descent: what is logged an epoch, and the weights."""
    weights = [np.asarray(w, "float64") for w in (kernel, bias)]
    logs, gathered, waiting = [], [0, 0], 0
    for _ in range(epochs):
        norms, factors = [], []
        for first in range(0, len(x), batch):
            rows = slice(first, first + batch)
            gradients = linear_gradients(x[rows], y[rows], *weights)
            gathered = [a + g for a, g in zip(gathered, gradients, strict=True)]
            waiting += 1
            if waiting < accumulate:
                continue
            mean = [g / accumulate for g in gathered]
            gathered, waiting = [0, 0], 0
            after, changed = clipped(mean, clip, limit)
            norms.append(norm(mean))
            if changed:
                factors.append(norm(after) / norm(mean))
            weights = [w - rate * g for w, g in zip(weights, after, strict=True)]
        logs.append(
            {
                "clipping_steps": len(norms),
                "clipping_share": len(factors) / len(norms),
                "clipping_factor": np.mean(factors) if factors else 1,
                "clipping_norm": np.mean(norms),
                "clipping_largest_norm": max(norms),
                "clipping_not_finite": 0,
            }
        )
    return logs, weights
