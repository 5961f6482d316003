"""Bytes as text: what is known is read, what isn't is named with its place."""

import gzip
import io
import sys

import pytest

from keras_seq.text import (
    check_encoding,
    decoded,
    decoded_lines,
    read_documents,
    read_labelled,
    read_lines,
    read_pairs,
    read_two,
)
from keras_seq.text.corpora.encodings import lines_of, western_text

FRENCH = "L’été à Paris, ça coûte.\nOù est-il passé ?\nPrès du cœur.\n"
RUSSIAN = "Был тёплый вечер.\nОна читала книгу.\n"
JAPANESE = "猫が好きです。\n犬も好きです。\n"
CHINESE = "他明天喜欢时间。\n我们去公园。\n"

ELSEWHERE = {
    "cp1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "shift_jis": JAPANESE,
    "euc_jp": JAPANESE,
    "iso2022_jp": JAPANESE,
    "gb18030": CHINESE,
    "big5": "他明天喜歡時間。\n我們去公園。\n",
    "latin-1": "L'été à Paris.\nOù est-il ?\n",
    "cp1250": "Zażółć gęślą jaźń.\nŁódź.\n",
    "utf-16": FRENCH,
    "utf-16-le": FRENCH,
    "utf-32-be": CHINESE,
    "utf-8-sig": FRENCH,
    "cp037": "Plain words.\nOn a mainframe.\n",
}


@pytest.mark.parametrize("encoding", ELSEWHERE)
def test_a_named_encoding(encoding):
    text = ELSEWHERE[encoding]
    data = text.encode(encoding)
    assert decoded("x", data, encoding) == text
    assert decoded_lines("x", data, encoding) == text.splitlines()
    assert list(lines_of("x", io.BytesIO(data), encoding)) == text.splitlines()


