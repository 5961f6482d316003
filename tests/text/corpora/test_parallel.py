"""Reading pairs of sentences."""

import gzip
import zipfile

import pytest

from keras_seq.text import PairCorpus, read_pairs, read_two
from tests.text import samples

LINES = "Go.\tVa !\tCC-BY 2.0\nRun!\tCours\u202f!\tCC\nHi.\tSalut.\t\n"
PAIRS = (("Go.", "Va !"), ("Run!", "Cours\u202f!"), ("Hi.", "Salut."))


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return path


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        LINES.encode("utf-8-sig"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.rstrip("\n").encode(),
        LINES.replace("Go.", " Go. ").encode(),
    ],
)
def test_what_a_file_looks_like(data, tmp_path):
    plain = write(tmp_path / "few.tsv", data)
    packed = write(tmp_path / "few.tsv.gz", gzip.compress(data, mtime=0))
    in_zip = zipped(tmp_path / "few.zip", few__txt=data, _about__txt="about it")
    for path, name in (
        (plain, "few.tsv"),
        (packed, "few.tsv.gz"),
        (str(in_zip), "few.zip/few.txt"),
    ):
        corpus = read_pairs(path)
        assert corpus == PairCorpus(name, PAIRS, 0, 0)
        assert len(corpus) == 3
        assert corpus.sources == ("Go.", "Run!", "Hi.")
        assert corpus.targets == ("Va !", "Cours\u202f!", "Salut.")


def test_columns(tmp_path):
    path = write(tmp_path / "few.tsv", "1\ten\tfr\n2\tEN\tFR\n")
    assert read_pairs(path, columns=(1, 2)).pairs == (("en", "fr"), ("EN", "FR"))
    assert read_pairs(path, columns=(2, 1)).pairs == (("fr", "en"), ("FR", "EN"))
    for columns in ((0, 0), (-1, 0), (0, 1, 2)):
        with pytest.raises(ValueError, match="`columns` must be two different"):
            read_pairs(path, columns=columns)


def test_what_is_left_out(tmp_path):
    lines = "a\tb\n\na\t b\n\tc\nd\t \u3000\na\tB\n \t \na\tb\n\x00\te\n"
    corpus = read_pairs(write(tmp_path / "x.tsv", lines))
    assert corpus == PairCorpus("x.tsv", (("a", "b"), ("a", "B")), 5, 2)
    assert corpus.summary().splitlines() == [
        "x.tsv: 2 of 9 pairs are usable, 1 different sources, 2 different targets",
        "       5 have an empty side",
        "       2 repeat an earlier pair",
    ]


def test_lines_end_at_line_breaks_alone(tmp_path):
    pairs = (("a\u2028b", "c\x85d\x0ce"), ("f", "g"))
    text = "\n".join("\t".join(pair) for pair in pairs)
    assert read_pairs(write(tmp_path / "x.tsv", text)).pairs == pairs


