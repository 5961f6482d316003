"""What every vocabulary does: text to ids and back, in Python and in the graph."""

import abc
import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from keras_seq.extras import notebook_card
from keras_seq.typing import Array, ArrayLike, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

# Not `Sequence[str]`, which one string is too.
Strings: TypeAlias = Array | list[str] | list[bytes] | tuple[str | bytes, ...]
"""Strings that are made a tensor of shape (B,)."""

PADDING, START, END, UNKNOWN = range(4)
_MARKS = 4


class Vocabulary(abc.ABC):
    """Text as ids, and ids as text. All vocabularies have these methods.

    The first four ids are marks: 0 is padding, 1 the start of a document, 2 its
    end, 3 what isn't in the vocabulary. Encoding adds no marks; decoding leaves
    the first three out and writes U+FFFD for the fourth.

    `encode`, `decode` and `pieces` work on one text, in Python. `encode_tensor`,
    `decode_tensor` and `pieces_tensor` give the same for a batch, inside the
    graph. They consist of core TensorFlow operations without state, so whatever
    uses them can be exported as it is.

    A class also has `fit(texts, ...)`, which makes a vocabulary of texts of the
    training split alone.

    Example:

    >>> from keras_seq.text import CharacterVocabulary, Vocabulary
    >>> config = CharacterVocabulary("ab").to_config()
    >>> config
    {'class': 'CharacterVocabulary', 'characters': 'ab'}
    >>> Vocabulary.from_config(config).encode("abba")
    [4, 5, 5, 4]
    """

    def __repr__(self) -> str:
        pieces = self._names()[_MARKS : _MARKS + 8]
        first = ", ".join(repr(piece[:20]) for piece in pieces)
        more = ", …" if len(self) > _MARKS + 8 else ""
        return f"{type(self).__name__}({len(self):,} ids: {first}{more})"

    def _repr_html_(self) -> str:
        pieces = self._names()[_MARKS : _MARKS + 60]
        shown = " ".join(piece[:30] for piece in pieces)
        more = " …" if len(self) > _MARKS + 60 else ""
        return notebook_card(
            type(self).__name__,
            [("ids", f"{len(self):,}, of which {_MARKS} are marks")],
            f'<code style="overflow-wrap:anywhere">{html.escape(shown + more)}</code>',
        )

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of ids, the four marks included."""

    @abc.abstractmethod
    def encode(self, text: str) -> list[int]:
        """Ids of `text`, without marks: a list of integers."""

    @abc.abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`; marks give nothing, unknown gives U+FFFD.

        Raises:
            ValueError: If there is no such id.
        """

    @abc.abstractmethod
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

    @abc.abstractmethod
    def decode_tensor(self, ids: ArrayLike, lengths: ArrayLike) -> Tensor:
        """Strings of a batch of ids, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T).
            lengths: int32 tensor of shape (B,): how many ids of a row count.

        Returns:
            String tensor of shape (B,), UTF-8.
        """

    @abc.abstractmethod
    def _names(self) -> list[str]:
        """What `pieces` gives for each id: a list of strings."""

    @abc.abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Arguments of the constructor, JSON-able: a dict."""

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """What each of `ids` stands for, to be shown: a list of strings.

        Marks are empty strings, unknown is U+FFFD.

        Raises:
            ValueError: If there is no such id.
        """
        names = self._names()
        return [names[i] for i in self._known(ids)]

    def pieces_tensor(self, ids: ArrayLike) -> Tensor:
        """What each id stands for, inside the graph.

        Args:
            ids: int32 tensor of any shape.

        Returns:
            String tensor of that shape, UTF-8.
        """
        import tensorflow as tf

        return tf.gather(tf.constant(self._names()), ids)

    def to_config(self) -> dict[str, Any]:
        """The vocabulary as a JSON-able dict, for `from_config`."""
        return {"class": type(self).__name__, **self._arguments()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """The vocabulary that `to_config` described.

        Args:
            config: What `to_config` returned.

        Returns:
            A vocabulary of the class that it was made from.

        Raises:
            ValueError: If that is neither this class nor derived from it.
        """
        arguments = dict(config)
        name = arguments.pop("class", None)
        classes = {c.__name__: c for c in (cls, *cls.__subclasses__())}
        if name not in classes or classes[name] is Vocabulary:
            raise ValueError(
                '`config` must have a "class" that is one of '
                f"{sorted(set(classes) - {'Vocabulary'})}; received {name!r}."
            )
        return classes[name](**arguments)

    def _known(self, ids: Iterable[int]) -> list[int]:
        """The ids as a list, if there are such ids."""
        known = list(ids)
        for i in known:
            if not 0 <= i < len(self):
                raise ValueError(
                    f"`ids` must be in [0, {len(self)}); received {i!r} among them."
                )
        return known


def as_batch(texts: Strings) -> Tensor:
    """The texts as a string tensor of shape (B,), or a ValueError."""
    import tensorflow as tf

    batch = tf.convert_to_tensor(texts, tf.string)
    if batch.shape.rank not in (None, 1):
        raise ValueError(
            f"`texts` must have shape (B,); received shape {tuple(batch.shape)}."
        )
    return batch


def encodable(text: str) -> str:
    r"""The text with "?" for surrogates, which UTF-8 cannot write.

    Args:
        text: String.

    Example:

    >>> encodable("a\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")
