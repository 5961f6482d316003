import re

import pytest

from keras_seq.text import cut_text, read_documents


def folder_of(path, files):
    for name, data in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def many(count=12):
    return {f"{i:02d}.txt": f"text number {i}" for i in range(count)}


def test_a_folder_has_a_document_in_each_file(tmp_path):
    files = {**many(), "sub/deep.txt": "deeper", "notes.md": "no", ".hidden.txt": "no"}
    corpus = read_documents(folder_of(tmp_path, files))
    assert dict(zip(corpus.names, corpus.texts, strict=True)) == {
        **many(),
        "sub/deep.txt": "deeper",
    }
    assert (corpus.cut, corpus.empty, corpus.not_utf8) == (0, (), ())


def test_other_encodings_are_read_and_named(tmp_path):
    files = {
        **many(),
        "mark.txt": "\ufeffmarked",
        "win.txt": "“café” – 5 €".encode("cp1252"),
        "blank.txt": " \n\t\n",
        "nothing.txt": "",
        "\udce9.txt": "a name in another encoding",  # as Linux has it
    }
    corpus = read_documents(folder_of(tmp_path, files))
    texts = dict(zip(corpus.names, corpus.texts, strict=True))
    assert texts["mark.txt"] == "marked"
    assert texts["win.txt"] == "“café” – 5 €"
    assert texts["?.txt"] == "a name in another encoding"
    assert corpus.not_utf8 == ("win.txt",)
    assert corpus.empty == ("blank.txt", "nothing.txt")
    summary = corpus.summary()
    assert "1 not UTF-8, read as Windows-1252: win.txt" in summary
    assert "2 empty and left out: blank.txt, nothing.txt" in summary


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"a\0b"}, "NUL"),
        ({"a.txt": "abcdefgh".encode("utf-16-le")}, "NUL"),
        ({"a.txt": b"ok \x81\xff"}, "byte 0x81 at 3"),
        ({"a.txt": "  \n"}, "holds no text"),
        ({"a.md": "text"}, r"no \.txt file"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, files, message):
    folder = folder_of(tmp_path, files)
    with pytest.raises(ValueError, match=message) as refused:
        read_documents(folder)
    assert str(folder) in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_documents(tmp_path / "none.txt")


def test_few_texts_are_cut_into_about_a_hundred_pieces(tmp_path):
    blocks = [" ".join(f"w{i}x{j}" for j in range(9)) for i in range(3000)]
    for count in (1, 3):
        folder = tmp_path / str(count)
        parts = [blocks[i::count] for i in range(count)]
        files = {f"{i}.txt": "\n\n".join(part) for i, part in enumerate(parts)}
        corpus = read_documents(folder_of(folder, files))
        assert corpus.cut == count
        assert 90 <= len(corpus) <= 100
        assert [b for t in corpus.texts for b in t.split("\n\n")] == [
            block for part in parts for block in part
        ]
    assert corpus.names[0] == "0.txt, piece 1"
    assert "pieces of 3 text(s)" in corpus.summary()


@pytest.mark.parametrize("separator", ["\n\n", "\n \n", "\r\n\r\n", "\n", " "])
@pytest.mark.parametrize("words", [1, 7, 50, 10_000])
def test_pieces_together_are_the_text(separator, words):
    text = separator.join(f"one{i} two{i} three{i}" for i in range(60))
    pieces = cut_text(text, words=words)
    assert " ".join(" ".join(pieces).split()) == " ".join(text.split())
    sizes = [len(piece.split()) for piece in pieces]
    # A block is taken whole unless it is far too long.
    assert all(words <= size <= 2.5 * words + 3 for size in sizes[:-1])
    assert len(pieces) == 1 or 2 * sizes[-1] >= words
    if separator != " " and words > 1:
        assert all(re.fullmatch(r"three\d+", piece.split()[-1]) for piece in pieces)


def test_a_piece_has_a_word_at_least():
    with pytest.raises(ValueError, match="`words` must be at least 1; received 0"):
        cut_text("a b", words=0)
    assert cut_text("  \n ", words=3) == []