def test_digest(tmp_path):
    one = read_pairs(write(tmp_path / "one.tsv", LINES))
    two = read_pairs(write(tmp_path / "two.tsv", LINES + "\n" + LINES))
    assert one.digest == two.digest
    assert len(one.digest) == 64
    swapped = read_pairs(tmp_path / "one.tsv", columns=(1, 0))
    assert swapped.digest != one.digest
    with_cut = PairCorpus("", (("a", "b"), ("c", "d")), 0, 0)
    assert with_cut.digest != PairCorpus("", (("a", "b\tc"),), 0, 0).digest


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.tsv", "a\tb\nc\n", r"x\.tsv:2: expected columns 0 and 1.*received 1 col"),
        ("x.tsv", b"a\tb\nc\td\n\xe9\tf\n", r"x\.tsv:3: expected UTF-8.*0xE9"),
        ("x.tsv", b"\xef\xbb\xbfa\tb\n\xe9\tf\n", r"x\.tsv:2: expected UTF-8.*0xE9"),
        ("x.tsv", "aa\tbbbbb".encode("utf-16-le"), r"x\.tsv:1: expected UTF-8; .*0x61"),
        ("x.tsv", "", r"x\.tsv: expected pairs.*received 0 lines"),
        ("x.tsv", "\n\t\n", r"x\.tsv: expected pairs.*received 2 lines"),
        ("x.gz", LINES, r"x\.gz: is no whole \.gz"),
        (
            "x.gz",
            gzip.compress(LINES.encode(), mtime=0)[:-9],
            r"x\.gz: is no whole \.gz",
        ),
        ("x.zip", LINES, r"x\.zip: is no whole \.zip"),
    ],
)
def test_files_that_are_refused(name, data, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_pairs(write(tmp_path / name, data))


def test_which_file_of_a_zip(tmp_path):
    two = zipped(tmp_path / "two.zip", a__txt="a\tb", b__tsv="c\td", c__csv="x")
    with pytest.raises(
        ValueError, match=r"two\.zip: expected one .*'a\.txt', 'b\.tsv'"
    ):
        read_pairs(two)
    assert read_pairs(two, member="b.tsv").pairs == (("c", "d"),)
    assert read_pairs(two, member="b.tsv").name == "two.zip/b.tsv"
    with pytest.raises(ValueError, match=r"`member` 'z\.txt'"):
        read_pairs(two, member="z.txt")
    none = zipped(tmp_path / "none.zip", _about__txt="a\tb")
    with pytest.raises(ValueError, match=r"none\.zip: expected one .*received \[\]"):
        read_pairs(none)
    bad = zipped(tmp_path / "bad.zip", deep__txt=b"a\tb\n\n\xff")
    with pytest.raises(ValueError, match=r"bad\.zip/deep\.txt:3: expected UTF-8"):
        read_pairs(bad)
    with pytest.raises(ValueError, match=r"`member` must be None"):
        read_pairs(write(tmp_path / "x.tsv", LINES), member="x")


@pytest.mark.parametrize(
    ("here", "there", "value", "message"),
    [(6, 8, 1, "encrypted"), (8, 10, 99, "compression method")],
)
def test_zips_that_cannot_be_unpacked(here, there, value, message, tmp_path):
    path = zipped(tmp_path / "x.zip", x__tsv="a\tb\n")
    data = bytearray(path.read_bytes())
    # A flag, or the method, in the file's header and in the directory's entry.
    data[here] = data[data.index(b"PK\x01\x02") + there] = value
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"x\.zip: can't be unpacked: .*{message}"):
        read_pairs(path)


def test_missing_files(tmp_path):
    for name in ("x.tsv", "x.gz", "x.zip"):
        with pytest.raises(FileNotFoundError, match=name):
            read_pairs(tmp_path / name)


def test_two_files(tmp_path):
    sources = write(tmp_path / "x.en", "Go.\nRun!\n\nGo.\n")
    targets = write(tmp_path / "x.fr.gz", gzip.compress(b"Va !\r\nCours !\r\nQ\nVa !"))
    corpus = read_two(sources, targets)
    pairs = (("Go.", "Va !"), ("Run!", "Cours !"))
    assert corpus == PairCorpus("x.en + x.fr.gz", pairs, 1, 1)
    shorter = write(tmp_path / "y.fr", "Va !\nCours !\n")
    with pytest.raises(
        ValueError, match=r"x\.en and y\.fr must have as many .*received 4 and 2"
    ):
        read_two(sources, shorter)
    broken = write(tmp_path / "z.fr", b"a\nb\nc\xff\nd\n")
    with pytest.raises(ValueError, match=r"z\.fr:3: expected UTF-8"):
        read_two(sources, broken)


def test_tatoeba():
    corpus = read_pairs(samples.tatoeba(), columns=(1, 0))
    assert corpus.name == "fra-eng.zip/fra.txt"
    assert len(corpus) + corpus.empty + corpus.duplicates == 142_787
    assert corpus.pairs[0] == ("Va !", "Go.")
    assert len(set(corpus.pairs)) == len(corpus)
