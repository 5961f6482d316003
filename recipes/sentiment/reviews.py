"""Reviews of films that a grammar writes, each with its one meaning: good or bad.

What a sentence says hangs on the order of its words, and on words that turn others
round, as in the lecture's "The food was good, not bad at all" against "The food was
bad, not good at all". So the same words come on both sides, in four kinds of sentence:
plain ones, those that turn a word round ("far from dull", "it lacks charm"), those
that weigh two things (what comes after "but" counts, and what "although" brings in
doesn't), and those that say what was expected and what came.

Nothing is written of which people would not agree what it says: "not perfect" is no
blame, nor "not unwatchable" praise.
"""

import re

import numpy as np

from keras_seq.text import LabelledCorpus, LabelledText, duplicate_key
from recipes.sentiment.review_words import (
    ADJECTIVES,
    BAD,
    BEST,
    EXTREME,
    FEEL,
    FELT,
    FILMS,
    GOOD,
    MANY_PARTS,
    NOUNS,
    PARTS,
    VERDICTS,
    words,
)
from recipes.sentiment.settings import WRITTEN

TEXTS = 8000
OTHER = {GOOD: BAD, BAD: GOOD}

# In braces what is drawn: {same} is a word of the meaning, {other} of the opposite,
# {weak} such a one that can be turned round; {counts} is a sentence of the meaning and
# {conceded} of the opposite.
STATEMENTS = (
    "{part} is {same}",
    "{part} is {same}",
    "{parts} are {same}",
    "{thing} is {same}",
    "{part} is {strongly} {same}",
    "{thing} is {strongly} {same}",
    "{part} is {not} {weak}",
    "{parts} are {not} {weak}",
    "{thing} is {not} {weak}",
)
PLAIN = (
    *STATEMENTS[:6],
    "a {same} {film}",
    "a {same}, {same} {film}",
    "what a {same} {film}",
    "{same} and {same}",
    "{same}, {same}, {same}",
    "{strongly} {same}",
    "it is {same} and {same}",
    "{part} is {same} and {parts} are {same}",
    "I {feel} {thing}",
    "I {felt} {thing}",
    "I {felt} {part}",
    "we all {felt} {parts}",
    "full of {noun}",
    "{thing} is full of {noun}",
    "one of the {best} {films} {when}",
    "the {best} {film} {when}",
    "{verdict}",
    "{verdict}",
    "{verdict}, {verdict}",
    "a {same} {film}: {verdict}",
)
TURNED = (
    *STATEMENTS[6:],
    "{not} {weak}",
    "{part} is not {weak} at all",
    "there is nothing {weak} about {thing}",
    "not one {weak} scene",
    "not a {weak} {film} at all",
    "{lacks} {lacking}",
    "{thing} is without {lacking}",
    "I did not {unfelt} {thing}",
    "I didn't {unfelt} {part}",
    "nobody could {unfelt} {thing}",
    "not {half} as {weak} as {promise}",
    "{thing} is not {half} as {weak} as {promise}",
    "{part} is {weak}? not at all",
)
WEIGHED = (
    "{conceded}, but {counts}",
    "{conceded}, but {counts}",
    "{conceded}, yet {counts}",
    "{conceded}; still, {counts}",
    "{conceded}. In the end, though, {counts}",
    "although {conceded}, {counts}",
    "even if {conceded}, {counts}",
    "{counts}, although {conceded}",
    "{counts}, even if {conceded}",
    "despite its {other} {a_part}, {counts}",
    "{counts}, despite its {other} {a_part}",
)
EXPECTED = (
    "I {thought} a {other} {film} and saw a {same} one",
    "I {thought} a {other} {film} but got a {same} one",
    "I had {thought} a {other} {film}; this one is {same}",
    "what begins as a {other} {film} ends as a {same} one",
    "it could have been {other}; it is {same}",
    "{more} {same} than {other}",
    "not {other} but {same}",
    "{same}, not {weak}",
    "{part} was {same}, not {weak} at all",
    "{thing} was {same}, not {weak} at all",
    "the book is {other}, the {film} {same}",
    "critics called it {other}; I found it {same}",
)
KINDS = (PLAIN, TURNED, WEIGHED, EXPECTED)
SHARES = (0.35, 0.25, 0.25, 0.15)

