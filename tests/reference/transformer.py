"""A transformer in float64 NumPy, a head and a position at a time.

Written from the equations of Vaswani et al. (2017) and, for `norm_first`, Xiong
et al. (2020). Weights come as one flat list, in the order that the layers'
docstrings give.
"""

import numpy as np


def relu(z):
    return np.maximum(z, 0.0)


def normalise(x, gain, shift, epsilon):
    mean, variance = x.mean(), ((x - x.mean()) ** 2).mean()
    return gain * (x - mean) / np.sqrt(variance + epsilon) + shift


def softmax(energies):
    weights = np.exp(energies - energies.max())
    return weights / weights.sum()


def attention(queries, keys, values, num_heads, allowed):
    """Attends for one row.

    Args:
        queries: Shape (T, D).
        keys: Shape (S, D).
        values: Shape (S, D).
        num_heads: H.
        allowed: Shape (T, S).

    Returns:
        Contexts (T, D), and weights (H, T, S).
    """
    size = queries.shape[1] // num_heads
    contexts = np.zeros(queries.shape)
    weights = np.zeros((num_heads, len(queries), len(keys)))
    for h in range(num_heads):
        part = slice(h * size, (h + 1) * size)
        for t in range(len(queries)):
            seen = [s for s in range(len(keys)) if allowed[t, s]]
            if not seen:
                continue
            energies = [queries[t, part] @ keys[s, part] / size**0.5 for s in seen]
            weights[h, t, seen] = softmax(np.array(energies))
            for s in seen:
                contexts[t, part] += weights[h, t, s] * values[s, part]
    return contexts, weights


class _Stack:
    """One row of a batch through all layers."""

    def __init__(self, weights, norm_first, epsilon, num_heads, activation):
        self.weights = [np.asarray(w, "float64") for w in weights]
        self.norm_first = norm_first
        self.epsilon = epsilon
        self.num_heads = num_heads
        self.activation = activation

    def take(self, count):
        taken, self.weights = self.weights[:count], self.weights[count:]
        return taken

    def residual(self, x, gain, shift, function):
        def norm(rows):
            return np.stack([normalise(r, gain, shift, self.epsilon) for r in rows])

        return x + function(norm(x)) if self.norm_first else norm(x + function(x))

    def self_attention(self, x, allowed, shown):
        gain, shift, kernel, bias, out, out_bias = self.take(6)

        def function(x):
            q, k, v = np.split(x @ kernel + bias, 3, axis=1)
            context, weights = attention(q, k, v, self.num_heads, allowed)
            shown.append(weights)
            return context @ out + out_bias

        return self.residual(x, gain, shift, function)

    def cross_attention(self, x, keys, values, allowed, shown):
        gain, shift, kernel, bias, out, out_bias = self.take(6)

        def function(x):
            q = x @ kernel + bias
            context, weights = attention(q, keys, values, self.num_heads, allowed)
            shown.append(weights)
            return context @ out + out_bias

        return self.residual(x, gain, shift, function)

    def feed_forward(self, x):
        gain, shift, inner, inner_bias, outer, outer_bias = self.take(6)

        def function(x):
            return self.activation(x @ inner + inner_bias) @ outer + outer_bias

        return self.residual(x, gain, shift, function)

    def last_norm(self, x):
        if not self.norm_first:
            return x
        gain, shift = self.take(2)
        return np.stack([normalise(r, gain, shift, self.epsilon) for r in x])


def run(
    x,
    weights,
    *,
    num_layers,
    num_heads,
    norm_first=True,
    mask=None,
    causal=False,
    memory=None,
    memory_mask=None,
    epsilon=1e-5,
    activation=relu,
):
    """Gives outputs (B, T, D) and lists of weights, by self- and cross-attention.

    Masked steps of the inputs are taken as zeros.
    """
    x = np.asarray(x, "float64")
    batch, steps, features = x.shape
    mask = np.ones((batch, steps), bool) if mask is None else mask
    x = np.where(mask[..., None], x, 0.0)
    outputs, own, crossed = [], [], []
    for row in range(batch):
        stack = _Stack(weights, norm_first, epsilon, num_heads, activation)
        if memory is not None:
            *_, memory_kernel, memory_bias = stack.weights
            stack.weights = stack.weights[:-2]
            source = memory.shape[1]
            here = np.ones(source, bool) if memory_mask is None else memory_mask[row]
            kept = np.where(here[:, None], memory[row], 0.0).astype("float64")
            projected = kept @ memory_kernel + memory_bias
        allowed = np.tile(mask[row], (steps, 1))
        if causal:
            allowed &= np.tril(np.ones((steps, steps), bool))
        y, seen, looked = x[row], [], []
        for layer in range(num_layers):
            y = stack.self_attention(y, allowed, seen)
            if memory is not None:
                start = 2 * layer * features
                keys = projected[:, start : start + features]
                values = projected[:, start + features : start + 2 * features]
                present = np.tile(here, (steps, 1))
                y = stack.cross_attention(y, keys, values, present, looked)
            y = stack.feed_forward(y)
        outputs.append(stack.last_norm(y))
        assert stack.weights == []
        own.append(seen)
        crossed.append(looked)
    return (
        np.stack(outputs),
        [np.stack(layer) for layer in zip(*own, strict=True)],
        [np.stack(layer) for layer in zip(*crossed, strict=True)],
    )


def positional_encoding(positions, features, max_wavelength=10000):
    """PE of each position, by the definition: shape (..., D)."""
    positions = np.asarray(positions)
    result = np.zeros((*positions.shape, features))
    for index in np.ndindex(positions.shape):
        for i in range(features):
            angle = positions[index] / max_wavelength ** (2 * (i // 2) / features)
            result[(*index, i)] = np.sin(angle) if i % 2 == 0 else np.cos(angle)
    return result
