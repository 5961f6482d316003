"""Files of kinds that people bring, though nobody asked for them: read, or named."""

import bz2
import gzip
import json
import lzma
import os
import tracemalloc
import zipfile

import pytest

from keras_seq.files import foreign_kind, markup_kind, open_unpacked
from keras_seq.text import (
    one_spelling,
    read_documents,
    read_labelled,
    read_lines,
    read_pairs,
    read_two,
)

PAIRS = (("Go.", "Va !"), ("I have 2.", "J’en ai 2."), ("Run!", "Cours !"))
TSV = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
LINES = [f"The cat sat on mat number {i}." for i in range(40)]


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_is_believed(tmp_path, encoding, capsys):
    path = written(tmp_path / "x.tsv", TSV.encode(encoding))
    corpus = read_pairs(path)
    assert corpus.pairs == PAIRS
    assert list(read_lines(str(path))) == TSV.splitlines()
    labelled = read_labelled(
        written(tmp_path / "l.tsv", "a\tx\nb\ty\n".encode(encoding))
    )
    assert [(t.label, t.text) for t in labelled.texts] == [("a", "x"), ("b", "y")]
    if encoding != "utf-8-sig":
        for note in (*corpus.notes, *labelled.notes, capsys.readouterr().err):
            assert f"is read as {encoding.upper()}" in note
    sides = [written(tmp_path / f"x.{i}", f"{i}\n".encode(encoding)) for i in "ab"]
    assert read_two(*sides).pairs == (("a", "b"),)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_packed_is_known_by_its_content(tmp_path, pack):
    path = written(tmp_path / "x.tsv", pack(TSV.encode()))
    assert read_pairs(path).pairs == PAIRS
    with open_unpacked(path) as file:
        assert file.read() == TSV.encode()
    with pytest.raises(ValueError, match=r"x\.tsv: is no whole"):
        read_pairs(written(path, pack(TSV.encode())[:-6]))


def test_a_zip_under_another_name_is_one(tmp_path):
    path = zipped(
        tmp_path / "x.txt", {f"{i}.txt": text for i, text in enumerate(LINES)}
    )
    assert len(read_documents(path)) == len(LINES)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_seq.text.corpora.sources._SMALL", 2**20)
    lines = "x\n" * 2**20
    bombs = (
        zipped(tmp_path / "x.zip", {"x.txt": lines}),
        written(tmp_path / "x.txt.gz", gzip.compress(lines.encode())),
    )
    for bomb in bombs:
        with pytest.raises(ValueError, match="at most 200 times its"):
            read_documents(bomb)


