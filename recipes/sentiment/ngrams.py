"""What n-grams say of the texts, beside the LSTMs."""

from typing import Any, NamedTuple

import numpy as np

from keras_seq.runs import Progress
from keras_seq.text import NgramHasher
from recipes.sentiment.naive_bayes import fit_table
from recipes.sentiment.pieces import Pieces
from recipes.sentiment.reading import hasher_for, ngram_matrix, orders_for


class Ngrams(NamedTuple):
    """The n-grams of a level, "words" or "characters".

    Attributes:
        hasher: What finds them.
        table: What each adds to the logits, shape (buckets, labels).
        bias: Shape (labels,).
        held_out: Each text's logits by a table of other texts, shape (texts, labels).
    """

    hasher: NgramHasher
    table: np.ndarray
    bias: np.ndarray
    held_out: np.ndarray


def fit_ngrams(pieces: Pieces, verbose: str | int) -> dict[str, Ngrams]:
    """Tables of all texts, each level's, and what they say where they are held out."""
    found: dict[str, Ngrams] = {}
    for level, orders in orders_for(pieces.texts).items():
        hasher = hasher_for(level, orders, pieces.texts)
        counting, fitting = (
            Progress(f"{work} n-grams of {level}") if verbose else None
            for work in ("counting", "fitting")
        )
        matrix = ngram_matrix(hasher, pieces.texts, counting)
        found[level] = _fit_level(hasher, matrix, pieces, fitting)
    return found


def _fit_level(
    hasher: NgramHasher, matrix: Any, pieces: Pieces, progress: Progress | None
) -> Ngrams:
    level, labels, count = hasher.level, pieces.labels, len(pieces.names)
    members = pieces.plan.members
    logits = np.zeros((len(labels), count), "float32")
    for fold in range(members):
        out = pieces.folds == fold
        table, bias = fit_table(
            level, matrix[~out], labels[~out], count, pieces.weights_of(~out)
        )
        logits[out] = matrix[out] @ table + bias
        if progress:
            progress(fold + 1, members + 1)
    table, bias = fit_table(
        level, matrix, labels, count, pieces.weights_of(slice(None))
    )
    if progress:
        progress(members + 1, members + 1)
    return Ngrams(hasher, table, bias, logits)
