"""Which units track a property of the text."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
import numpy as np

from keras_seq.diagnostics._characters import Vocabulary
from keras_seq.diagnostics._tracking import ranking_area, squared_correlation
from keras_seq.diagnostics.text_activity import text_activity
from keras_seq.typing import ArrayLike, Nest

_NUMBERS, _LABELS = "squared correlation", "area under the ROC curve"


@dataclasses.dataclass(frozen=True, eq=False)
class UnitScores:
    """How well each unit of a layer tracks a property.

    Attributes:
        measure: "squared correlation" of a numeric property, "area under the ROC
            curve" of a boolean one.
        ranked_by: (units,), the score on the first, third, ... text, turned so
            that more is better. The units are ranked by it.
        held_out: (units,), the score on the other texts. It is what to report: the
            best of many units looks good on the texts that it was picked on.
        direction: (units,), 1 where a unit rises with the property on the first
            texts, -1 where it falls.
        baselines: Dict from a name to a score on the other texts: what no
            recurrent layer is needed for.
        counts: How many characters `ranked_by` and `held_out` come from.
    """

    measure: str
    ranked_by: np.ndarray
    held_out: np.ndarray
    direction: np.ndarray
    baselines: dict[str, float]
    counts: tuple[int, int]

    def best(self, count: int = 3) -> np.ndarray:
        """Indices of the units that are best by `ranked_by`, the best first."""
        if count < 1:
            raise ValueError(f"`count` must be at least 1; received {count!r}.")
        return np.argsort(-self.ranked_by, kind="stable")[:count]

    def __str__(self) -> str:
        lines = [f"{self.measure}, held out:"]
        lines += [f"  unit {i}: {self.held_out[i]:.3f}" for i in self.best()]
        lines += [f"  {name}: {score:.3f}" for name, score in self.baselines.items()]
        return "\n".join(lines)


def unit_scores(
    activities: Iterable[ArrayLike],
    properties: Iterable[ArrayLike],
    *,
    pieces: Sequence[Sequence[str]] | None = None,
) -> UnitScores:
    """Scores how well each unit tracks a property of each character.

    Of a numeric property y, the score of a unit x is the squared correlation, the
    share of the variance of y that a straight line in x explains,

    ```
    r² = (Σ (x - x̄)(y - ȳ))² / (Σ (x - x̄)² Σ (y - ȳ)²)
    ```

    0 for nothing, 1 for all. Of a boolean property it is the area under the ROC
    curve, the probability that x is higher at a character that has the property
    than at one that hasn't, ties counted half; 1 minus it for a unit that is lower
    there on the first half: 0.5 for nothing, 1 for all. Characters of all texts are
    pooled. Everything is computed in float64, without sampling.

    Units are ranked on the first, third, fifth, ... text, and so is their
    direction found; the score to report is that on the others. So the best of 512
    units of noise scores what noise scores.

    Baselines are scored likewise: the position in the text, and, if `pieces` are
    given, what the current piece alone tells (the property's mean at that piece on
    the first half).

    Args:
        activities: For each text an array of shape (T, units), as `text_activity`
            gives; two texts at least.
        properties: For each text an array of shape (T,): booleans, or numbers
            with NaN where a character doesn't count.
        pieces: For each text T strings, what was read; or None.

    Returns:
        `UnitScores`.

    Raises:
        ValueError: If shapes don't fit, an activity is not finite, or the property
            is the same everywhere on one half.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> places = [np.arange(40) % 8 for text in range(4)]
    >>> activities = [rng.normal(size=(40, 20)) for text in places]
    >>> for values, place in zip(activities, places):
    ...     values[:, 7] = 3 - place
    >>> scores = unit_scores(activities, places)
    >>> best = scores.best(1)
    >>> [best, scores.held_out[best].round(6), scores.direction[best]]
    [array([7]), array([1.]), array([-1])]

    References:
        Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding
        recurrent networks.
    """
    states = [np.asarray(values) for values in activities]
    tracks = [np.asarray(known) for known in properties]
    _check(states, tracks, pieces)
    boolean = all(known.dtype == bool for known in tracks)
    measure = ranking_area if boolean else squared_correlation
    halves = [slice(0, None, 2), slice(1, None, 2)]
    counting = [~np.isnan(known.astype("float64")) for known in tracks]

    def halved(arrays: Iterable[np.ndarray]) -> list[np.ndarray]:
        """What counts of the texts of each half, one behind the other."""
        kept = [array[counts] for array, counts in zip(arrays, counting, strict=True)]
        return [np.concatenate(kept[half]) for half in halves]

    first, second = halved(tracks)
    for known, texts in ((first, "first, third, ..."), (second, "second, fourth, ...")):
        if not len(known) or (known == known[0]).all():
            raise ValueError(
                f"`properties` must vary on the {texts} text; received "
                f"{len(known)} characters that count, "
                f"{'all ' + str(known[0]) if len(known) else 'none'}."
            )

    def scored(
        values: Sequence[np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores on the first half, on the second, and the direction."""
        ranked_by, direction = measure(values[0], first)
        held_out, _ = measure(values[1], second)
        if boolean:
            ranked_by, held_out = (
                np.where(direction < 0, 1 - area, area)
                for area in (ranked_by, held_out)
            )
        return ranked_by, held_out, direction

    ranked_by, held_out, direction = scored(halved(states))
    places = [np.arange(len(known))[:, None] for known in tracks]
    baselines = {"position in the text": scored(halved(places))}
    if pieces is not None:
        read = halved([np.array(list(text), object) for text in pieces])
        baselines["current piece alone"] = scored(_means(read, first))
    return UnitScores(
        measure=_LABELS if boolean else _NUMBERS,
        ranked_by=ranked_by,
        held_out=held_out,
        direction=direction,
        baselines={name: float(score[1][0]) for name, score in baselines.items()},
        counts=(len(first), len(second)),
    )


