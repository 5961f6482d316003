"""Texts that the tests of this room share."""

import random
import unicodedata
import zipfile
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
# Assigned code points, 16 of Unicode's neighbours in a text.
ASSIGNED = [
    chr(c)
    for c in range(0x110000)
    if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")
]
ASSIGNED += ["\ue000", "\U0010fffd"]
EVERYTHING = ["".join(ASSIGNED[i : i + 16]) for i in range(0, len(ASSIGNED), 16)]
CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
HARD = [
    "",
    " ",
    "   ",
    " a  b   ",
    "Ça va ? Très bien\u202f!",
    "l'été d’Anne-Marie, 3.14; 1,000:2",
    "\ta\nb\r\n\0c\0",
    CONTROLS,
    "<s></s><unk><pad><0x41>",
    "e\u0301 é Å Å \u0345",
    "日本語のテキスト、終わり。",
    "👩‍👩‍👧 🇫🇷 👍🏽",
    "\ufeffBOM \u200bx\u200d\u2028y\u2585\u2047",
    "ΑΣ ΣΑΣ İI ıi ẞß ﬁ",
    "\ud800 lone",
    "a" * 10_000,
    "né " * 3_333,
]
INVALID = [
    b"\xff",
    b"a\xc3",
    b"\xe2\x82 b",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80\xc0\xaf",
    b"ok",
]
TRAINING = [
    "The cat sat on the mat; the dog didn't.",
    "Le chat était assis sur le tapis, le chien ne l'était pas.",
    "A dog and a cat sat together, 3.14 metres apart.",
    "Où est passé l'été ? Il était là, là-bas !",
    "日本語の文、終わり。",
    "  two  spaces and\ta tab\nand a line  ",
] * 3


def as_graph_sees(text):
    """The text as a tensor can hold it."""
    return text.encode("utf-8", "replace")


def random_texts(chance, characters, count, longest=25):
    return [
        "".join(chance.choices(characters, k=chance.randrange(longest)))
        for _ in range(count)
    ]


def mixed(seed, count):
    """Texts of common and rare characters side by side."""
    chance = random.Random(seed)
    common = "the cat était là '’.,:-012 \u202f\tÉΣ"
    characters = [*common] * 40 + chance.choices(ASSIGNED, k=1500)
    return random_texts(chance, characters, count)


def tatoeba():
    """English and French sentences of the corpus, or a skip."""
    path = SHARED / "tatoeba-fra-eng" / "fra-eng.zip"
    if not path.exists():
        pytest.skip("the Tatoeba corpus is absent")
    return path


def tatoeba_texts(column, step):
    with zipfile.ZipFile(tatoeba()) as archive:
        lines = archive.read("fra.txt").decode().splitlines()
    return [line.split("\t")[column] for line in lines[::step]]


def reviews():
    """Sentences of film reviews, or a skip."""
    path = SHARED / "rt-polarity"
    if not path.exists():
        pytest.skip("rt-polarity is absent")
    return [
        line
        for name in ("rt-polarity.pos", "rt-polarity.neg")
        for line in (path / name).read_text("latin-1").split("\n")
    ]


def rows(ids, lengths):
    """A padded batch as lists, and that the rest is padding."""
    ids, lengths = ids.numpy(), lengths.numpy()
    assert (ids.dtype, lengths.dtype) == ("int32", "int32")
    assert ids.shape == (len(lengths), max(lengths, default=0))
    for row, length in zip(ids, lengths, strict=True):
        assert not row[length:].any()
    return [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]