# The bytes that aren't UTF-8, by hand: the first of each text, with its line.
REFUSED = {
    "one bad byte in UTF-8": (
        FRENCH.encode() + b"un \xff mot\n",
        4,
        0xFF,
        len(FRENCH.encode()) + 3,
    ),
    "a byte cut off": ("a\nété".encode()[:-1], 2, 0xC3, 5),
    "Russian": (RUSSIAN.encode("cp1251"), 1, 0xC1, 0),
    "Japanese": (b"a\nb\n" + JAPANESE.encode("shift_jis"), 3, 0x94, 4),
    "Polish": (ELSEWHERE["cp1250"].encode("cp1250"), 1, 0xBF, 2),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_byte_is_named_by_every_reader(case, tmp_path):
    data, line, byte, place = REFUSED[case]
    message = rf":{line}: expected UTF-8; received the byte 0x{byte:02X} at {place},"
    path, fine = tmp_path / "x.txt", tmp_path / "fine.txt"
    path.write_bytes(data)
    fine.write_text("\n" * 9)
    for read in (
        read_documents,
        read_pairs,
        lambda path: read_two(fine, path),
        lambda path: decoded("x", path.read_bytes()),
        lambda path: decoded_lines("x", path.read_bytes()),
    ):
        with pytest.raises(ValueError, match=message):
            read(path)
    label = path.with_name("labelled.tsv")
    label.write_bytes(b"pos\tgood\nneg\tbad\n" + data.replace(b"\n", b"\npos\t"))
    with pytest.raises(ValueError, match=rf"labelled.tsv:{line + 2}: expected UTF-8"):
        read_labelled(label)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_without_a_mark_are_called_by_name(encoding, tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(FRENCH.encode(encoding))
    marked = encoding in ("utf-16", "utf-32")
    if marked:  # and so known for sure
        corpus = read_documents(path)
        assert "".join(corpus.texts) == FRENCH.strip()
        assert corpus.encodings == (encoding.upper(),)
    for read in () if marked else (read_documents, read_pairs, read_labelled):
        with pytest.raises(ValueError, match=f"{encoding.upper()}.*`encoding`"):
            read(path)
    assert "".join(read_documents(path, encoding=encoding).texts) == FRENCH.strip()


def test_zeros_alone_make_no_utf_16():
    assert (
        decoded("x", b"\0\0\0\0text with a few of them")
        == "\0\0\0\0text with a few of them"
    )


@pytest.mark.parametrize("name", ["utf-9", "hex", "rot13", "", "a\0b", "../utf_8"])
def test_no_such_encoding(name, tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n")
    with pytest.raises(ValueError, match="`encoding` must be one that Python knows"):
        check_encoding(name)
    for read in (read_documents, read_pairs, read_labelled):
        with pytest.raises(ValueError, match="`encoding` must be"):
            read(path, encoding=name)


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("It’s “dear” – 5 €, in a café.", "cp1252", "Windows-1252"),
        ("Straße, Äpfel und Öl", "cp1252", "Windows-1252"),
        ("¿Qué? ¡Niño!", "cp1252", "Windows-1252"),
        ("America’s hopes—all of “them”", "big5", "Big5"),
    ],
)
def test_western_text(text, encoding, name):
    assert western_text(text.encode(encoding)) == (text, name)


@pytest.mark.parametrize(
    "data",
    [
        *(text.encode(name) for name, text in ELSEWHERE.items() if "1" in name[2:5]),
        "Ça coûte “5 €”".encode() + b" \x92",  # UTF-8 with a slip
        b"plain \xff text",
        b"plain text cut of\xc3",
        "Příliš žluťoučký kůň".encode("cp1250"),
        "Güneş doğdu, ışık".encode("cp1254"),
        "Árvíztűrő tükörfúrógép".encode("cp1250"),
        "caf\x82 voil\x85".encode("latin-1"),  # DOS
        "Καλημέρα".encode("cp1253"),
        "שלום".encode("cp1255"),
    ],
)
def test_what_makes_no_sense_is_not_western(data):
    found = western_text(data)
    assert found is None or found[0].encode("latin-1", "ignore") == data


def test_lines_end_alike():
    assert decoded_lines("x", b"a\rb\rc\r") == ["a", "b", "c"]
    assert decoded_lines("x", b"a\r\nb\rc\n") == ["a", "b\rc"]
    assert decoded_lines("x", "\ufeffa\n\ufeffb\n".encode()) == ["a", "b"]
    assert decoded_lines("x", "a\u2028b\x85c\x0cd\n".encode()) == ["a\u2028b\x85c\x0cd"]
    assert decoded_lines("x", b"") == []
    assert decoded_lines("x", b"\n\n") == ["", ""]
    assert decoded_lines("x", "a\r\nb".encode("utf-16"), "utf-16") == ["a", "b"]


def test_a_long_line():
    line = "é" * 2_000_000
    assert decoded_lines("x", f"a\n{line}\nb".encode()) == ["a", line, "b"]


def test_lines_of_files_and_of_standard_input(tmp_path, monkeypatch):
    content = "\ufeffun\r\n\n été\u2028\nend".encode()
    expected = ["un", "", " été\u2028", "end"]
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(content))
    (tmp_path / "c.txt").write_bytes("a\né\n".encode("utf-16"))
    assert list(read_lines(str(tmp_path / "a.txt"))) == expected
    assert list(read_lines(str(tmp_path / "b.txt.gz"))) == expected
    assert list(read_lines(str(tmp_path / "c.txt"), "utf-16")) == ["a", "é"]

    def given(content):
        stream = io.TextIOWrapper(io.BytesIO(content), "ascii")
        monkeypatch.setattr(sys, "stdin", stream)
        return read_lines("-")

    assert list(given(content)) == expected
    assert not sys.stdin.closed
    late = given(b"a\nb\nc\xff\n")
    assert [next(late), next(late)] == ["a", "b"]
    with pytest.raises(ValueError, match=r"standard input:3: expected UTF-8.* 0xFF at"):
        next(late)
    with pytest.raises(ValueError, match="standard input: expected lines"):
        given(b"")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_lines(str(tmp_path / "nowhere"))
    with pytest.raises(IsADirectoryError):
        read_lines(str(tmp_path))
