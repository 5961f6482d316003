"""Labels that are one, spelt in several ways."""

import re
from collections.abc import Mapping

_WHOLE = re.compile(r"([+-]?[0-9]{1,15})(?:\.0*)?")

_YES = {"yes", "y", "true", "t", "1", "1.0"}
_NO = {"no", "n", "false", "f", "0", "0.0"}


def one_spelling(counts: Mapping[str, int], notes: list[str]) -> dict[str, str]:
    """The spelling of each label that is another but for case, or for ".0".

    Where all of them are words for yes and for no (or true and false, 1 and 0), and
    there are more than two, they are these two.

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
    folded = {label.casefold() for label in counts}
    answers = len(folded) > 2 and folded <= _YES | _NO
    answers = answers and bool(folded & _YES) and bool(folded & _NO)
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        whole = _WHOLE.fullmatch(label)
        key = str(int(whole[1])) if whole else label.casefold()
        if answers:
            key = str(label.casefold() in _YES)
        groups.setdefault(key, []).append(label)
    found = {}
    for first, *others in groups.values():
        if others:
            found.update(dict.fromkeys(others, first))
            shown = ", ".join(f"{label!r} ({counts[label]})" for label in others[:5])
            notes.append(f"the label {first!r} is also spelt {shown}: they are one")
    return found
