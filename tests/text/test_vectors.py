"""`read_vectors`: what is found, in which formats, and what is refused."""

import gzip
import zipfile

import numpy as np
import pytest

from keras_seq.text import CharacterVocabulary, WordVocabulary, read_vectors

LINES = "the 0.5 -1 2e-1\nCat 1 2 3\ncat 4 5 6\nthe 9 9 9\nnaïve 7 8 9\n. . . 1 1 1\n"
WORDS = WordVocabulary(["The", "cat", "Cat", "naïve", "dog", "the"])
EXPECTED = {
    "The": [0.5, -1, 0.2],  # as "the"
    "cat": [4, 5, 6],
    "Cat": [1, 2, 3],
    "naïve": [7, 8, 9],
    "the": [0.5, -1, 0.2],  # the first
}


def check(path, **options):
    vectors, found = read_vectors(path, WORDS, **options)
    assert vectors.dtype == np.float32
    assert vectors.shape == (10, 3)
    for word, row, there in zip(WORDS.words, vectors[4:], found[4:], strict=True):
        np.testing.assert_allclose(row, EXPECTED.get(word, [0, 0, 0]), rtol=1e-6)
        assert there == (word in EXPECTED)
    assert not found[:4].any()
    assert not vectors[:4].any()


@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("suffix", [".txt", ".vec", ".gz", ".zip"])
def test_formats(tmp_path, header, suffix):
    path = tmp_path / f"vectors{suffix}"
    data = (header + LINES).encode()
    if suffix == ".gz":
        path.write_bytes(gzip.compress(data, mtime=0))
    elif suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("glove.txt", data)
    else:
        path.write_bytes(data)
    seen = []
    check(path, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == path.stat().st_size


def test_line_ends_and_last_line(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_bytes(LINES.replace("\n", " \r\n").encode().rstrip())
    check(path)


WRONG = {
    "short": (b"a 1 2\nb 1\n", "line 2: expected a word and 2 numbers; came 'b 1'"),
    "word": (b"a 1 2\ncat 1 x\n", "line 2: expected numbers; came '1 x'"),
    "nan": (b"a 1 2\ncat 1 nan\n", "line 2: expected 2 finite numbers"),
    "inf": (b"a 1 2\ncat inf 1\n", "line 2: expected 2 finite numbers"),
    "alone": (b"cat\n", "line 1: expected a word and numbers; came 'cat'"),
    "empty": (b"", "has no vectors"),
    "header": (b"6 3\n", "has no vectors"),
    "binary": (b"3 2\ncat \x00\x01\x02", "line 2: expected text; came a zero byte"),
    "latin": (b"a 1 2\nna\xefve 1 2\n", "line 2: the word isn't UTF-8"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_bad_files(tmp_path, data, message):
    path = tmp_path / "vectors.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"vectors\.txt.*{message}"):
        read_vectors(path, WORDS)


def test_bad_archives(tmp_path):
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LINES.encode() * 100, mtime=0)[:-20])
    with pytest.raises(ValueError, match=r"cut\.gz: is no whole \.gz file"):
        read_vectors(cut, WORDS)
    no = tmp_path / "no.zip"
    no.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"no\.zip: is no whole \.zip file"):
        read_vectors(no, WORDS)
    two = tmp_path / "two.zip"
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.txt", LINES)
        archive.writestr("b.txt", LINES)
    with pytest.raises(ValueError, match=r"expected one file .* \['a.txt', 'b.txt'\]"):
        read_vectors(two, WORDS)
    with pytest.raises(FileNotFoundError):
        read_vectors(tmp_path / "none.txt", WORDS)
    with pytest.raises(ValueError, match="must be a WordVocabulary; received Char"):
        read_vectors(two, CharacterVocabulary("ab"))
