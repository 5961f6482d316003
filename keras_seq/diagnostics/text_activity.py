"""What the units of a recurrent layer do at every character of texts."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np

from keras_seq.diagnostics._characters import Vocabulary
from keras_seq.diagnostics._recurrent_layers import recurrent_layers
from keras_seq.diagnostics.gate_activity import ActivityFunction, GateActivity
from keras_seq.typing import Nest

_PADDING = 0  # of every vocabulary of `keras_seq.text`


@dataclasses.dataclass(frozen=True, eq=False)
class TextActivity:
    """What a layer did while a model read texts.

    Attributes:
        layer: Name of the layer.
        value: Which of its values: "cell", "hidden", "forget", ...
        pieces: For each text a tuple of T strings, what the model read: the
            characters of the text, or the pieces of its vocabulary.
        values: For each text an array of shape (T, units): the value right after
            that piece was read.
        by_character: Whether the pieces are the characters of the texts.
    """

    layer: str
    value: str
    pieces: list[tuple[str, ...]]
    values: list[np.ndarray]
    by_character: bool


def text_activity(
    model: keras.Layer,
    texts: Iterable[str],
    *,
    vocabulary: Vocabulary,
    layer: str | None = None,
    value: str | None = None,
    start: int | None = 1,
    inputs: Callable[[np.ndarray], Nest] | None = None,
    batch_size: int = 16,
) -> TextActivity:
    """Lets a model read texts, and keeps what a layer does at every character.

    Row t of an array is c_t (or another value): what the layer holds once it has
    read the character t of the text. A start mark that is read first has no row.

    Texts that are read together are padded at the end with 0, which what was read
    before cannot depend on in a recurrent layer. Where a recurrent layer of the
    model runs backwards, only texts of one length are read together. If the model
    has other layers that look ahead, take texts of one length, or `batch_size=1`.

    Args:
        model: A Keras model from ids (B, T), or from what `inputs` makes of them,
            with a recurrent layer (see `gate_activity`).
        texts: Sequence of strings.
        vocabulary: Their vocabulary: one of `keras_seq.text`, or an object with
            its methods `encode` and `pieces`.
        layer: Name of the recurrent layer; None if the model has one alone.
        value: Which value: one of `GateActivity.values`. By default "cell", or
            "hidden" of a layer without a cell.
        start: Id that is read before each text, by default the start mark; None
            for none.
        inputs: Function from int32 ids (B, T) to what the model is called with;
            None for the ids themselves.
        batch_size: Texts that are read at once, at most.

    Returns:
        `TextActivity`.

    Raises:
        ValueError: If there is no text, one alone that isn't in a sequence, an empty
            one, no such layer or value,
            several layers and none is named, or a layer that doesn't have a step
            for each id.

    Example:

    >>> import keras
    >>> from keras_seq.text import CharacterVocabulary
    >>> vocabulary = CharacterVocabulary("ab ")
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((None,), dtype="int32"),
    ...         keras.layers.Embedding(len(vocabulary), 3),
    ...         keras.layers.LSTM(5),
    ...     ]
    ... )
    >>> activity = text_activity(model, ["a ba", "b"], vocabulary=vocabulary)
    >>> activity.pieces[0], [values.shape for values in activity.values]
    (('a', ' ', 'b', 'a'), [(4, 5), (1, 5)])
    """
    if isinstance(texts, str):
        raise ValueError(f"`texts` must be several strings; received {texts!r}.")
    texts = list(texts)
    encoded = [vocabulary.encode(text) for text in texts]
    empty = [text for text, ids in zip(texts, encoded, strict=True) if not ids]
    if empty or not texts:
        came = repr(empty[0]) if empty else "no text"
        raise ValueError(f"`texts` must be texts to read; received {came}.")
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1; received {batch_size!r}.")
    name = _only(model, layer)
    read = ActivityFunction(model, [name])
    before = [] if start is None else [start]
    results: dict[int, np.ndarray] = {}
    kind = ""
    lengths = [len(ids) for ids in encoded]
    for rows in _batches(lengths, batch_size, looks_back=_looks_back(model)):
        ids = np.full((len(rows), len(before) + lengths[rows[-1]]), _PADDING, "int32")
        for padded, i in zip(ids, rows, strict=True):
            padded[: len(before) + lengths[i]] = before + encoded[i]
        activity = read(ids if inputs is None else inputs(ids), len(rows))[name]
        kind = _known(value, activity)
        if activity.mask.shape != ids.shape:
            raise ValueError(
                f"`layer` must have a step for each id that the model reads; {name!r} "
                f"has {activity.mask.shape[1]} for {ids.shape[1]}."
            )
        for states, i in zip(activity.values[kind], rows, strict=True):
            results[i] = states[len(before) : len(before) + lengths[i]].copy()
    by_character = all(map(_by_character, [vocabulary] * len(texts), texts, encoded))
    pieces = texts if by_character else map(vocabulary.pieces, encoded)
    arrays = [results[i] for i in range(len(texts))]
    return TextActivity(name, kind, list(map(tuple, pieces)), arrays, by_character)


def _only(model: keras.Layer, layer: str | None) -> str:
    names = list(recurrent_layers(model, None if layer is None else [layer]))
    if len(names) > 1:
        raise ValueError(
            f"`layer` must name one of the model's recurrent layers, {names}; "
            "received None."
        )
    return names[0]


def _looks_back(model: keras.Layer) -> bool:
    """Whether no recurrent layer runs backwards."""
    return not any(
        getattr(layer, "go_backwards", False) for layer in model._flatten_layers()
    )


def _batches(
    lengths: Sequence[int], batch_size: int, *, looks_back: bool
) -> list[list[int]]:
    """Indices of the texts that are read at once, those of like length together."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        fits = batches and len(batches[-1]) < batch_size
        if fits and (looks_back or lengths[batches[-1][0]] == lengths[i]):
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _known(value: str | None, activity: GateActivity) -> str:
    if value is None:
        return "cell" if "cell" in activity.values else "hidden"
    if value not in activity.values:
        raise ValueError(
            f"`value` must be one of {list(activity.values)}; received {value!r}."
        )
    return value


def _by_character(vocabulary: Vocabulary, text: str, ids: list[int]) -> bool:
    """Whether a text's ids are those of its characters, one after the other."""
    alone = {character: vocabulary.encode(character) for character in set(text)}
    return [alone[character] for character in text] == [[i] for i in ids]
