"""Text as words: to ids and back, in Python and inside the graph."""

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from keras_seq.text._autograph import unconverted
from keras_seq.text._character_classes import (
    change,
    change_tensor,
    graph_class,
    is_blank,
    is_mark,
    is_spaced,
    is_unspaced,
    python_class,
)
from keras_seq.text.vocabulary import (
    UNKNOWN,
    Strings,
    Vocabulary,
    as_batch,
    encodable,
)
from keras_seq.typing import ArrayLike, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

_FIRST_WORD = UNKNOWN + 1
_BUCKETS = 2**62
_TOKEN = "[0-9]+(?:[.,:][0-9]+)+|[{unspaced}][{mark}]*|"
_TOKEN += "[{word}]+(?:['’][{word}]+)*|[^{blank}]"
_AT_ONCE = 2**20  # characters
_SPACE = re.compile(r"\s")
_CLASSES: dict[str, Callable[[str], bool]] = {
    "unspaced": is_unspaced,
    "mark": is_mark,
    "word": is_spaced,
    "blank": is_blank,
}
# What is written without a space before it, and what without one after it.
_NO_SPACE_BEFORE = frozenset(".,;:!?…)]}%°-/、。，．！？：；）」』")
_NO_SPACE_AFTER = frozenset("([{¿¡$#@-/（「『")
_NO_SPACE_EAST = frozenset("、。，．！？：；）」』…—")


