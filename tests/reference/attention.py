"""Attention and the decoder that attends, in NumPy, from the equations alone.

One row, one query, one source position at a time, in float64. Nothing is shared
with the package.
"""

import dataclasses

import numpy as np

from tests.reference import gru, lstm, simple_rnn


def softmax(energies, mask=None):
    """Weights of one row of energies (S,)."""
    counts = _counts(energies, mask)
    weights = np.zeros(len(energies))
    for s in counts:
        weights[s] = 1 / sum(np.exp(energies[r] - energies[s]) for r in counts)
    return weights


def sparsemax(energies, mask=None):
    """The same, with the threshold found by bisection."""
    counts = _counts(energies, mask)
    weights = np.zeros(len(energies))
    if not counts:
        return weights
    highest = max(energies[s] for s in counts)
    low, high = highest - 1, highest
    for _ in range(100):
        threshold = (low + high) / 2
        total = sum(max(energies[s] - threshold, 0) for s in counts)
        low, high = (threshold, high) if total > 1 else (low, threshold)
    for s in counts:
        weights[s] = max(energies[s] - low, 0)
    return weights


def monotonic_paths(choices):
    """Expected weights of all steps, as a sum over all ways of reading.

    Args:
        choices: Probability of stopping, (T, S), 0 where masked.

    Returns:
        Weights (T, S).
    """
    steps, source = choices.shape
    weights = np.zeros((steps, source))

    def walk(t, start, probability):
        if t == steps:
            return
        for s in range(start, source):
            stops = probability * choices[t, s]
            weights[t, s] += stops
            walk(t + 1, s, stops)
            probability *= 1 - choices[t, s]

    walk(0, 0, 1.0)
    return weights


def hard_monotonic_paths(choices):
    """The one way of reading that stops at p > 1/2: weights (T, S)."""
    weights = np.zeros(choices.shape)
    position = 0
    for t, choice in enumerate(choices):
        while position < len(choice) and choice[position] <= 0.5:
            position += 1
        if position < len(choice):
            weights[t, position] = 1
    return weights


@dataclasses.dataclass
class Mechanism:
    """One of the attention layers.

    Attributes:
        score: "additive", "dot", "general" or "concat".
        weights: Dict of arrays by the names that the layers' docstrings give them.
        probability: "softmax" or "sparsemax", or "expected" or "hard" for
            monotonic attention.
        location: None, "previous" or "cumulative".
        scale: A number by which energies are multiplied.
        energy_bias: A number added to the energies.
    """

    score: str
    weights: dict
    probability: str = "softmax"
    location: str | None = None
    scale: float = 1.0
    energy_bias: float = 0.0

    def energy(self, query, position, seen, s):
        """e of one query and one position of the memory.

        Args:
            query: (D,).
            position: (E,), the memory at s.
            seen: (S,), the weights of the steps before, or their sum.
            s: Its place.
        """
        w = self.weights
        if self.score == "dot":
            e = query @ position
        elif self.score == "general":
            e = query @ (position @ w["kernel"])
        elif self.score == "concat":
            both = np.concatenate([query, position])
            e = w["energy_kernel"] @ np.tanh(both @ w["kernel"])
        else:
            z = query @ w["query_kernel"] + position @ w["memory_kernel"]
            z = z + w.get("bias", 0)
            if self.location:
                z = z + self._features(seen, s) @ w["location_kernel"]
            v = w["energy_kernel"]
            if "energy_gain" in w:
                v = w["energy_gain"] * v / np.sqrt((v**2).sum())
            e = v @ np.tanh(z)
        return e * self.scale + self.energy_bias

    def _features(self, seen, s):
        filters = self.weights["filters"]
        size = len(filters)
        features = np.zeros(filters.shape[-1])
        for k in range(size):
            place = s + k - size // 2
            if 0 <= place < len(seen):
                features += filters[k, 0] * seen[place]
        return features


class Reader:
    """One row of a memory that is attended to, query after query."""

    def __init__(self, mechanism, memory, mask=None):
        self.mechanism = mechanism
        self.memory = np.asarray(memory, "float64")
        self.mask = np.ones(len(memory), bool) if mask is None else mask
        self.seen = np.zeros(len(memory))
        self.choices = []

    def attend(self, query, factors=None):
        """The context (E,) and the weights (S,) of a query (D,)."""
        m = self.mechanism
        energies = [
            m.energy(query, position, self.seen, s) if self.mask[s] else None
            for s, position in enumerate(self.memory)
        ]
        weights = self._align(energies)
        self.seen = self.seen + weights if m.location == "cumulative" else weights
        used = weights if factors is None else weights * factors
        context = np.zeros(self.memory.shape[1])
        for s in range(len(self.memory)):
            if self.mask[s]:
                context += used[s] * self.memory[s]
        return context, weights

    def _align(self, energies):
        probability = self.mechanism.probability
        if probability in ("softmax", "sparsemax"):
            return globals()[probability](energies, self.mask)
        self.choices.append([0.0 if e is None else _sigmoid(e) for e in energies])
        read = monotonic_paths if probability == "expected" else hard_monotonic_paths
        return read(np.array(self.choices))[-1]


