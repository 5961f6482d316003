"""Labels that are one, spelt in several ways."""

import re
from collections.abc import Mapping

from keras_seq.files import YES_NO

_WHOLE = re.compile(r"([+-]?[0-9]{1,15})(?:\.0*)?")

_NUMBERS = {"1.0": "1", "0.0": "0"}


def one_spelling(counts: Mapping[str, int], notes: list[str]) -> dict[str, str]:
    """The spelling of each label that is another but for case, or for ".0".

    Where all of them are pairs of words for yes and no (y and n, true and false, t and
    f, 1 and 0), each with both, and there are several such pairs, they are these two.

    Args:
        counts: How often each label comes.
        notes: List that gets a note for each label that has several spellings.

    Returns:
        Dict from the rarer spellings to the most frequent one.

    Example:

    >>> one_spelling({"yes": 9, "Yes": 2, "no": 5}, [])
    {'Yes': 'yes'}
    """
    groups: dict[str, list[str]] = {}
    folded = {label: label.casefold() for label in counts}
    # "1.0" is 1, but T, F and N may be three things.
    words = {_NUMBERS.get(word, word) for word in folded.values()}
    pairs = [pair for pair in YES_NO.items() if words & set(pair)]
    answers = len(pairs) > 1 and words == {word for pair in pairs for word in pair}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        whole = _WHOLE.fullmatch(label)
        key = whole[1] if whole else label.casefold()
        if answers:
            key = str(_NUMBERS.get(folded[label], folded[label]) in YES_NO)
        groups.setdefault(key, []).append(label)
    found = {}
    for first, *others in groups.values():
        if others:
            found.update(dict.fromkeys(others, first))
            shown = ", ".join(f"{label!r} ({counts[label]})" for label in others[:5])
            notes.append(f"the label {first!r} is also spelt {shown}: they are one")
    return found
