"""No text raises anything but AbcError, hangs, or exhausts the stack."""

import random
import re

import pytest

from keras_seq.music.abc import AbcError, parse, validate
from tests.music.abc.support import tune
from tests.music.data import irish_tunes, music21_tunes

ALPHABET = (
    "ABCDEFGabcdefgzxyZX^_=,'/0123456789|:[](){}<>-.~!+\"&%\\ \n\t;*#?@HTuvKLMPQVXw%"
    "rRJ`$\r\x00\x0b\u2028é"
)
MEGABYTE = 1_000_000


def check(text):
    """Reads a text in every way, and holds the answers against each other."""
    validation = validate(text)
    lines = re.split(r"\r\n|\r|\n", text)
    for problem in validation.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert str(problem) in str(validation)
    errors = [p for p in validation.problems if p.severity == "error"]
    assert validation.valid == (not errors)
    if errors:
        with pytest.raises(AbcError) as raised:
            parse(text)
        assert raised.value.problem == errors[0]
    else:
        assert parse(text) == validation.tune
    if read := validation.tune:
        for bar in read.bars:
            notes = [n for n in read.notes if n.bar == bar.index and not n.grace]
            assert bar.length == sum(n.length for n in notes if n.layer == 0)
            assert bar.length > 0
        for voice in read.voices:
            assert {bar.voice for bar in read.playing_order(voice)} == {voice}
        assert validation.complete == (
            bool(read.bars) and all(bar.complete for bar in read.bars)
        )


def random_text(source, length):
    return "".join(source.choice(ALPHABET) for _ in range(source.randint(0, length)))


def mutated(source, text):
    characters = list(text)
    for _ in range(source.randint(1, 12)):
        place = source.randrange(len(characters))
        match source.randrange(4):
            case 0:
                characters[place] = source.choice(ALPHABET)
            case 1:
                del characters[place]
            case 2:
                characters.insert(place, source.choice(ALPHABET))
            case 3:
                other = source.randrange(len(characters))
                start, stop = sorted((place, other))
                characters[start:stop] = characters[start:stop][::-1]
        characters = characters or ["X"]
    return "".join(characters)


@pytest.mark.parametrize("seed", range(5))
def test_random_text(seed):
    source = random.Random(seed)
    for _ in range(200):
        check(random_text(source, 300))
        check(tune(random_text(source, 300)))


@pytest.mark.parametrize("seed", range(5))
def test_binary_junk(seed):
    source = random.Random(seed)
    for _ in range(100):
        junk = source.randbytes(200).decode("latin-1")
        check(junk)
        check(tune(junk))


@pytest.mark.parametrize("corpus", ["irish", "airdsAirs"])
def test_mutated_tunes(corpus):
    source = random.Random(0)
    tunes = irish_tunes() if corpus == "irish" else music21_tunes(corpus)
    for text in source.sample(tunes, 120):
        check(mutated(source, text))


@pytest.mark.parametrize("seed", range(3))
def test_tunes_cut_off_anywhere(seed):
    source = random.Random(seed)
    text = source.choice(irish_tunes())
    for stop in range(len(text)):
        validation = validate(text[:stop])
        assert all(problem.line >= 1 for problem in validation.problems)


@pytest.mark.parametrize("piece", ['"', "%x", "[1", "\\", "w:", "|", "::|", " "])
def test_a_line_of_a_megabyte(piece):
    validate(tune(piece * (MEGABYTE // len(piece))))
    validate(piece * (MEGABYTE // len(piece)))


@pytest.mark.parametrize(
    "piece",
    [
        *("(", "[", "{", "((3", "[CE", '"a', "!a", "'", "C|", "A>", "A,", "A::", "&A"),
        *("A\n", "X:1\n", "+:a\n", "V:1\n", "P:A\nA|\n", "\n", "|1A:|2B", "a/511a/509"),
    ],
)
def test_long_texts_of_one_kind(piece):
    for text in (tune(piece * 3_000), piece * 3_000):
        validation = validate(text)
        if validation.tune:
            validation.tune.playing_order()


def test_numbers_of_any_length():
    digits = "9" * 10_000
    for body in (
        "C{}",
        "C/{}",
        "z{}",
        "Z{}",
        "({}abc",
        "(3:{}:{}abc",
        "|{} C",
        "[{} C",
    ):
        check(tune(body.replace("{}", digits)))
    for field in ("X", "M", "L", "Q", "P", "K", "V"):
        check(tune("C|", more=f"{field}:{digits}\n{field}:{digits}/{digits}\n"))
    check(tune("C|", more=f"P:(A{digits}){digits}\nQ:1/{digits}={digits}\n"))
