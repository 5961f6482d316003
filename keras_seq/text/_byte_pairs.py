"""Byte-pair encoding of words: neighbours are merged, the best pair first."""

import heapq
import random

from keras_seq.typing import Tensor

_ABOVE_CODE_POINTS = 0x110000
_NONE = 2**31 - 1


class BytePairSplitter:
    """Splits words into pieces by merging neighbours, as SentencePiece does.

    Of all neighbours that together are a piece, those are merged whose piece
    has the smallest id, of equals the leftmost, until there are none.

    A character that is no piece has the id n + its code point, where n is the
    number of ids.

    Args:
        ids: Id of each piece, the pieces of one character among them: a dict.
        size: n, above the id of every piece.
    """

    def __init__(self, ids: dict[str, int], size: int) -> None:
        self._size = size
        self._characters = {ord(piece): i for piece, i in ids.items() if len(piece) < 2}
        self._pairs = {
            (ids[piece[:cut]], ids[piece[cut:]]): i
            for piece, i in ids.items()
            for cut in range(1, len(piece))
            if piece[:cut] in ids and piece[cut:] in ids
        }

    def split(
        self,
        word: str,
        *,
        chance: random.Random | None = None,
        dropout: float = 0.0,
    ) -> list[int]:
        """Ids of a word's pieces.

        With `dropout`, BPE-dropout: at every step each pair is left out with
        that probability, and the best of the others is merged.

        Args:
            word: String.
            chance: `random.Random` for the dropout.
            dropout: Probability in [0, 1].

        Returns:
            List of integers.
        """
        symbols = [
            self._characters.get(c, self._size + c) for c in (ord(c) for c in word)
        ]
        following = [*range(1, len(symbols)), -1]
        before = list(range(-1, len(symbols) - 1))
        pairs: list[tuple[int, int, int, int]] = []

        def consider(i: int) -> None:
            j = following[i]
            if j >= 0 and (merged := self._pairs.get((symbols[i], symbols[j]))):
                heapq.heappush(pairs, (merged, i, symbols[i], symbols[j]))

        for i in range(len(symbols)):
            consider(i)
        dropped = []
        while pairs:
            pair = heapq.heappop(pairs)
            merged, i, left, right = pair
            j = following[i]
            if j < 0 or (symbols[i], symbols[j]) != (left, right):
                continue  # one of them was merged with its other neighbour
            if dropout and chance is not None and chance.random() < dropout:
                dropped.append(pair)
                continue
            symbols[i], symbols[j] = merged, -1
            following[i], following[j] = following[j], -1
            if following[i] >= 0:
                before[following[i]] = i
            if before[i] >= 0:
                consider(before[i])
            consider(i)
            for pair in dropped:
                heapq.heappush(pairs, pair)
            dropped.clear()
        return [symbol for symbol in symbols if symbol >= 0]

    def split_tensor(self, code_points: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Ids of the pieces of many words at once, inside the graph.

        One pair of every word is merged in each step of a loop. No pair lies
        across two words, because a word begins with a mark that pieces have
        nowhere else.

        Args:
            code_points: int32 tensor of shape (M,), M > 0: words end to end.
            words: int32 tensor of shape (M,): 0 for those of the first word, 1
                for those of the second, and so on.

        Returns:
            The ids and the word of each: two int32 tensors of shape (P,).
        """
        import tensorflow as tf

        known, numbers = zip(*sorted(self._characters.items()), strict=True)
        places = tf.searchsorted([*known, _ABOVE_CODE_POINTS], code_points)
        found = tf.gather([*known, _ABOVE_CODE_POINTS], places) == code_points
        symbols = tf.where(
            found, tf.gather([*numbers, 0], places), self._size + code_points
        )

        stride = self._size + _ABOVE_CODE_POINTS
        pairs = {a * stride + b: i for (a, b), i in self._pairs.items()}
        keys = tf.constant([*sorted(pairs), stride * stride], tf.int64)
        merged = tf.constant([*(pairs[k] for k in sorted(pairs)), 0], tf.int32)

        def merges(symbols: Tensor) -> Tensor:
            left = tf.cast(symbols[:-1], "int64")
            key = left * stride + tf.cast(symbols[1:], "int64")
            places = tf.searchsorted(keys, key)
            fits = tf.gather(keys, places) == key
            return tf.pad(
                tf.where(fits, tf.gather(merged, places), _NONE),
                [[0, 1]],
                constant_values=_NONE,
            )

        def merge(
            symbols: Tensor, words: Tensor, result: Tensor
        ) -> tuple[Tensor, Tensor, Tensor]:
            count = tf.size(symbols, tf.int64)
            order = tf.cast(result, "int64") * count + tf.range(count)
            first = tf.math.segment_min(order, words)
            first = tf.boolean_mask(first, first < count * _NONE) % count
            symbols = tf.tensor_scatter_nd_update(
                symbols, first[:, None], tf.gather(result, first)
            )
            left = tf.scatter_nd(
                first[:, None] + 1, tf.ones_like(first, "int32"), [count]
            )
            symbols = tf.boolean_mask(symbols, left == 0)
            words = tf.boolean_mask(words, left == 0)
            return symbols, words, merges(symbols)

        symbols, words, _ = tf.while_loop(
            lambda symbols, words, result: tf.reduce_any(result < _NONE),
            merge,
            (symbols, words, merges(symbols)),
            shape_invariants=(tf.TensorShape([None]),) * 3,
        )
        return symbols, words