FOREIGN = {
    "x.pdf": (b"%PDF-1.4\n%\xe2", "PDF"),
    "x.xlsx": (b"PK\x03\x04" + b"x" * 99, r"\.xlsx"),
    "x.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(99), "old office program"),
    "x.rtf": (rb"{\rtf1\ansi}", "RTF"),
    "x.sqlite": (b"SQLite format 3\0", "SQLite"),
    "x.npy": (b"\x93NUMPY\x01", "NumPy"),
    "x.pkl": (b"\x80\x04\x95abc", "pickle"),
    "x.zst": (b"\x28\xb5\x2f\xfd", "zstd"),
    "x.txt": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    "x.html": (b"<!DOCTYPE html>\n<p>", "HTML"),
    "x.tmx": (b'<?xml version="1.0"?>\n<tmx version="1.4">', "TMX"),
    "x.xlf": (b'<?xml version="1.0"?>\n<xliff>', "XLIFF"),
    "x.po": (b'msgid "a"\nmsgstr "b"\n', "gettext"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_text_is_called_by_name(tmp_path, name):
    content, kind = FOREIGN[name]
    path = written(tmp_path / name, content)
    for read in (read_pairs, read_labelled, read_documents):
        if name != "x.po" or read is read_pairs:
            with pytest.raises(ValueError, match=f"{name}.*{kind}"):
                read(path)


@pytest.mark.parametrize("text", ["PKZIP", "GIF files", "BZh9", "a < b", "<3", "Rar!"])
def test_text_is_no_other_kind(tmp_path, text):
    start = text.encode()
    assert not markup_kind(text)
    assert not foreign_kind(start)
    with open_unpacked(written(tmp_path / "x", start)) as file:
        assert file.read() == start


def test_what_can_be_read_once_alone_is_refused(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for read in (read_pairs, read_labelled, read_documents):
        for path in (pipe, "/dev/zero"):
            with pytest.raises(ValueError, match="received a pipe or a device"):
                read(path)
    (tmp_path / "self").symlink_to(tmp_path)
    written(tmp_path / "a.txt", "\n\n".join(LINES))
    assert "".join(read_documents(tmp_path).texts).count("cat") == len(LINES)


OBJECTS = [{"en": source, "fr": target} for source, target in PAIRS]
JSON = {
    "list.json": json.dumps(OBJECTS, indent=1),
    "lines.json": "\n".join(map(json.dumps, OBJECTS)),
    "list.jsonl": json.dumps(OBJECTS),
    "around.json": json.dumps({"data": OBJECTS}),
    "columns.json": json.dumps({k: [o[k] for o in OBJECTS] for k in OBJECTS[0]}),
    "pandas.json": json.dumps(
        {k: {str(i): o[k] for i, o in enumerate(OBJECTS)} for k in OBJECTS[0]}
    ),
    "split.json": json.dumps(
        {"columns": ["en", "fr"], "index": [0, 1, 2], "data": list(map(list, PAIRS))}
    ),
    # What the first row lacks others have.
    "gaps.jsonl": '{"en": "Oh."}\n' + "\n".join(map(json.dumps, OBJECTS)),
}


@pytest.mark.parametrize("name", JSON)
def test_json_in_all_its_forms(tmp_path, name):
    corpus = read_pairs(written(tmp_path / name, JSON[name]))
    assert corpus.pairs == PAIRS
    assert corpus.empty == (name == "gaps.jsonl")


def test_files_of_two_languages(tmp_path):
    for part in ("train", "dev", "test"):
        for language in ("fr", "en"):
            written(tmp_path / f"{part}.{language}", f"{part} {language}\n")
    corpus = read_pairs(tmp_path)
    assert dict(zip(corpus.parts, corpus.pairs, strict=True)) == {
        "train": ("train en", "train fr"),
        "validation": ("dev en", "dev fr"),
        "test": ("test en", "test fr"),
    }
    assert "train.en, targets those of train.fr" in corpus.notes[0]
    swapped = read_pairs(tmp_path, columns=("fr", "en"))
    assert swapped.pairs[0][::-1] == corpus.pairs[0]
    written(tmp_path / "test.en", "one\ntwo\n")
    with pytest.raises(ValueError, match=r"test\.en and test\.fr .* 2 and 1"):
        read_pairs(tmp_path)
    opus = zipped(tmp_path / "x.zip", {"c.de-en.de": "ja\n", "c.de-en.en": "yes\n"})
    assert read_pairs(opus).pairs == (("ja", "yes"),)


def test_words_for_yes_and_no_are_one_in_pairs_alone():
    some = {"yes": 4, "Y": 3, "1.0": 2, "no": 4, "n": 2, "0": 1}
    one = {"Y": "yes", "1.0": "yes", "n": "no", "0": "no"}
    assert one_spelling(some, []) == one
    for apart in ("TFN", "TFY", ["yes", "no", "n"], ["1", "0", "t"]):
        assert one_spelling(dict.fromkeys(apart, 3), []) == {}


def test_a_file_of_a_language_comes_once(tmp_path):
    for name in ("train.en", "train.fr", "README.en", "README.fr"):
        written(tmp_path / name, f"{name}\n")
    assert read_pairs(tmp_path).pairs == (("train.en", "train.fr"),)
    packed = written(tmp_path / "train.en.gz", gzip.compress(b"other\n"))
    with pytest.raises(ValueError, match=r"one of 'train\.en' and 'train\.en\.gz'"):
        read_pairs(tmp_path)
    packed.unlink()
    written(tmp_path / "train.tsv", TSV)
    with pytest.raises(ValueError, match=r"both 'train\.en' and 'train\.tsv'"):
        read_pairs(tmp_path)
    for name in ("train.en", "train.fr"):  # what is about it displaces no table
        (tmp_path / name).unlink()
    assert read_pairs(tmp_path).pairs == PAIRS


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_within_others(tmp_path, ending):
    pack = PACKERS[ending]
    for label in ("pos", "neg"):
        written(tmp_path / f"l/texts.{label}{ending}", pack(f"a {label}\n".encode()))
    corpus = read_labelled(tmp_path / "l")
    assert {(t.label, t.text) for t in corpus.texts} == {
        ("pos", "a pos"),
        ("neg", "a neg"),
    }
    data = pack(TSV.encode() * 2000)
    inside = zipped(tmp_path / "x.zip", {f"x.tsv{ending}": data})
    assert read_pairs(inside).pairs == PAIRS
    broken = data[:-8] + bytes(8)
    with pytest.raises(ValueError, match=r"x\.zip: (is no|can't be unpacked)"):
        read_pairs(zipped(tmp_path / "x.zip", {f"x.tsv{ending}": broken}))


def test_a_tab_within_a_sentence_is_told(tmp_path):
    corpus = read_pairs(written(tmp_path / "x.tsv", TSV + "a\tb\tc\n"))
    assert "1 rows have more columns" in corpus.notes[0]
    assert corpus.notes[0].endswith("x.tsv:4 is one")
    assert read_pairs(written(tmp_path / "x.tsv", f"\n \n{TSV}")).notes == ()


def test_the_label_may_come_last(tmp_path):
    rows = "".join(f'"{line}, yes",{i % 5 + 1}\n' for i, line in enumerate(LINES))
    corpus = read_labelled(written(tmp_path / "x.csv", rows))
    assert corpus.labels == ["1", "2", "3", "4", "5"]
    assert (corpus.texts[1].label, corpus.texts[1].text) == ("2", f"{LINES[1]}, yes")
    assert "second column" in corpus.notes[0]


@pytest.mark.parametrize(
    ("spellings", "labels"),
    [
        (["pos", "Pos", "neg", "NEG"], {"pos", "neg"}),
        (["1", "1.0", "0", "0.0"], {"1", "0"}),
        (["pos", "pos\u200b", "\u200eneg", "neg "], {"pos", "neg"}),
        (["ko\u0308ln", "k\u00f6ln", "bonn", "bonn"], {"k\u00f6ln", "bonn"}),
        (["1", "-1", "1", "-1"], {"1", "-1"}),
        (["Yes", "T", "no", "F"], {"Yes", "no"}),
        (["01", "01", "1", "1"], {"01", "1"}),
    ],
)
def test_a_label_has_one_spelling(tmp_path, spellings, labels):
    # The first spelling of each is the more frequent.
    rows = "".join(
        f"{spellings[i % 4 if i < 32 else i % 4 // 2 * 2]}\t{line}\n"
        for i, line in enumerate(LINES)
    )
    corpus = read_labelled(written(tmp_path / "x.tsv", rows))
    assert set(corpus.labels) == labels
    assert len(corpus) == len(LINES)
    different = {
        s.strip("\u200b\u200e ").replace("o\u0308", "\u00f6") for s in spellings
    }
    assert len(corpus.notes) == len(different) - len(labels)


def test_excel_names_the_delimiter(tmp_path):
    path = written(tmp_path / "x.csv", "sep=;\nlabel;text\na;one, two\nb;three\n")
    corpus = read_labelled(path)
    assert [(t.label, t.text) for t in corpus.texts] == [
        ("a", "one, two"),
        ("b", "three"),
    ]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Tom &amp; Jerry", "HTML in it, such as '&amp;'"),
        ("good<br />film", "HTML in it, such as '<br />'"),
        ("a\u200bb", r"U\+200B \(zero width space\)"),
        ("\u202eabc", r"U\+202E"),
        ("AT&T, a<b, 👩‍👧", None),
    ],
)
def test_oddities_are_told(tmp_path, text, note):
    corpus = read_labelled(written(tmp_path / "x.tsv", f"a\t{text}\nb\tother\n"))
    if note is None:
        assert not corpus.notes
    else:
        with pytest.raises(AssertionError, match=note):
            assert not corpus.notes, corpus.notes
    assert corpus.texts[0].text == text.strip()


def test_a_large_file_is_not_held_many_times(tmp_path, monkeypatch):
    """Bytes, the text that they are, and the pieces of it: two at a time."""
    # Lists of words are made beside them, of so much at once, whatever its size.
    monkeypatch.setattr("keras_seq.text.words._AT_ONCE", 2**12)
    text = "".join(f"{line} {i}\n" for i, line in enumerate(LINES * 500))
    path = written(tmp_path / "x.txt", text)
    read_documents(path)  # what is made once
    del text
    tracemalloc.start()
    corpus = read_documents(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, corpus.texts)) > 0.99 * path.stat().st_size
    assert peak < 2.4 * path.stat().st_size


def test_members_of_an_archive_are_looked_up_once(tmp_path, monkeypatch):
    opened = []
    archive = zipfile.ZipFile

    def counted(*arguments):
        opened.append(arguments)
        return archive(*arguments)

    path = zipped(tmp_path / "x.zip", {f"{i}.txt": "a b" for i in range(50)})
    monkeypatch.setattr("keras_seq.text.corpora.sources.zipfile.ZipFile", counted)
    assert len(read_documents(path)) == 50
    assert len(opened) < 5
