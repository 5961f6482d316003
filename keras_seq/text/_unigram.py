"""Unigram segmentation of words: the pieces whose probabilities multiply highest."""

import math
import random

import numpy as np

from keras_seq.typing import Tensor

_UNKNOWN_PENALTY = 10.0  # SentencePiece's, below the least likely piece
_STRIDE = 0x110000


class UnigramSplitter:
    """Splits words into the likeliest pieces, as SentencePiece does.

    The probability of a split is the product of those of its pieces. Among
    equals the one with the longer last piece wins.

    A character that is no piece has the id n + its code point, where n is the
    number of ids.

    Args:
        ids: Id of each piece: a dict.
        scores: ln p of each piece: a dict.
        size: n, above the id of every piece.
    """

    def __init__(
        self, ids: dict[str, int], scores: dict[str, float], size: int
    ) -> None:
        self._ids = ids
        self._scores = scores
        self._size = size
        self._longest = max(map(len, ids), default=1)
        self._unknown = min(scores.values(), default=0.0) - _UNKNOWN_PENALTY

    def split(
        self,
        word: str,
        *,
        chance: random.Random | None = None,
        alpha: float | None = None,
    ) -> list[int]:
        """Ids of a word's pieces.

        Args:
            word: String.
            chance: `random.Random`, with `alpha`.
            alpha: If not None, the split is drawn: its probability is
                proportional to that of its pieces to the power of `alpha`.

        Returns:
            List of integers.
        """
        # For every end in the word: the sum up to there, and the last pieces.
        sums = [0.0]
        ways: list[list[tuple[float, int, int]]] = [[]]
        for end in range(1, len(word) + 1):
            here = self._ending(word, end)
            scale = 1.0 if alpha is None else alpha
            totals = [sums[end - length] + scale * score for score, length, _ in here]
            best = max(totals)
            if alpha is None:
                ways.append([(best, *here[totals.index(best)][1:])])
                sums.append(best)
            else:
                odds = [math.exp(total - best) for total in totals]
                ways.append([(o, *way[1:]) for o, way in zip(odds, here, strict=True)])
                sums.append(best + math.log(sum(odds)))
        pieces = []
        end = len(word)
        while end:
            options = ways[end]
            if chance is not None and len(options) > 1:
                options = chance.choices(options, [way[0] for way in options])
            _, length, piece = options[0]
            pieces.append(piece)
            end -= length
        return pieces[::-1]

    def _ending(self, word: str, end: int) -> list[tuple[float, int, int]]:
        """Score, length and id of each piece that ends there, longest first."""
        found = []
        for length in range(min(self._longest, end), 0, -1):
            piece = word[end - length : end]
            if piece in self._ids:
                found.append((self._scores[piece], length, self._ids[piece]))
        if not found or found[-1][1] > 1:
            found.append((self._unknown, 1, self._size + ord(word[end - 1])))
        return found

    def split_tensor(self, code_points: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Ids of the pieces of many words at once, inside the graph.

        Args:
            code_points: int32 tensor of shape (M,), M > 0: words end to end.
            words: int32 tensor of shape (M,): 0 for those of the first word, 1
                for those of the second, and so on.

        Returns:
            The ids and the word of each: two int32 tensors of shape (P,).
        """
        import tensorflow as tf

        keys, nodes, node_ids, node_scores = map(tf.constant, self._trie())
        spelled = tf.RaggedTensor.from_value_rowids(code_points, words)
        lengths = tf.cast(spelled.row_lengths(), "int32")
        spelled = tf.transpose(spelled.to_tensor(-1))
        longest, count = tf.unstack(tf.shape(spelled))
        minus_infinity = tf.constant(-math.inf, tf.float64)

        def read(
            t: Tensor, states: Tensor, sums: Tensor, ids: Tensor, sizes: Tensor
        ) -> tuple[Tensor, ...]:
            # Column j of `states` and `sums`: pieces that began K - 1 - j before t.
            character = spelled[t]
            states = tf.concat([states[:, 1:], tf.zeros([count, 1], tf.int64)], 1)
            key = states * _STRIDE + tf.cast(character, "int64")[:, None]
            places = tf.searchsorted(keys, tf.reshape(key, [-1]))
            places = tf.reshape(places, tf.shape(key))
            follows = (tf.gather(keys, places) == key) & (states >= 0)
            states = tf.where(follows, tf.gather(nodes, places), -1)
            node = tf.maximum(states, 0)
            scores = tf.where(states < 0, minus_infinity, tf.gather(node_scores, node))
            known = scores[:, -1:] > minus_infinity
            scores = tf.concat(
                [scores[:, :-1], tf.where(known, scores[:, -1:], self._unknown)], 1
            )
            totals = sums + scores
            best = tf.argmax(totals, 1, tf.int32)
            at = tf.stack([tf.range(count), best], 1)
            chosen = tf.gather(node_ids, tf.gather_nd(node, at))
            single = (best == self._longest - 1) & ~known[:, 0]
            ids = ids.write(t, tf.where(single, self._size + character, chosen))
            sizes = sizes.write(t, self._longest - best)
            sums = tf.concat([sums[:, 1:], tf.gather_nd(totals, at)[:, None]], 1)
            return t + 1, states, sums, ids, sizes

        def array() -> Tensor:
            return tf.TensorArray(tf.int32, size=longest, element_shape=[None])

        start = tf.fill([count, self._longest], minus_infinity)
        *_, ids, sizes = tf.while_loop(
            lambda t, *_: t < longest,
            read,
            (
                0,
                tf.fill([count, self._longest], tf.constant(-1, tf.int64)),
                tf.concat([start[:, 1:], tf.zeros([count, 1], tf.float64)], 1),
                array(),
                array(),
            ),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None, self._longest]),
                tf.TensorShape([None, self._longest]),
                None,
                None,
            ),
        )
        sizes = sizes.stack()

        def go_back(t: Tensor, end: Tensor, ends: Tensor) -> tuple[Tensor, ...]:
            here = end == t
            ends = ends.write(t - 1, tf.cast(here, "int32"))
            return t - 1, tf.where(here, end - sizes[t - 1], end), ends

        *_, ends = tf.while_loop(
            lambda t, *_: t > 0, go_back, (longest, lengths, array())
        )
        chosen = tf.transpose(ends.stack()) > 0
        word = tf.broadcast_to(tf.range(count)[:, None], [count, longest])
        return (
            tf.boolean_mask(tf.transpose(ids.stack()), chosen),
            tf.boolean_mask(word, chosen),
        )

    def _trie(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The beginnings of pieces as nodes, 0 the empty one.

        Returns:
            Sorted keys (node, code point), the nodes they lead to, and for each
            node its piece's id and score. One key more stands for none.
        """
        beginnings = sorted(
            {piece[:n] for piece in self._ids for n in range(len(piece) + 1)} | {""}
        )
        number = {beginning: i for i, beginning in enumerate(beginnings)}
        edges = sorted(
            (number[b[:-1]] * _STRIDE + ord(b[-1]), number[b]) for b in beginnings[1:]
        )
        edges.append((len(beginnings) * _STRIDE, -1))
        keys, nodes = (list(column) for column in zip(*edges, strict=True))
        return (
            np.array(keys, np.int64),
            np.array(nodes, np.int64),
            np.array([self._ids.get(b, 0) for b in beginnings], np.int32),
            np.array([self._scores.get(b, -math.inf) for b in beginnings]),
        )
