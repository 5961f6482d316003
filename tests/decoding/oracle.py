"""Decoding in plain Python and float64 NumPy, one row at a time."""

import numpy as np

from tests.reference import lstm as reference

WORD = 2**32


def threefry(key, counter):
    """Threefry-2x32-20 as its paper writes it, on Python's integers."""
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    schedule = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x = [(counter[i] + schedule[i]) % WORD for i in range(2)]
    for i in range(20):
        distance = rotations[i % 8]
        x[0] = (x[0] + x[1]) % WORD
        x[1] = (x[1] << distance | x[1] >> 32 - distance) % WORD ^ x[0]
        if i % 4 == 3:
            injection = i // 4 + 1
            x[0] = (x[0] + schedule[injection % 3]) % WORD
            x[1] = (x[1] + schedule[(injection + 1) % 3] + injection) % WORD
    return tuple(x)


def uniform(key, step):
    """The number in [0, 1) that a row with this key draws at this step."""
    return (threefry(key, (step, 0))[0] >> 8) / 2**24


def softmax(logits):
    weights = np.exp(logits - np.max(logits))
    return weights / weights.sum()


def candidates(logits, temperature=1.0, top_k=None, top_p=None):
    """Tokens that can be drawn, in the order of the draw, and their weights."""
    p = softmax(np.asarray(logits, "float64") / temperature)
    if top_k is None and top_p is None:
        return list(range(len(p))), list(p)
    ranked = sorted(range(len(p)), key=lambda token: (-p[token], token))
    ranked = ranked if top_k is None else ranked[:top_k]
    if top_p is not None:
        goal = top_p * sum(p[token] for token in ranked)
        held, n = 0.0, 0
        while n < len(ranked) and (n == 0 or held < goal):
            held += p[ranked[n]]
            n += 1
        ranked = ranked[:n]
    return ranked, [p[token] for token in ranked]


def sample(logits, number, **options):
    """Draws with the number from [0, 1) that is given."""
    tokens, weights = candidates(logits, **options)
    threshold = number * sum(weights)
    held = 0.0
    for token, weight in zip(tokens, weights, strict=True):
        held += weight
        if held > threshold:
            return token
    raise AssertionError("the weights add up to less than they do")


class LanguageModel:
    """Embedding, two LSTM layers, logits; random weights, far from uniform."""

    def __init__(self, vocabulary=11, features=5, units=6, seed=0):
        rng = np.random.default_rng(seed)
        self.vocabulary = vocabulary
        self.units = units
        self.embedding = rng.normal(size=(vocabulary, features)).astype("float32")
        self.lstm = [
            [
                rng.normal(0, 0.8, shape).astype("float32")
                for shape in ((size, 4 * units), (units, 4 * units), (4 * units,))
            ]
            for size in (features, units)
        ]
        self.dense = [
            rng.normal(0, 2, shape).astype("float32")
            for shape in ((units, vocabulary), (vocabulary,))
        ]

    def logits(self, ids, mask=None):
        """(B, T, V) in float64, the whole sequence at once."""
        x = self.embedding[np.asarray(ids)].astype("float64")
        zeros = np.zeros((len(x), self.units))
        for weights in self.lstm:
            x = reference.lstm(x, zeros, zeros, *weights, mask=mask)["h"]
        kernel, bias = (weights.astype("float64") for weights in self.dense)
        return x @ kernel + bias

    def generate(self, prompt, length, choose, end_token=None):
        """Reads the growing sequence again for every token.

        Args:
            prompt: Token ids.
            length: Tokens at most.
            choose: Function from the step and the logits (V,) to a token.
            end_token: As for `keras_seq.decoding.generate`.

        Returns:
            Tokens, padded to `length`, how many count, and the logarithms of
            their probabilities.
        """
        tokens, log_probs = [], []
        while len(tokens) < length and (not tokens or tokens[-1] != end_token):
            logits = self.logits([[*prompt, *tokens]])[0, -1]
            token = int(choose(len(tokens), logits))
            log_probs.append(np.log(softmax(logits))[token])
            tokens.append(token)
        counted = len(tokens) - (tokens[-1] == end_token)
        missing = length - len(tokens)
        tokens += [0 if end_token is None else end_token] * missing
        return tokens, counted, log_probs + [0.0] * missing
