"""From pieces to words: steps of a model of subwords that end with a word."""

from typing import Any, Protocol

import numpy as np
from keras import ops

from keras_seq.text._character_classes import is_word
from keras_seq.text._sentencepiece import SPACE
from keras_seq.text.subwords import SubwordVocabulary
from keras_seq.text.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary
from keras_seq.typing import Nest, Tensor

PIECES = 16  # of a word, at most
HOTTEST = 1e4  # a temperature at which all is alike, but not what must never come
_NEVER = -1e9  # finite: of a row of -inf alone no logarithm can be taken
_APOSTROPHES = "'’"  # which words have inside


class StepModel(Protocol):
    """A model that can be stepped, such as `RecurrentLanguageModel`."""

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """From tokens (B,) and a state to logits (B, V) and the state after."""


class WordSteps:
    """Steps that write a number of whole words, for `keras_seq.decoding.generate`.

    With a vocabulary of words a step is a word. With one of subwords, a word begins
    with a piece that has a space before it, or that begins with a character of no
    word (no letter, digit or apostrophe), unless a space by itself comes before
    that. Where as many words are written as were asked for, the probability of all
    pieces that would begin another goes to the end mark, so that a row ends behind
    its last word, and ln p of the row, the end mark included, is that of these
    words. The first piece must begin a word: what was read is taken for whole
    words.

    Args:
        model: Model with `step(tokens, state) -> (logits, state)`.
        vocabulary: Its vocabulary.
    """

    def __init__(self, model: StepModel, vocabulary: Vocabulary) -> None:
        self.model = model
        never = np.zeros(len(vocabulary), "float32")
        never[[PADDING, START, UNKNOWN]] = _NEVER
        self._never = never
        self.in_pieces = isinstance(vocabulary, SubwordVocabulary)
        if isinstance(vocabulary, SubwordVocabulary):
            entries = vocabulary.entries
            unspelled = [""] * (len(vocabulary) - len(entries))  # marks and bytes
            pieces = [*unspelled, *entries]
            self._space = pieces.index(SPACE)
            self._spaced = np.array([piece[:1] == SPACE for piece in pieces])
            self._begins = np.array([_begins(piece) for piece in pieces])

    def begin(self, state: Nest, words: Tensor) -> dict[str, Nest]:
        """The state before the first step.

        Args:
            state: The model's, behind what was read but for its last token.
            words: int32 tensor (B,): how many words to write.
        """
        begun = {"model": state}
        if self.in_pieces:
            none = words < 0
            begun |= {"left": words, "first": ~none, "behind_space": none}
        return begun

    def step(
        self, tokens: Tensor, state: dict[str, Nest]
    ) -> tuple[Tensor, dict[str, Nest]]:
        """The step function."""
        logits, after = self.model.step(tokens, state["model"])
        logits = ops.cast(logits, "float32") + self._never
        if not self.in_pieces:
            return logits, {"model": after}
        first = state["first"]
        begun = ops.take(ops.convert_to_tensor(self._begins), tokens)
        begun = begun & ~first & ~state["behind_space"]
        left = state["left"] - ops.cast(begun, "int32")
        behind_space = ops.equal(tokens, self._space) & ~first
        return self._whole_words(logits, left, first, behind_space), {
            "model": after,
            "left": left,
            "first": first & ~first,
            "behind_space": behind_space,
        }

    def longest(self, words: Tensor) -> Tensor:
        """Tokens that so many words may have: long ones are not many in a row."""
        if not self.in_pieces:
            return words
        return ops.minimum(PIECES * words, 4 * words + PIECES)

    def count(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """How many words were begun in what was written, (B, L): int32 (B,)."""
        place = ops.arange(ops.shape(tokens)[1], dtype="int32")
        begun = place < ops.expand_dims(lengths, -1)
        if self.in_pieces:
            begins = ops.take(ops.convert_to_tensor(self._begins), tokens)
            space = ops.pad(tokens, ((0, 0), (1, 0)))[:, :-1] == self._space
            begun = begun & begins & ~space
        return ops.sum(ops.cast(begun, "int32"), axis=1)

    def _whole_words(
        self, logits: Tensor, left: Tensor, first: Tensor, behind_space: Tensor
    ) -> Tensor:
        ends = np.arange(len(self._begins)) == END
        begins = self._begins
        others = ops.where(begins | ends, logits, _NEVER)
        total = ops.logsumexp(others, axis=-1, keepdims=True)
        closed = ops.where(ends, total, ops.where(begins, _NEVER, logits))
        found = ops.where((left <= 0)[:, None], closed, logits)
        found = ops.where(first[:, None], others, found)
        inside = ops.where(self._spaced | ends, _NEVER, logits)
        return ops.where(behind_space[:, None], inside, found)


def _begins(piece: str) -> bool:
    first = piece[:1]
    return first == SPACE or bool(
        first and first not in _APOSTROPHES and not is_word(first)
    )
