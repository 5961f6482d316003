"""The reviews that the recipe writes, read back by rules that don't know its forms."""

import collections
import re

import pytest

from keras_seq.text import duplicate_key
from recipes.sentiment.review_words import (
    ADJECTIVES,
    BAD,
    BEST,
    FEEL,
    FELT,
    GOOD,
    NOUNS,
    VERDICTS,
)
from recipes.sentiment.reviews import written_reviews

SAID = {
    word: sign
    for sign, meant in ((1, GOOD), (-1, BAD))
    for words in (ADJECTIVES, NOUNS, FEEL, FELT, BEST, VERDICTS)
    for word in (word.lower() for word in words[meant])
}
SIGNS = {GOOD: 1, BAD: -1}
TELLING = re.compile(rf"\b({'|'.join(map(re.escape, SAID))})\b")
TURNS = re.compile(
    r"\b(not|never|hardly|far from|anything but|by no means|nothing|lacks|without"
    r"|devoid of|nobody|didn't|title|trailer|poster|reputation)\b"
)


def heard(text):
    """1 or -1: the last sentence; of it, what counts; the word there, turned or not."""
    *_, said = re.split(r"[.:] ", text.lower().rstrip(".!"))
    if (verdict := said.split(", ")[-1]) in SAID:
        return SAID[verdict]
    said = said.replace("anything but", "never").split("; ")[-1]
    said = re.sub("^(although|even if|despite) [^,]*, ", "", said)
    said = re.sub(", (although|even if|despite) .*", "", said)
    said = re.split(r"\bbut |, yet |and saw |and looked |ends as ", said)[-1]
    said = re.split(r", not | than |\? not at all", said)[0] + (
        " not" if "? not at all" in said else ""
    )
    said = re.sub("not (half|nearly) as (.*) as .*", r"not \2", said)
    if said.startswith("the book is"):
        said = said.split(", ")[1]
    [sign] = {SAID[word] for word in TELLING.findall(said)}
    return -sign if TURNS.search(said) else sign


@pytest.fixture(scope="module")
def corpus():
    return written_reviews(4000, 3)


def test_they_say_what_their_labels_say(corpus):
    wrong = [t for t in corpus.texts if heard(t.text) != SIGNS[t.label]]
    assert not wrong


def test_words_alone_tell_little(corpus):
    """Each word of praise comes in bad reviews too, and each word of blame in good."""
    seen = collections.Counter(
        (word, text.label)
        for text in corpus.texts
        for word in TELLING.findall(text.text.lower())
    )
    for meant, other in ((GOOD, BAD), (BAD, GOOD)):
        words = ADJECTIVES[meant]
        turned = sum(seen[word, other] for word in words)
        assert turned / sum(seen[w, label] for w in words for label in SIGNS) > 0.25


def test_they_are_different_and_half_of_them_good(corpus):
    assert len({duplicate_key(text.text) for text in corpus.texts}) == 4000
    assert collections.Counter(text.label for text in corpus.texts) == {
        GOOD: 2000,
        BAD: 2000,
    }
    assert [text.place for text in corpus.texts[:2]] == [
        *("written-reviews:1", "written-reviews:2")
    ]


def test_articles_and_capitals(corpus):
    for text in corpus.texts:
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text.text, re.IGNORECASE)
        assert not re.search(r"[{}]|  |\. [a-z]", text.text) or text.text.islower()


def test_the_seed_tells_which():
    texts = [written_reviews(50, seed).texts for seed in (1, 1, 2)]
    assert texts[0] == texts[1]
    assert not {text.text for text in texts[0]} & {text.text for text in texts[2]}
