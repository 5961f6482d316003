"""Bar arithmetic: has every bar the length that the meter asks for?"""

from collections import deque
from collections.abc import Sequence
from fractions import Fraction

from keras_seq.music.abc._drafts import ZERO, BarDraft
from keras_seq.music.abc._order import play, sections
from keras_seq.music.abc._problems import Problems


def check_bars(bars: Sequence[BarDraft], problems: Problems) -> None:
    """Sets `complete` of a voice's bars, and warns of those that are not.

    A bar is complete if it has the length of the meter. A shorter one is a
    fragment. Fragments are complete where playing puts them side by side across
    a seam and they add up to a full bar. A seam is a repeat or another double
    bar, the start of a variant ending, or the end of a line: where a section, a
    repeat or a phrase starts with an upbeat. Every section counts as repeated,
    and the tune as played round and round, for so these tunes are played even
    where no sign says it. The tune's own upbeat needs no completion.

    Args:
        bars: All bars of a voice.
        problems: Where problems are noted.
    """
    _check_repeats(bars, problems)
    _check_endings(bars, problems)
    for bar in bars:
        bar.complete = bar.expected is None or (
            bar.length == bar.expected and _layers_agree(bar)
        )
    if all(bar.complete for bar in bars):
        return
    _join_fragments(bars)
    for bar in bars:
        if not bar.complete:
            _warn(bar, problems)


def _check_repeats(bars: Sequence[BarDraft], problems: Problems) -> None:
    """Warns of repeats that are begun and not ended; others need no beginning."""
    opened: BarDraft | None = None
    for bar in [*bars, None]:
        if opened and (bar is None or bar.repeat_start):
            problems.warning(
                opened.sounds[0].place,
                "repeat-sign",
                "expected ':|' to end the repeat that starts here, came "
                + ("the end of the tune" if bar is None else "another '|:'"),
            )
        if bar is None:
            return
        if bar.repeat_start:
            opened = bar
        # The last ending needs no sign.
        if bar.repeat_end or max(bar.endings, default=1) > 1:
            opened = None


def _check_endings(bars: Sequence[BarDraft], problems: Problems) -> None:
    """Warns of playings of a section for which no variant ending is there, or two."""
    for start, stop, passes in sections(bars):
        runs = [bar for bar in bars[start:stop] if bar.ending_place]
        came = sorted(number for bar in runs for number in bar.endings)
        expected = list(range(1, max(passes, 2) + 1))
        if runs and came != expected:
            problems.warning(
                runs[-1].ending_place or runs[-1].sounds[0].place,
                "variant-endings",
                f"expected one ending for each playing, {_listed(expected)}, came "
                f"{_listed(came)}",
            )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _join_fragments(bars: Sequence[BarDraft]) -> None:
    fragments = [_fragment(bar) for bar in bars]
    if len(bars) > 1 and fragments[0]:
        bars[0].complete = True
    order = list(play(bars, at_least=2))
    window: deque[int] = deque()
    total = ZERO
    for index in [*order, order[0]]:
        fragment = fragments[index]
        if not fragment or (window and not _is_seam(bars, window[-1], index)):
            window, total = deque(), ZERO
        if not fragment:
            continue
        full = _full(bars[index])
        window.append(index)
        total += fragment
        while total > full:
            total -= fragments[window.popleft()]
        if total == full:
            for joined in window:
                bars[joined].complete = True
            window, total = deque(), ZERO


def _fragment(bar: BarDraft) -> Fraction:
    """Length of what is less than a full bar in it; 0 where it is no fragment."""
    if bar.complete or not _layers_agree(bar):
        return ZERO
    full = _full(bar)
    rest = bar.length - full * (bar.measures - 1)
    return rest if ZERO < rest < full else ZERO


def _full(bar: BarDraft) -> Fraction:
    return bar.meter.length if bar.meter else ZERO


def _layers_agree(bar: BarDraft) -> bool:
    return len(bar.lengths) == 1 or len(set(bar.lengths)) == 1


def _is_seam(bars: Sequence[BarDraft], index: int, following: int) -> bool:
    if following != index + 1:
        return following != index
    boundary = bars[index].after
    return (
        boundary.section
        or boundary.part
        or boundary.ending
        or bars[following].sounds[0].place[0] > bars[index].sounds[-1].place[0]
    )


def _warn(bar: BarDraft, problems: Problems) -> None:
    lengths = " and ".join(str(length) for length in dict.fromkeys(bar.lengths))
    problems.warning(
        bar.sounds[0].place,
        "bar-length",
        f"expected a bar of length {bar.expected}, came {lengths}",
    )
