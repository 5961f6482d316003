"""Oracles of random splits: every way to split a word, with its probability."""

import itertools
from collections import Counter


def dropout_odds(word, pieces, dropout):
    """Provilkov et al. 2020, algorithm 1, followed through all its branches.

    `pieces` are in the order of merging. Neighbours may merge if together they
    are a piece.
    """
    rank = {piece: i for i, piece in enumerate(pieces)}
    odds = Counter()

    def follow(symbols, probability):
        pairs = sorted(
            (rank[a + b], i)
            for i, (a, b) in enumerate(itertools.pairwise(symbols))
            if a + b in rank
        )
        for _, i in pairs:
            merged = (*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :])
            follow(merged, probability * (1 - dropout))
            probability *= dropout
        odds[symbols] += probability  # all were dropped, or there was none

    follow(tuple(word), 1.0)
    return odds


def unigram_odds(word, log_probabilities, alpha):
    """Kudo 2018: all splits, with probabilities to the power of alpha."""

    def ways(rest):
        if not rest:
            yield (), 0.0
        for n in range(1, len(rest) + 1):
            if rest[:n] in log_probabilities:
                for pieces, total in ways(rest[n:]):
                    yield (rest[:n], *pieces), total + log_probabilities[rest[:n]]

    weights = {pieces: 2.718281828459045 ** (alpha * t) for pieces, t in ways(word)}
    return {pieces: w / sum(weights.values()) for pieces, w in weights.items()}