def find_units(
    model: keras.Layer,
    texts: Iterable[str],
    properties: Mapping[str, Callable[[str], ArrayLike]],
    *,
    vocabulary: Vocabulary,
    layer: str | None = None,
    value: str | None = None,
    start: int | None = 1,
    inputs: Callable[[np.ndarray], Nest] | None = None,
    batch_size: int = 16,
) -> dict[str, UnitScores]:
    r"""Finds the units of a layer that track properties of texts.

    It is `unit_scores` of each property, on what `text_activity` gives.

    Args:
        model: A Keras model with a recurrent layer.
        texts: Strings, two at least, best such as the model wasn't trained on. A
            few dozen texts of some hundred characters give steady scores.
        properties: Dict from a name to a function from a text to an array of
            shape (T,), a value for each of its characters (or pieces): booleans,
            or numbers with NaN where a character doesn't count. `inside_quotes`,
            `inside_brackets` and `line_position` are such functions.
        vocabulary: As for `text_activity`, and so are the following.
        layer: Name of the recurrent layer; None if the model has one alone.
        value: Which value of the layer; by default its cell.
        start: Id that is read before each text; None for none.
        inputs: Function from ids to what the model is called with.
        batch_size: Texts that are read at once, at most.

    Returns:
        Dict from the name of each property to its `UnitScores`.

    Raises:
        ValueError: If there aren't two texts, a property doesn't give one value for
            each piece, or `text_activity` or `unit_scores` raises it.

    Example:

    >>> import keras
    >>> from keras_seq.diagnostics import line_position
    >>> from keras_seq.text import CharacterVocabulary
    >>> vocabulary = CharacterVocabulary("ab\n")
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((None,), dtype="int32"),
    ...         keras.layers.Embedding(len(vocabulary), 3),
    ...         keras.layers.LSTM(5),
    ...     ]
    ... )
    >>> texts = ["aba\nb\n", "bab\nab\n"]
    >>> found = find_units(
    ...     model, texts, {"place": line_position}, vocabulary=vocabulary
    ... )
    >>> found["place"].held_out.shape, list(found["place"].baselines)
    ((5,), ['position in the text', 'current piece alone'])

    References:
        Karpathy, Johnson and Fei-Fei (2016), Visualizing and understanding
        recurrent networks.
    """
    if isinstance(texts, str) or len(texts := list(texts)) < 2:
        raise ValueError(f"`texts` must be two strings at least; received {texts!r}.")
    known = {
        name: [np.asarray(track(text)) for text in texts]
        for name, track in properties.items()
    }
    activity = text_activity(
        model,
        texts,
        vocabulary=vocabulary,
        layer=layer,
        value=value,
        start=start,
        inputs=inputs,
        batch_size=batch_size,
    )
    found = {}
    for name, arrays in known.items():
        for array, pieces in zip(arrays, activity.pieces, strict=True):
            if array.shape != (len(pieces),):
                raise ValueError(
                    f"`properties[{name!r}]` must give a value for each of the "
                    f"{len(pieces)} pieces that the model reads; received shape "
                    f"{array.shape}."
                )
        try:
            found[name] = unit_scores(activity.values, arrays, pieces=activity.pieces)
        except ValueError as error:
            raise ValueError(f"`properties[{name!r}]`: {error}") from error
    return found


def _check(
    activities: Sequence[np.ndarray],
    properties: Sequence[np.ndarray],
    pieces: Sequence[Sequence[str]] | None,
) -> None:
    if len(activities) < 2 or len(properties) != len(activities):
        raise ValueError(
            "`activities` and `properties` must be of the same texts, two at least; "
            f"received {len(activities)} and {len(properties)}."
        )
    units = activities[0].shape[1:]
    for values, known in zip(activities, properties, strict=True):
        if values.ndim != 2 or values.shape[1:] != units or 0 in units:
            raise ValueError(
                "`activities` must be arrays of shape (T, units), units the same; "
                f"received shapes {activities[0].shape} and {values.shape}."
            )
        if known.shape != values.shape[:1] or known.dtype.kind not in "biuf":
            raise ValueError(
                "`properties` must be booleans or numbers, one for each of the "
                f"{len(values)} rows of an activity; received shape {known.shape}, "
                f"{known.dtype}."
            )
        if not np.isfinite(values).all():
            raise ValueError("`activities` must be finite; received NaN or infinity.")
        if np.isinf(known.astype("float64")).any():
            raise ValueError("`properties` must be finite or NaN; received infinity.")
    kinds = {known.dtype == bool for known in properties}
    if len(kinds) > 1:
        raise ValueError("`properties` must be all booleans, or all numbers.")
    if pieces is not None and list(map(len, pieces)) != list(map(len, properties)):
        raise ValueError(
            "`pieces` must be as many as the values of each property; received "
            f"{list(map(len, pieces))} and {list(map(len, properties))}."
        )


def _means(read: Sequence[np.ndarray], known: np.ndarray) -> list[np.ndarray]:
    """The property's mean at each piece on the first half, for both halves."""
    number: dict[str, int] = {}
    first, second = (
        np.array([number.setdefault(piece, len(number)) for piece in half])
        for half in read
    )
    counts = np.bincount(first, minlength=len(number))
    sums = np.bincount(first, weights=known.astype("float64"), minlength=len(number))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), known.mean())
    return [means[first][:, None], means[second][:, None]]