def attend(mechanism, queries, memory, mask=None, factors=None):
    """Contexts (B, T, E) and weights (B, T, S) of queries (B, T, D)."""
    rows, steps, _ = queries.shape
    contexts = np.zeros((rows, steps, memory.shape[2]))
    weights = np.zeros((rows, steps, memory.shape[1]))
    for b in range(rows):
        reader = Reader(mechanism, memory[b], None if mask is None else mask[b])
        for t in range(steps):
            numbers = None if factors is None else factors[t, b]
            contexts[b, t], weights[b, t] = reader.attend(queries[b, t], numbers)
    return contexts, weights


@dataclasses.dataclass
class Cell:
    """A cell: its kind, and its weights as the oracle of the recurrence has them."""

    kind: str
    weights: dict
    recurrent_activation: object = lstm.sigmoid

    def step(self, x, state):
        """One step of one row: the new state, h first."""
        given = {"x": x[None, None], **self.weights}
        names = ("h_0", "c_0")[: len(state)]
        given.update({n: s[None] for n, s in zip(names, state, strict=True)})
        if self.kind == "lstm":
            found = lstm.lstm(**given)
        elif self.kind == "simple_rnn":
            found = simple_rnn.simple_rnn(**given)
        else:
            found = gru.gru(**given, reset_after=self.kind == "gru")
        return [value[0] for value in found["state"]]


def decode(
    inputs,
    cells,
    states,
    mechanisms,
    memories,
    masks,
    *,
    attend,
    input_feeding=True,
    output_kernel=None,
    factors=None,
):
    """The decoder over a batch.

    Args:
        inputs: (B, T, D).
        cells: List of `Cell`.
        states: List with the states of each cell, (B, units) each.
        mechanisms, memories, masks: Lists, one for each memory.
        attend: "before" or "after".
        output_kernel: (units + E, output_units), or None.
        factors: Dropout's factors on the weights of the one memory, (T, B, S).

    Returns:
        A dict of "outputs" (B, T, ·); "weights", a list of (B, T, S); "contexts"
        (B, T, ΣE); and "state", a list of lists of (B, units).
    """
    results = []
    for b in range(len(inputs)):
        readers = [
            Reader(mechanism, memory[b], None if mask is None else mask[b])
            for mechanism, memory, mask in zip(mechanisms, memories, masks, strict=True)
        ]
        results.append(
            _decode_row(
                inputs[b],
                cells,
                [[state[b] for state in one] for one in states],
                readers,
                attend,
                input_feeding,
                output_kernel,
                None if factors is None else factors[:, b],
            )
        )
    outputs, weights, contexts, final = zip(*results, strict=True)
    return {
        "outputs": np.stack(outputs),
        "weights": [np.stack(one) for one in zip(*weights, strict=True)],
        "contexts": np.stack(contexts),
        "state": [
            [np.stack(rows) for rows in zip(*one, strict=True)]
            for one in zip(*final, strict=True)
        ],
    }


def _decode_row(
    inputs, cells, states, readers, order, input_feeding, output_kernel, factors
):
    context_size = sum(reader.memory.shape[1] for reader in readers)
    units = len(states[-1][0])
    size = units + context_size
    if output_kernel is not None:
        size = output_kernel.shape[1]
    fed = np.zeros(size)
    outputs, contexts = [], []
    weights = [[] for _ in readers]

    def look(query, t):
        found = []
        for reader, kept in zip(readers, weights, strict=True):
            numbers = None if factors is None else factors[t]
            context, a = reader.attend(query, numbers)
            kept.append(a)
            found.append(context)
        return np.concatenate(found)

    for t, x in enumerate(np.asarray(inputs, "float64")):
        if order == "before":
            context = look(states[-1][0], t)
            x = np.concatenate([x, context]) if input_feeding else x
        elif input_feeding:
            x = np.concatenate([x, fed])
        for number, cell in enumerate(cells):
            states[number] = cell.step(x, states[number])
            x = states[number][0]
        if order == "after":
            context = look(x, t)
        output = np.concatenate([x, context])
        if output_kernel is not None:
            output = np.tanh(output @ output_kernel)
        fed = output
        outputs.append(output)
        contexts.append(context)
    return np.array(outputs), [np.array(a) for a in weights], np.array(contexts), states


def _counts(energies, mask):
    return [s for s in range(len(energies)) if mask is None or mask[s]]


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))
