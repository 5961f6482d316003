"""Suffix arrays: all suffixes of a text in alphabetical order."""

import numpy as np


def suffix_array(text: str) -> np.ndarray:
    """The start positions of the suffixes of `text`, sorted by suffix.

    Prefix doubling (Manber and Myers, "Suffix arrays: a new method for
    on-line string searches", 1993): suffixes sorted by their first k
    characters give, through the ranks k further on, the order by 2k. Only
    suffixes that still share a rank are sorted again.

    Args:
        text: The text, n characters.

    Returns:
        (n,) int64 array.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    n = len(codes)
    if n == 0:
        return np.zeros(0, np.int64)
    _, ranks = np.unique(codes, return_inverse=True)
    ranks = ranks.astype(np.int64).reshape(-1)
    order = np.argsort(ranks, kind="stable")
    ranks = _group_starts(ranks[order])[np.argsort(order, kind="stable")]
    length = 1
    tied = np.arange(n)
    while True:
        # `tied` are the places in `order` whose group has several members.
        tied = tied[_shared(ranks[order[tied]])]
        if len(tied) == 0:
            return order
        suffixes = order[tied]
        behind = suffixes + length
        # A suffix that ends here comes before all that go on.
        second = np.where(behind < n, ranks[np.minimum(behind, n - 1)], -1)
        key = ranks[suffixes] * (n + 1) + second + 1
        by_key = np.argsort(key, kind="stable")
        suffixes = suffixes[by_key]
        order[tied] = suffixes
        # Groups keep their places, so a new rank is the first place again.
        ranks[suffixes] = tied[_group_starts(key[by_key])]
        length *= 2


def _group_starts(values: np.ndarray) -> np.ndarray:
    """For sorted values, the index where each value's run begins."""
    index = np.arange(len(values))
    begins = np.concatenate([[True], values[1:] != values[:-1]])
    return np.maximum.accumulate(np.where(begins, index, 0))


def _shared(values: np.ndarray) -> np.ndarray:
    """For sorted values, whether each one equals a neighbour."""
    equal = values[1:] == values[:-1]
    return np.concatenate([equal, [False]]) | np.concatenate([[False], equal])