class WordVocabulary(Vocabulary):
    r"""Numbers the words of a text.

    A word is a run of letters, marks, digits, "_" and joiners, with apostrophes
    inside ("don't"); numbers hold points, commas and colons ("3.14"). Any other
    character is a word by itself, white space and control characters separate.
    Of scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Khmer,
    Burmese) each letter, with its marks, is a word by itself.

    0 to 3 are the marks, the words follow. Decoding writes spaces between
    words, except where punctuation needs none, so it gives a readable text, not
    always the one that was encoded.

    Args:
        words: The words, each once, in the order of their ids.
        lowercase: Whether texts are put into lower case, each character by
            itself.

    Raises:
        ValueError: If a word comes twice, or would not be found in a text: it
            has a space in it, say, or an upper-case letter with `lowercase`.

    Example:

    >>> texts = ["Don't worry, be happy!", "Be quick!"]
    >>> vocabulary = WordVocabulary.fit(texts, lowercase=True)
    >>> vocabulary.words[:3]
    ['!', 'be', ',']
    >>> ids = vocabulary.encode("Don't be sad!")
    >>> ids
    [7, 5, 3, 4]
    >>> vocabulary.decode(ids)
    "don't be �!"
    """

    def __init__(self, words: Iterable[str], *, lowercase: bool = False) -> None:
        self.words: list[str] = list(words)
        self.lowercase: bool = bool(lowercase)
        for word in self.words:
            if not isinstance(word, str) or self._split(word) != [word]:
                raise ValueError(
                    "`words` must be single words as a text is split into them; "
                    f"received {word!r} among them."
                )
        self._ids = {word: _FIRST_WORD + i for i, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            twice = [word for word, n in Counter(self.words).items() if n > 1]
            raise ValueError(f"`words` must differ; {twice[0]!r} comes twice.")
        self._strings = ["", "", "", "\ufffd", *self.words]

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        size: int | None = None,
        min_count: int = 1,
        lowercase: bool = False,
    ) -> "Self":
        """Makes the vocabulary of the words in `texts`, the most frequent first.

        Args:
            texts: Strings, of the training split alone.
            size: Ids at most, the four marks included; None for any number.
            min_count: Rarer words are left out and count as unknown, so that a
                model learns what an unknown word is.
            lowercase: Whether texts are put into lower case.

        Returns:
            A `WordVocabulary`.

        Raises:
            ValueError: If `size` is less than 4 or `min_count` less than 1.
        """
        if size is not None and size < _FIRST_WORD:
            raise ValueError(
                f"`size` must be None or at least {_FIRST_WORD}; received {size!r}."
            )
        if min_count < 1:
            raise ValueError(f"`min_count` must be at least 1; received {min_count!r}.")
        empty = cls([], lowercase=lowercase)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(empty._split(text))
        words = sorted(
            (word for word, count in counts.items() if count >= min_count),
            key=lambda word: (-counts[word], word),
        )
        kept = None if size is None else size - _FIRST_WORD
        return cls(words[:kept], lowercase=lowercase)

    def __len__(self) -> int:
        """Number of ids, the four marks included."""
        return _FIRST_WORD + len(self.words)

    def encode(self, text: str) -> list[int]:
        """Ids of the words of `text`, without marks: a list of integers."""
        return [self._ids.get(word, UNKNOWN) for word in self._split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`; marks give nothing, unknown gives U+FFFD.

        Raises:
            ValueError: If there is no such id.
        """
        parts: list[str] = []
        previous = ""
        for i in self._known(ids):
            if i < UNKNOWN:
                continue
            word = self._strings[i]
            if parts and not (
                previous in _NO_SPACE_AFTER
                or word in _NO_SPACE_BEFORE
                or (_is_unspaced(word) and _ends_unspaced(previous))
            ):
                parts.append(" ")
            parts.append(word)
            previous = word
        return "".join(parts)

    @unconverted
    def encode_tensor(self, texts: Strings) -> tuple[Tensor, Tensor]:
        """Ids of a batch of strings, inside the graph.

        Args:
            texts: String tensor of shape (B,), UTF-8; what isn't valid UTF-8
                becomes U+FFFD.

        Returns:
            int32 tensor of shape (B, T), padded on the right with 0, and the
            lengths, int32, shape (B,).

        Raises:
            ValueError: If `texts` has another number of dimensions.
        """
        import tensorflow as tf

        words = self._split_tensor(texts)
        # Words are found by their hashes, then compared: no table to be kept.
        with tf.init_scope():
            hashes = tf.strings.to_hash_bucket_fast(
                tf.constant(self.words, tf.string), _BUCKETS
            ).numpy()
        order = hashes.argsort()
        known = tf.constant([*hashes[order], _BUCKETS], tf.int64)
        names = tf.constant([*(self.words[i] for i in order), ""])
        numbers = tf.constant([*(order + _FIRST_WORD), UNKNOWN], tf.int32)
        places = tf.searchsorted(
            known, tf.strings.to_hash_bucket_fast(words.flat_values, _BUCKETS)
        )
        found = tf.gather(names, places) == words.flat_values
        ids = tf.where(found, tf.gather(numbers, places), UNKNOWN)
        ids = words.with_values(ids)
        return ids.to_tensor(0), tf.cast(ids.row_lengths(), "int32")

    def decode_tensor(self, ids: ArrayLike, lengths: ArrayLike) -> Tensor:
        """Strings of a batch of ids, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T).
            lengths: int32 tensor of shape (B,): how many ids of a row count.

        Returns:
            String tensor of shape (B,), UTF-8.
        """
        import tensorflow as tf

        tokens = tf.convert_to_tensor(ids)
        shape = tf.shape(tokens)
        counts = tf.sequence_mask(lengths, shape[1]) & (tokens >= UNKNOWN)
        kept = tf.boolean_mask(tokens, counts)
        rows = tf.boolean_mask(
            tf.broadcast_to(tf.range(shape[0])[:, None], shape), counts
        )
        opens = tf.constant([word in _NO_SPACE_AFTER for word in self._strings])
        closes = tf.constant([word in _NO_SPACE_BEFORE for word in self._strings])
        unspaced = tf.constant([_is_unspaced(word) for word in self._strings])
        ends_so = tf.constant([_ends_unspaced(word) for word in self._strings])
        spaced = (
            (rows[1:] == rows[:-1])
            & ~tf.gather(opens, kept[:-1])
            & ~tf.gather(closes, kept[1:])
            & ~(tf.gather(unspaced, kept[1:]) & tf.gather(ends_so, kept[:-1]))
        )
        words = tf.gather(tf.constant(self._strings), kept)
        words = tf.concat([words[:1], tf.where(spaced, " ", "") + words[1:]], 0)
        return tf.strings.unsorted_segment_join(words, rows, shape[0])

    def _names(self) -> list[str]:
        return self._strings

    def _arguments(self) -> dict[str, Any]:
        return {"words": self.words, "lowercase": self.lowercase}

    def _split(self, text: str) -> list[str]:
        return split_words(text, lowercase=self.lowercase)

    def _split_tensor(self, texts: Strings) -> Tensor:
        return split_words_tensor(texts, lowercase=self.lowercase)


def _is_unspaced(word: str) -> bool:
    return word != "" and is_unspaced(word[0])


def _ends_unspaced(word: str) -> bool:
    """Whether no space follows if a letter of a script without spaces does."""
    return word in _NO_SPACE_EAST or _is_unspaced(word)


def count_words(text: str) -> int:
    """How many words a text has, roughly: what is between white space, and each letter
    of a script that is written without.

    Args:
        text: String.

    Example:

    >>> count_words("Don't pay $3.50!"), count_words("我 3 岁了, OK?")
    (3, 5)
    """
    count = 0
    for some in _slices(text):
        rest, letters = _without_unspaced(some)
        words = rest.split()
        count += letters + sum(map(_has_word, words)) if letters else len(words)
    return count


def _without_unspaced(text: str) -> tuple[str, int]:
    """A text with spaces for the letters of scripts without, and how many these are."""
    with contextlib.suppress(UnicodeEncodeError):
        text.encode("latin-1")  # far faster than the expression, and has none
        return text, 0
    return _unspaced().subn(" ", text)


def _slices(text: str) -> Iterator[str]:
    """A text in slices of whole words: the words of a long one take much memory."""
    start = 0
    while start < len(text):
        end = start + _AT_ONCE
        match = _SPACE.search(text, end) if end < len(text) else None
        end = match.start() if match else len(text)
        yield text[start:end]
        start = end


def _has_word(part: str) -> bool:
    """Whether it is more than punctuation, or marks of the letters before it."""
    return any(map(str.isalnum, part))


def is_mostly_unspaced(text: str) -> bool:
    """Whether most words of a text, as `count_words` has them, are single letters of
    scripts without spaces.

    Args:
        text: String.

    Example:

    >>> is_mostly_unspaced("他 2019 年买了 iPhone。")
    True
    >>> is_mostly_unspaced("a 字 is a sign")
    False
    """
    letters = _without_unspaced(text)[1]
    return letters > 0 and 2 * letters > count_words(text)


def split_words(text: str, *, lowercase: bool = False) -> list[str]:
    """The words of a text, as `WordVocabulary` finds them: a list of strings.

    Args:
        text: String.
        lowercase: Whether the text is put into lower case first, each character by
            itself.

    Example:

    >>> split_words("Don't pay $3.50!")
    ["Don't", 'pay', '$', '3.50', '!']
    """
    text = encodable(text)
    if lowercase:
        text = change(text, str.lower)
    return _tokens().findall(text)


def split_words_tensor(texts: Strings, *, lowercase: bool = False) -> Tensor:
    """What `split_words` does, inside the graph.

    Args:
        texts: String tensor of shape (B,), UTF-8; what isn't valid UTF-8 becomes
            U+FFFD.
        lowercase: Whether the texts are put into lower case first.

    Returns:
        Ragged string tensor of shape (B, None).

    Raises:
        ValueError: If `texts` has another number of dimensions.

    Example:

    >>> split_words_tensor(["Be quick!", ""]).to_list()
    [[b'Be', b'quick', b'!'], []]
    """
    import tensorflow as tf

    valid = tf.strings.unicode_transcode(
        as_batch(texts), "UTF-8", "UTF-8", errors="replace"
    )
    if lowercase:
        valid = change_tensor(valid, str.lower)
    classes = {name: graph_class(is_one) for name, is_one in _CLASSES.items()}
    token = _TOKEN.format(**classes)
    spaced = tf.strings.regex_replace(valid, f"[{classes['blank']}]+", " ")
    return tf.strings.split(tf.strings.regex_replace(spaced, token, r" \0 "))


@functools.cache
def _tokens() -> re.Pattern[str]:
    classes = {name: python_class(is_one) for name, is_one in _CLASSES.items()}
    return re.compile(_TOKEN.format(**classes))


@functools.cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{python_class(is_unspaced)}]")
