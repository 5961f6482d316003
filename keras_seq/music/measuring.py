"""Tunes measured as music: form, melody, rhythm, and how far from people's tunes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from keras_seq.music.abc import Bar, Note, Tune, intervals, parse, validate
from keras_seq.music.abc._key import LETTERS, SEMITONES, semitones_of
from keras_seq.music.abc._order import sections

_LEAP = 5  # semitones, a fourth
_WIDEST = 13  # all intervals beyond an octave count as one
_WINDOW = 4  # bars
_HALVES = 20


@dataclass(frozen=True, slots=True)
class MusicalFigures:
    """What is measured of a tune.

    Args:
        figures: Dict from the name of a figure to its value, None where the tune
            has nothing to measure:

            - "ends_on_tonic": 1 if the last note played is the key's tonic, else 0;
            - "sections_of_four": 1 if every section has a multiple of four bars;
            - "distinct_bars": different bars as a share of the bars;
            - "phrases_return": share of the two-bar phrases that were there before;
            - "phrases_return_transposed": the same on other degrees of the scale, by
              rhythm and steps;
            - "phrases_return_varied": the same up to the middle of the second bar;
            - "range": semitones from the lowest note to the highest;
            - "leaps": share of the intervals that are a fourth or more;
            - "rhythms_a_bar": different rhythms of bars as a share of the bars;
            - "tonal_stability": mean correlation of the pitches of four bars with
              those of the whole tune, as durations of the twelve pitch classes.
        counts: Dict from the name of a distribution to what occurs and how often:
            "pitches" (semitones above the tonic, by duration), "intervals",
            "rhythms" (lengths in a bar) and "contours" (how the middle and the end of
            a two-bar phrase lie beside its beginning).
    """

    figures: dict[str, float | None]
    counts: dict[str, Counter[Hashable]]


def measure_tune(tune: str | Tune) -> MusicalFigures:
    r"""Measures a tune as music.

    The melody is that of the first voice, without grace notes and overlays. Bars
    count that have their full length.

    Args:
        tune: A tune in ABC notation, or as `keras_seq.music.parse` reads it.

    Returns:
        Its `MusicalFigures`.

    Raises:
        AbcError: If the text is malformed.

    Example:

    >>> tune = "X:1\nM:2/4\nL:1/8\nK:C\nCDEF|G2G2|CDEF|G2C2|"
    >>> figures = measure_tune(tune).figures
    >>> figures["ends_on_tonic"], figures["distinct_bars"], figures["range"]
    (1.0, 0.75, 7.0)
    """
    if isinstance(tune, str):
        tune = parse(tune)
    voice = tune.voices[0] if tune.voices else ""
    bars = [bar for bar in tune.bars if bar.voice == voice]
    notes: dict[int, list[Note]] = defaultdict(list)
    for note in tune.notes:
        if note.voice == voice and not note.grace and not note.layer:
            notes[note.bar].append(note)
    full = [bar for bar in bars if bar.expected_length in (None, bar.length)]
    steps = intervals(tune)
    pitches = [
        note.pitch for run in notes.values() for note in run if note.pitch is not None
    ]
    figures: dict[str, float | None] = {
        "ends_on_tonic": _ends_on_tonic(tune, notes),
        "sections_of_four": _sections_of_four(bars),
        "distinct_bars": _share_distinct([_content(notes[bar.index]) for bar in full]),
        **_returns(full, notes),
        "range": float(max(pitches) - min(pitches)) if pitches else None,
        "leaps": _mean([abs(step) >= _LEAP for step in steps]),
        "rhythms_a_bar": _share_distinct([_rhythm(notes[bar.index]) for bar in full]),
        "tonal_stability": _stability(bars, notes),
    }
    counts: dict[str, Counter[Hashable]] = {
        "pitches": _pitches(bars, notes),
        "intervals": Counter(int(np.clip(step, -_WIDEST, _WIDEST)) for step in steps),
        "rhythms": Counter(_rhythm(notes[bar.index]) for bar in full),
        "contours": Counter(
            shape
            for first, second in _phrases(full)
            if (shape := _contour(notes[first.index] + notes[second.index])) is not None
        ),
    }
    return MusicalFigures(figures, counts)


def compare_as_music(
    tunes: Sequence[str],
    human: Sequence[str],
    *,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, dict[str, float | None]]:
    r"""Measures tunes as music, and how far they are from people's.

    A distance means something beside another: the same is measured between two
    halves of the human tunes, drawn at random, mean over 20 draws. The distance of a
    figure is that of its distributions over the tunes (Wasserstein's, in the figure's
    own unit), that of a distribution the Jensen-Shannon divergence in bits, 0 to 1.

    Args:
        tunes: ABC texts; what is malformed isn't measured.
        human: ABC texts to compare with.
        seed: Of the halves.
        progress: Called as `progress(done, total)`.

    Returns:
        Dict from the name of a figure or distribution (`MusicalFigures`) to a dict
        of "value" and "human" (means over the tunes, of figures alone), "distance"
        and "distance_of_halves"; None where there is too little to measure.

    Example:

    >>> tunes = ["X:1\nM:2/4\nL:1/4\nK:C\nCE|GC|"]
    >>> human = ["X:1\nM:2/4\nL:1/4\nK:C\nCE|GC|", "X:1\nM:2/4\nL:1/4\nK:C\nCE|GE|"]
    >>> compared = compare_as_music(tunes, human)
    >>> compared["ends_on_tonic"]["value"], compared["ends_on_tonic"]["distance"]
    (1.0, 0.5)

    Reference:

    - Yang and Lerch, "On the evaluation of generative models in music", Neural
      Computing and Applications 32 (2020).
    """
    read = [(side, text) for side, texts in enumerate((tunes, human)) for text in texts]
    measured: tuple[list[MusicalFigures], list[MusicalFigures]] = ([], [])
    for done, (side, text) in enumerate(read, start=1):
        validation = validate(text)
        if validation.valid and validation.tune:
            measured[side].append(measure_tune(validation.tune))
        if progress is not None:
            progress(done, len(read))
    ours, theirs = measured
    halves = _halves(theirs, seed)
    empty = measure_tune("X:1\nK:C\n")
    result: dict[str, dict[str, float | None]] = {}
    for name in empty.figures:
        values, people = (_values(side, name) for side in measured)
        result[name] = {
            "value": _mean(values),
            "human": _mean(people),
            "distance": _wasserstein(values, people),
            "distance_of_halves": _mean_known(
                [_wasserstein(*(_values(half, name) for half in two)) for two in halves]
            ),
        }
    for name in empty.counts:
        result[name] = {
            "distance": _divergence(_pooled(ours, name), _pooled(theirs, name)),
            "distance_of_halves": _mean_known(
                [_divergence(*(_pooled(half, name) for half in two)) for two in halves]
            ),
        }
    return result


def _ends_on_tonic(tune: Tune, notes: dict[int, list[Note]]) -> float | None:
    for bar in reversed(tune.playing_order()):
        for note in reversed(notes[bar.index]):
            if note.pitch is not None and bar.key.tonic:
                return float((note.pitch - semitones_of(bar.key.tonic)) % 12 == 0)
    return None


def _sections_of_four(bars: Sequence[Bar]) -> float | None:
    meters = {bar.meter for bar in bars}
    (meter,) = meters if len(meters) == 1 else (None,)
    if meter is None:
        return None
    for start, stop, passes in sections(bars):
        played = [
            bar.length
            for bar in bars[start:stop]
            if not bar.endings or passes in bar.endings
        ]
        # Upbeats at both ends make whole bars; one too many or too few is let pass.
        if round(sum(played, Fraction(0)) / meter.length) % 4:
            return 0.0
    return 1.0


def _content(notes: Sequence[Note]) -> tuple[Hashable, ...]:
    return tuple((note.pitch, note.length) for note in notes)


def _rhythm(notes: Sequence[Note]) -> tuple[Hashable, ...]:
    return tuple(
        f"{note.length}" if note.pitches else f"z{note.length}" for note in notes
    )


def _moved(notes: Sequence[Note]) -> tuple[Hashable, ...]:
    steps = [_step(note) for note in notes if note.pitch is not None]
    return (_rhythm(notes), *(b - a for a, b in pairwise(steps)))


def _step(note: Note) -> int:
    """The place of a note on the staff, seven to the octave."""
    place = LETTERS.index(note.letter)
    return 7 * round(((note.pitch or 0) - SEMITONES[place]) / 12) + place


def _phrases(full: Sequence[Bar]) -> list[tuple[Bar, Bar]]:
    return [(a, b) for a, b in pairwise(full) if b.index == a.index + 1]


def _returns(
    full: Sequence[Bar], notes: dict[int, list[Note]]
) -> dict[str, float | None]:
    """The shares of the phrases that were there before, as they are or changed."""
    first_seen: dict[Hashable, int] = {}
    found: dict[str, list[bool]] = {"": [], "_transposed": [], "_varied": []}
    for one, two in _phrases(full):
        first, second = notes[one.index], notes[two.index]
        begun = [note for note in second if 2 * note.onset < two.length]
        same = _content(first + second)
        keys: dict[str, Hashable] = {
            "": same,
            "_transposed": ("moved", _moved(first + second)),
            "_varied": ("varied", _content(first), _content(begun)),
        }
        returned = {
            # A phrase doesn't return while it is still going on.
            name: first_seen.setdefault(key, one.index) <= one.index - 2
            for name, key in keys.items()
        }
        for name, is_there in returned.items():
            found[name].append(is_there and (not name or not returned[""]))
    return {f"phrases_return{name}": _mean(shares) for name, shares in found.items()}


def _contour(notes: Sequence[Note]) -> tuple[int, int] | None:
    pitches = [note.pitch for note in notes if note.pitch is not None]
    if len(pitches) < 3:
        return None
    first, *middle, last = pitches
    rises = (float(np.mean(middle)) - first, last - first)
    # Less than a semitone is level.
    up, end = (int(np.sign(rise)) if abs(rise) >= 1 else 0 for rise in rises)
    return up, end


def _profile(bars: Sequence[Bar], notes: dict[int, list[Note]]) -> np.ndarray:
    profile = np.zeros(12)
    for bar in bars:
        for note in notes[bar.index]:
            if note.pitch is not None:
                profile[note.pitch % 12] += float(note.length)
    return profile


def _stability(bars: Sequence[Bar], notes: dict[int, list[Note]]) -> float | None:
    whole = _profile(bars, notes)
    windows = [
        _profile(bars[start : start + _WINDOW], notes)
        for start in range(0, len(bars) - _WINDOW + 1, _WINDOW)
    ]
    known = [window for window in windows if window.std() > 0]
    if len(known) < 2 or not whole.std():
        return None
    return _mean([float(np.corrcoef(window, whole)[0, 1]) for window in known])


def _pitches(bars: Sequence[Bar], notes: dict[int, list[Note]]) -> Counter[Hashable]:
    pitches: Counter[Hashable] = Counter()
    for bar in bars:
        if not bar.key.tonic:
            continue
        for note in notes[bar.index]:
            if note.pitch is not None:
                # Counts are whole: in 192nds, which divide what tunes have.
                degree = (note.pitch - semitones_of(bar.key.tonic)) % 12
                pitches[degree] += round(note.length * 192)
    return pitches


def _share_distinct(items: Sequence[Hashable]) -> float | None:
    return len(set(items)) / len(items) if items else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _mean_known(values: Sequence[float | None]) -> float | None:
    return _mean([value for value in values if value is not None])


def _values(tunes: Sequence[MusicalFigures], name: str) -> list[float]:
    return [value for tune in tunes if (value := tune.figures[name]) is not None]


def _pooled(tunes: Sequence[MusicalFigures], name: str) -> Counter[Hashable]:
    pooled: Counter[Hashable] = Counter()
    for tune in tunes:
        pooled.update(tune.counts[name])
    return pooled


def _halves(
    tunes: Sequence[MusicalFigures], seed: int
) -> list[tuple[list[MusicalFigures], list[MusicalFigures]]]:
    if len(tunes) < 2:
        return []
    chance = np.random.default_rng(seed)
    halves = []
    for _ in range(_HALVES):
        order = chance.permutation(len(tunes))
        one, two = np.array_split(order, 2)
        halves.append(([tunes[i] for i in one], [tunes[i] for i in two]))
    return halves


def _wasserstein(one: Sequence[float], two: Sequence[float]) -> float | None:
    """The area between the two distribution functions."""
    if not one or not two:
        return None
    first, second = np.sort(one), np.sort(two)
    values = np.sort(np.concatenate([first, second]))
    shares = [
        np.searchsorted(side, values[:-1], "right") / len(side)
        for side in (first, second)
    ]
    return float(np.sum(np.abs(shares[0] - shares[1]) * np.diff(values)))


def _divergence(one: Counter[Hashable], two: Counter[Hashable]) -> float | None:
    """The Jensen-Shannon divergence of two distributions, in bits."""
    if not one.total() or not two.total():
        return None
    keys = list(one | two)
    p, q = (
        np.array([counts[key] for key in keys]) / counts.total()
        for counts in (one, two)
    )
    middle = (p + q) / 2

    def from_middle(shares: np.ndarray) -> float:
        some = shares > 0
        return float(np.sum(shares[some] * np.log2(shares[some] / middle[some])))

    return max(0.0, (from_middle(p) + from_middle(q)) / 2)
