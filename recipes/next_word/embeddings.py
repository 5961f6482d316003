"""Embeddings of words, learned and one-hot: neighbours and pictures."""

from collections import Counter
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.text import TextPredictor

Words = list[tuple[int, str]]  # ids and words, the most frequent first

SIMILAR = 30  # words whose similarities are drawn
PROJECTED = 250  # words in the projection
CLUSTERS = 8
ASKED = 16  # words whose neighbours are listed
NEIGHBOURS = 6


def frequent_words(predictor: TextPredictor, train_ids: list[list[int]]) -> Words:
    """Words of two letters or more, the most frequent first.

    Args:
        predictor: `TextPredictor`.
        train_ids: The training texts as lists of ids.

    Returns:
        Pairs of id and word; of a vocabulary of subwords those that are one piece
        and begin a word.
    """
    counts = Counter(i for ids in train_ids for i in ids)
    ranked = [i for i, _ in counts.most_common()]
    names = predictor.vocabulary.pieces(ranked)
    return [
        (i, name)
        for i, name in zip(ranked, names, strict=True)
        if name.isalpha() and len(name) > 1
    ]


def cosines(matrix: np.ndarray) -> np.ndarray:
    """Cosine similarities of rows, once their mean is taken off: (N, N)."""
    centred = matrix - matrix.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(norms, 1e-12)
    return unit @ unit.T


def nearest_words(
    words: Words, matrix: np.ndarray
) -> list[tuple[str, list[tuple[str, float]]]]:
    """The nearest neighbours of some of the words.

    Args:
        words: Pairs of id and word, the most frequent first.
        matrix: Embeddings of all ids, (V, dim).

    Returns:
        List of pairs: a word, and its neighbours as (word, cosine), nearest first.
    """
    ids = [i for i, _ in words]
    similar = cosines(matrix[ids])
    np.fill_diagonal(similar, -np.inf)
    within = min(len(words), PROJECTED)
    asked = np.unique(np.linspace(0, within - 1, ASKED).astype(int))
    return [
        (
            words[i][1],
            [(words[j][1], float(similar[i, j])) for j in _nearest(similar[i])],
        )
        for i in asked.tolist()
    ]


def _nearest(row: np.ndarray) -> list[int]:
    found = np.argsort(-row, kind="stable")[:NEIGHBOURS]
    return [j for j in found if np.isfinite(row[j])]


def similarity_figure(words: Words, untrained: np.ndarray, matrix: np.ndarray) -> Any:
    """One-hot against embeddings, before training and after: similarities.

    Args:
        words: Pairs of id and word, the most frequent first.
        untrained: Embeddings that training started with, (V, dim).
        matrix: Those that it ended with.

    Returns:
        A matplotlib figure: three maps of cosines, words in one order.
    """
    plt = require("matplotlib.pyplot", "plots")
    hierarchy = require("scipy.cluster.hierarchy", "recipes")
    words = words[:SIMILAR]
    ids = [i for i, _ in words]
    learned = cosines(matrix[ids])
    order = np.arange(len(words))
    if len(words) > 2:
        order = hierarchy.leaves_list(hierarchy.linkage(learned, "average"))
    names = [words[i][1] for i in order]
    panels = {
        "one-hot: no two words are nearer than others": np.eye(len(words)),
        "embeddings before training": cosines(untrained[ids])[order][:, order],
        "learned embeddings": learned[order][:, order],
    }
    figure, axes = plt.subplots(1, 3, figsize=(15, 5.6), layout="constrained")
    for axis, (title, values) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set_title(title)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names, fontsize=7)
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.8)
    return figure


def projection_figure(words: Words, matrix: np.ndarray, seed: int) -> Any:
    """Learned embeddings of frequent words in the plane (t-SNE), by cluster.

    Args:
        words: Pairs of id and word, the most frequent first.
        matrix: Embeddings of all ids, (V, dim).
        seed: Seed of the projection.

    Returns:
        A matplotlib figure, or None for fewer than 10 words.
    """
    if len(words) < 10:
        return None
    plt = require("matplotlib.pyplot", "plots")
    manifold = require("sklearn.manifold", "recipes")
    hierarchy = require("scipy.cluster.hierarchy", "recipes")
    words = words[:PROJECTED]
    rows = matrix[[i for i, _ in words]]
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    groups = hierarchy.fcluster(
        hierarchy.linkage(rows, "ward"), CLUSTERS, criterion="maxclust"
    )
    places = manifold.TSNE(
        perplexity=min(15, (len(words) - 1) / 3),
        init="pca",
        method="exact",
        random_state=seed,
    ).fit_transform(rows)
    figure, axis = plt.subplots(figsize=(11, 9), layout="constrained")
    axis.scatter(*places.T, s=0)  # for the limits
    colours = plt.get_cmap("tab10")
    for (x, y), group, (_, word) in zip(places, groups, words, strict=True):
        axis.text(
            x,
            y,
            word,
            fontsize=8,
            ha="center",
            va="center",
            color=colours(group % 10),
            parse_math=False,
        )
    axis.set_axis_off()
    axis.set_title("learned embeddings of the most frequent words: t-SNE, clusters")
    return figure