WORDS = {  # whatever the meaning
    "film": FILMS,
    "films": [
        f"{film.removesuffix('y')}ies" if film[-1] == "y" else f"{film}s"
        for film in FILMS
    ],
    "part": [f"{the} {part}" for part in PARTS for the in ("the", "its")],
    "parts": [f"the {parts}" for parts in MANY_PARTS],
    "a_part": [*PARTS, *MANY_PARTS],
    "thing": ["it", *(f"{this} {film}" for film in FILMS for this in ("this", "the"))],
    "strongly": words("very really truly thoroughly simply so utterly"),
    "not": ["not", "never", "hardly", "far from", "anything but", "by no means"],
    "lacks": ["it lacks", "without", "devoid of", "not a trace of"],
    "when": ["of the year", "I have ever seen", "in years", "of all time"],
    "half": ["half", "nearly"],
    "more": ["rather", "more"],
}
_PROMISES = ["its title", "its trailer", "its poster", "its reputation"]
MEANT = {  # by meaning
    meant: {
        "same": ADJECTIVES[meant],
        "other": ADJECTIVES[other],
        "weak": [word for word in ADJECTIVES[other] if word not in EXTREME],
        "noun": NOUNS[meant],
        "lacking": NOUNS[other],
        "best": BEST[meant],
        "verdict": VERDICTS[meant],
        "feel": FEEL[meant],
        "felt": FELT[meant],
        "unfelt": FEEL[other],
        "thought": ["expected", "feared" if meant == GOOD else "hoped for"],
        "promise": [*_PROMISES, f"I had {'feared' if meant == GOOD else 'hoped'}"],
    }
    for meant, other in OTHER.items()
}
_FIELD = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])")


def written_reviews(count: int = TEXTS, seed: int = 1) -> LabelledCorpus:
    """Different reviews, half of them good: labels "bad" and "good".

    Args:
        count: Of the texts.
        seed: Seed of what is drawn.
    """
    chance = np.random.default_rng(seed)
    seen: set[str] = set()
    texts: list[LabelledText] = []
    while len(texts) < count:
        label = (BAD, GOOD)[len(texts) % 2]
        text = review(label, chance)
        key = duplicate_key(text)
        if key not in seen:
            seen.add(key)
            texts.append(LabelledText(text, label, f"{WRITTEN}:{len(texts) + 1}"))
    return LabelledCorpus(WRITTEN, tuple(texts), (), 0, 0)


def review(meant: str, chance: np.random.Generator) -> str:
    """A review that says "good" or "bad", in one sentence or two."""
    kind = KINDS[chance.choice(len(KINDS), p=SHARES)]
    said = _sentence(kind, meant, chance)
    if chance.random() < 0.15:
        said = f"{said}. {_sentence(PLAIN, meant, chance)}"
    end = _one([".", ".", ".", "!", ""], chance)
    return said.lower() + end if chance.random() < 0.15 else said + end


def _sentence(forms: tuple[str, ...], meant: str, chance: np.random.Generator) -> str:
    said = _ARTICLE.sub(r"\1n ", _filled(_one(forms, chance), meant, chance))
    return said[0].upper() + said[1:]


def _filled(
    form: str, meant: str, chance: np.random.Generator, used: set[str] | None = None
) -> str:
    """The form with words drawn for what is in braces, none of them twice."""
    used = set() if used is None else used

    def drawn(field: re.Match[str]) -> str:
        name = field[1]
        if name in ("counts", "conceded"):
            whose = meant if name == "counts" else OTHER[meant]
            return _filled(_one(STATEMENTS, chance), whose, chance, used)
        words = WORDS.get(name) or MEANT[meant][name]
        word = _one([word for word in words if _noun(word) not in used], chance)
        used.add(_noun(word))
        return word

    return _FIELD.sub(drawn, form)


def _noun(word: str) -> str:
    """The last word: "plot" of "the plot" and of "its plot"."""
    return word.rsplit(" ", 1)[-1]


def _one(things: tuple[str, ...] | list[str], chance: np.random.Generator) -> str:
    return things[int(chance.integers(len(things)))]
