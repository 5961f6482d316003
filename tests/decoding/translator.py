"""A small model with a memory: in NumPy a row at a time, and as a step function."""

import numpy as np
from keras import ops


class Translator:
    """A recurrent decoder that attends to a memory; random weights.

    Args:
        vocabulary: V.
        lengths: Of the memories, padded to the longest: (B,).
        seed: Of the weights.
    """

    def __init__(self, vocabulary, lengths, seed=0, units=4, end=0, end_bias=0.0):
        rng = np.random.default_rng(seed)
        self.lengths = lengths

        def weights(*shape, scale=1.0):
            return rng.normal(0, scale, shape).astype("float32")

        self.embedding = weights(vocabulary, units)
        self.recurrent = weights(units, units)
        self.query = weights(units, units, scale=2.0)
        self.output = weights(2 * units, vocabulary, scale=1.5)
        self.bias = weights(vocabulary, scale=0.5)
        self.bias[end] += end_bias
        self.memory = weights(len(lengths), max(lengths), units)
        self.mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        self.memory[~self.mask] = 99.0
        self.state = weights(len(lengths), units)
        self.constants = {"memory": self.memory, "mask": self.mask, "none": None}

    def row_step(self, row):
        """Function `(token, state) -> (logits, state, attention)` of one row."""
        memory = self.memory[row, : self.lengths[row]].astype("float64")

        def step(token, state):
            state = np.tanh(self.embedding[token] + state @ self.recurrent)
            energies = memory @ (state @ self.query)
            weights = np.exp(energies - energies.max())
            weights /= weights.sum()
            features = np.concatenate([state, weights @ memory])
            attention = np.zeros(self.memory.shape[1])
            attention[: len(weights)] = weights
            return features @ self.output + self.bias, state, attention

        return step

    def step(self, tokens, state, constants):
        """The step function for `generate`, which keeps the attention."""
        memory = ops.where(constants["mask"][..., None], constants["memory"], 0.0)
        state = ops.tanh(
            ops.take(self.embedding, tokens, axis=0) + ops.matmul(state, self.recurrent)
        )
        query = ops.matmul(state, self.query)
        energies = ops.sum(memory * ops.expand_dims(query, 1), axis=-1)
        energies = ops.where(constants["mask"], energies, -1e9)
        weights = ops.softmax(energies, axis=-1)
        context = ops.sum(ops.expand_dims(weights, -1) * memory, axis=1)
        features = ops.concatenate([state, context], axis=-1)
        logits = ops.matmul(features, self.output) + self.bias
        return logits, state, {"attention": weights, "read": tokens}
