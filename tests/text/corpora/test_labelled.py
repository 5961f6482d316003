"""Texts with labels, from every form of file, good and bad."""

import gzip
import shutil
import zipfile

import pytest

from keras_seq.text import read_labelled


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def found(corpus):
    return sorted((text.part, text.label, text.text) for text in corpus.texts)


TABLE = "pos\tGood  film\tindeed.\r\nneg\tBad.\n\npos\tcafe\u0301\n"
EXPECTED = [("", "neg", "Bad."), ("", "pos", "Good film indeed."), ("", "pos", "café")]


@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t.gz", "t.zip"])
def test_a_table(tmp_path, name):
    path = tmp_path / name
    data = TABLE.encode("utf-8-sig")
    if name.endswith(".gz"):
        data = gzip.compress(data)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside.tsv", data)
            archive.writestr("__MACOSX/inside.tsv", b"\0")
    else:
        path.write_bytes(data)
    corpus = read_labelled(path)
    assert found(corpus) == EXPECTED
    assert len(corpus.empty) == 1
    assert corpus.empty[0].endswith(":3")
    assert corpus.labels == ["neg", "pos"]


FORMS = {
    "folders": (
        {"pos/1.txt": "Good  film\tindeed.", "neg/2.txt": "Bad.", "pos/3.txt": "café"},
        EXPECTED,
    ),
    "folders in a folder": (
        {"m/pos/1.txt": "a", "m/neg/2.txt": "b", "README": "x", ".hidden/x.txt": "x"},
        [("", "neg", "b"), ("", "pos", "a")],
    ),
    "parts": (
        {
            "train/pos/1.txt": "a",
            "train/neg/2.txt": "b",
            "train/unsup/3.txt": "c",
            "test/pos/1.txt": "d",
            "test/neg/1.txt": "e",
            "imdb/vocab.txt": "x",
        },
        [
            *(("test", "neg", "e"), ("test", "pos", "d")),
            *(("train", "neg", "b"), ("train", "pos", "a")),
        ],
    ),
    "parts without a test": (
        {
            "Train/pos/1.txt": "a",
            "Train/neg/2.txt": "b",
            "Dev/neg/3.txt": "c",
            "Dev/pos/4.txt": "d",
        },
        [
            *(("train", "neg", "b"), ("train", "pos", "a")),
            *(("validation", "neg", "c"), ("validation", "pos", "d")),
        ],
    ),
    "training alone": (
        {"m/train/pos/1.txt": "a", "m/train/neg/2.txt": "b"},
        [("train", "neg", "b"), ("train", "pos", "a")],
    ),
    "lines": (
        {"rt.pos": "a\nb\n", "rt.neg": "c\n", "README.txt": "x", "rt.xml": "x"},
        [("", "neg", "c"), ("", "pos", "a"), ("", "pos", "b")],
    ),
    "tables": (
        {"train.tsv": "p\ta\nn\tb\n", "test.tsv": "p\tc\n", "dev.tsv": "n\td\n"},
        [
            *(("test", "p", "c"), ("train", "n", "b"), ("train", "p", "a")),
            ("validation", "n", "d"),
        ],
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zipped", [False, True])
def test_folders(tmp_path, form, zipped):
    files, expected = FORMS[form]
    path = write(tmp_path / "corpus", files)
    if zipped:
        path = shutil.make_archive(str(tmp_path / "corpus"), "zip", path)
    assert found(read_labelled(path)) == sorted(expected)


def test_what_is_left_out_is_counted(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("p\ta\np\ta \nn\ta\nn\t \nn\tb\n")
    corpus = read_labelled(path)
    assert found(corpus) == [("", "n", "a"), ("", "n", "b"), ("", "p", "a")]
    assert (corpus.repeated, corpus.contradictory) == (1, 1)
    assert corpus.empty == ("t.tsv:4",)
    for words in ("3 texts", "1 repeat", "1 come", "1 are empty: 't.tsv:4'"):
        assert words in " ".join(corpus.summary().split())


def test_folders_that_the_test_has_not_are_named(tmp_path):
    files, _ = FORMS["parts"]
    corpus = read_labelled(write(tmp_path / "corpus", files))
    assert corpus.unused == ("train/unsup",)
    assert "'train/unsup'" in corpus.summary()


def test_many_labels_make_no_long_summary(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("".join(f"text {i}\tpos\n" for i in range(1000)))
    summary = read_labelled(path).summary()
    assert "and 980 more labels" in summary
    assert len(summary) < 600


def test_a_zip_that_needs_a_password(tmp_path):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.tsv", "p\ta\nn\tb\n")
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + place] |= 1  # "encrypted"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"t.zip: cannot be unpacked: .*password"):
        read_labelled(path)


def test_the_digest_tells_texts_labels_and_parts_apart(tmp_path):
    digests = set()
    for number, table in enumerate(("p\ta\nn\tb\n", "p\tb\nn\ta\n", "p\ta\nn\tc\n")):
        path = tmp_path / f"{number}.tsv"
        path.write_text(table)
        digests.add(read_labelled(path).digest)
    folder = write(tmp_path / "parts", {"train.tsv": "p\ta\nn\tb\n"})
    digests.add(read_labelled(folder).digest)
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"t.tsv": "p\ta\nno tab\n"}, "t.tsv:2: expected a label, a tab and a text"),
        ({"t.tsv": "p\ta\n\ttext\n"}, "t.tsv:2: expected a label"),
        ({"t.tsv": b"p\ta\nn\t\xff\n"}, "t.tsv:2: expected UTF-8; received .* 0xFF"),
        ({"t.tsv": "p\ta\np\tb\n"}, "two labels at least; received 2 texts with 'p'"),
        ({"t.tsv": ""}, "two labels at least; received 0 texts with no label"),
        ({"t.gz": b"\x1f\x8bxx"}, "t.gz: is no whole .gz"),
        ({"t.zip": b"PKxx"}, "t.zip: is no whole .zip"),
        ({"t/pos/1.txt": b"\xe9", "t/neg/1.txt": "y"}, "pos/1.txt:1: expected UTF-8"),
        ({"t/a.txt": "x"}, "expected train.tsv"),
        ({"t/pos/1.txt": "x"}, "expected train.tsv"),
    ],
)
def test_bad_files(tmp_path, files, message):
    write(
        tmp_path,
        {**files, **({"t/neg/1.txt": "y"} if b"\xe9" in files.values() else {})},
    )
    [top] = tmp_path.iterdir()
    with pytest.raises(ValueError, match=message):
        read_labelled(top)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_labelled(tmp_path / "none.tsv")


@pytest.mark.parametrize("line", [" ", "\t", " \t "])
def test_a_line_of_spaces_is_empty(tmp_path, line):
    path = tmp_path / "x.tsv"
    path.write_text(f"one\ta\n{line}\ntwo\tb\nthree\ta\nfour\tb\n")
    corpus = read_labelled(path)
    assert [t.text for t in corpus.texts] == ["one", "two", "three", "four"]
    assert corpus.empty == ("x.tsv:2",)
