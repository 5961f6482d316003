"""What headers, columns, folders and files are, by what is in them."""

import gzip
import json
import re
import tarfile

import pytest

from keras_seq.text import read_documents, read_labelled, read_pairs
from recipes.binary_classification.reading import read_table as recipe_table


def test_names_of_rows_are_no_targets(tmp_path):
    path = tmp_path / "x.tsv"
    rows = [f"{i}.5\tthree point {'five' * i}\tx{i}" for i in range(6)]
    path.write_text("\n".join(rows))
    with pytest.raises(ValueError, match=r"received 'x0' and its like in column 3"):
        read_pairs(path)
    assert read_pairs(path, columns=(0, 1)).pairs[2] == ("2.5", "three point fivefive")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_words_above_numbers_are_a_header(tmp_path, end):
    """As in GLUE's files, whose names nobody can know."""
    path = tmp_path / "x.tsv"
    header = "Quality\t#1 ID\t#1 String\t#2 String"
    rows = [f"{i % 2}\t{i}\tIt is {i}.\tThat is {i}." for i in range(3)]
    path.write_text(end.join([header, *rows]), newline="")
    for read in (read_pairs, read_labelled):
        with pytest.raises(ValueError, match="received 'Quality', '#1 ID', '#1 Stri"):
            read(path)
    found = read_pairs(path, columns=(2, 3))
    assert found.pairs[0] == ("It is 0.", "That is 0.")
    assert len(found) == 3
    days = [f"May {i}\t2020-05-{i:02}" for i in range(1, 6)]
    path.write_text("\n".join(["spoken\tiso", *days]))
    assert ("spoken", "iso") not in read_pairs(path).pairs


def test_a_known_name_among_others_is_of_a_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        "tweet_id,airline_sentiment,gold,text\n"
        "57,neutral,,What he said.\n58,positive,,A plus to you.\n"
    )
    found = [(t.label, t.text) for t in read_labelled(path).texts]
    assert found == [("neutral", "What he said."), ("positive", "A plus to you.")]
    path.write_text("id,lang_src,text_src,text_tgt\n1,eng,Go on.,Vas-y.\n")
    with pytest.raises(ValueError, match="received 'id', 'lang_src', 'text_src', "):
        read_pairs(path)
    path = tmp_path / "x.tsv"  # a dictionary, whose words are like any names
    rows = [("text", "texte", "noun"), ("go", "aller", "verb"), ("to", "vers", "prep")]
    path.write_text("\n".join(map("\t".join, rows)))
    assert read_pairs(path).pairs == tuple(row[:2] for row in rows)
    path.write_text(
        "Ten?\tDix\tby A\n" + "".join(f"{i}\tn{i}a b\tx\n" for i in range(4))
    )
    assert "Ten?" in read_pairs(path, columns=(0, 1)).sources


@pytest.mark.parametrize(
    ("header", "labels", "note"),
    [
        ("text,y", "01", "labels and texts are in the columns 'y' and 'text'"),
        ("v1,v2", ["ham", "spam"], r"the first row, \['v2', 'v1'\], is taken"),
        ("", ["ham", "spam"], "no header is known: the first row is"),
    ],
)
def test_a_header_is_no_label(tmp_path, header, labels, note):
    path = tmp_path / "x.csv"
    first, second = header.split(",") if header else ("", "")
    swapped = labels != "01"
    lines = [f"{second},{first}" if swapped else header] if header else []
    for i in range(20):
        text, label = f"message {i} is here", labels[i % 2]
        lines.append(f"{label},{text}" if swapped else f"{text},{label}")
    path.write_text("\n".join(lines))
    corpus = read_labelled(path)
    assert (corpus.labels, len(corpus)) == (sorted(labels), 20)
    assert any(re.search(note, each) for each in corpus.notes)


def test_commas_that_nothing_quotes_are_no_columns(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,hello there\nb,so, it goes\na,c d\n")
    with pytest.raises(ValueError, match=r"x\.csv:2: expected 2 columns"):
        read_pairs(path)
    assert len(read_pairs(path, columns=(0, 1))) == 3
    with pytest.raises(ValueError, match=r"x\.csv:2: .* received 3 fields"):
        read_labelled(path)
    path.write_text("text\nhello there\nso it goes\n")
    assert read_documents(path).texts == ("hello there", "so it goes")
    path.write_text("id,text\n1,good\n2,bad\n3,ugly\n")
    with pytest.raises(ValueError, match="Where labels are hidden"):
        read_labelled(path)


def test_what_tar_and_gzip_have_packed_is_named(tmp_path):
    path = tmp_path / "x.tar.gz"
    (tmp_path / "in.tsv").write_text("a\tb\n")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "in.tsv", "in.tsv")
    twice = tmp_path / "x.tsv.gz"
    twice.write_bytes(gzip.compress(gzip.compress(b"a\tb\n")))
    html = tmp_path / "x.txt"
    html.write_text('\n<table border="1" class="dataframe">\n<tr><td>a</td>\n')
    for read in (read_pairs, read_labelled, read_documents, recipe_table):
        with pytest.raises(ValueError, match=r"x\.tar\.gz: .* it is a \.tar"):
            read(str(path))
        with pytest.raises(ValueError, match=r"x\.txt: is HTML"):
            read(str(html))
    for read in (read_pairs, read_labelled, read_documents):
        with pytest.raises(ValueError, match=r"x\.tsv\.gz: .* it is packed by gzip"):
            read(str(twice))


def test_folders_of_the_parts_are_no_labels(tmp_path):
    """As 20 Newsgroups lie, "bydate"."""
    for part in ("train", "test"):
        for label in ("alt.atheism", "comp.graphics"):
            folder = tmp_path / f"20news-bydate-{part}" / label
            folder.mkdir(parents=True)
            (folder / "1234").write_text(f"{part}, {label}")
    found = {(t.label, t.part, t.text) for t in read_labelled(tmp_path).texts}
    assert found == {
        (label, part, f"{part}, {label}")
        for part in ("train", "test")
        for label in ("alt.atheism", "comp.graphics")
    }


def test_files_that_arent_read_are_counted(tmp_path):
    for i, name in enumerate(("pos/1.txt", "neg/2.txt", "neg/3.pdf", "pos/4.md")):
        (tmp_path / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "labels" / name).write_text(f"text {i}")
    labelled = read_labelled(tmp_path / "labels")
    assert len(labelled) == 2
    assert "other endings aren't read: 1 .pdf, 1 .md" in labelled.summary()
    for name in ("a.txt", "b.TXT", "c.md", "d.md", "LICENSE"):
        (tmp_path / "texts" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "texts" / name).write_text(f"text of {name}")
    corpus = read_documents(tmp_path / "texts")
    assert [text[-5:] for text in corpus.texts] == ["a.txt", "b.TXT"]
    assert "aren't read: 2 .md, 1 without one" in corpus.summary()


def test_the_test_part_may_have_a_year(tmp_path):
    for part in ("train", "val", "test2016"):
        for language in ("de", "en"):
            (tmp_path / f"{part}.{language}").write_text(f"{part} {language}\n")
    corpus = read_pairs(tmp_path)
    assert corpus.part("test") == [("test2016 de", "test2016 en")]
    assert corpus.parts == ("train", "validation", "test")


def test_markup_without_a_declaration_is_none_either(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text('<mediawiki xmlns="http://www.mediawiki.org/x" lang="de"><page>')
    with pytest.raises(ValueError, match=r"x\.txt: is XML"):
        read_documents(path)
    path.write_text("<unk> is what xmlns= is called\n")
    assert len(read_documents(path)) == 1


def test_half_a_character_is_told(tmp_path):
    path = tmp_path / "x.jsonl"
    good = {"text": "a \U0001f600", "label": "1", "by": "me"}
    half = {**good, "text": "b \ud83d", "label": "0"}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(half)}\n")
    for read in (read_labelled, read_documents, recipe_table):
        with pytest.raises(ValueError, match=r"x\.jsonl:2.*'text'.* U\+D83D, half"):
            read(str(path))
    path.write_text(json.dumps({**good, "by": "\ud83d"}))
    assert read_documents(path).texts == ("a \U0001f600",)  # nobody asks for the other


@pytest.mark.parametrize("name", ["split", "set", "Usage"])
def test_a_column_may_name_the_parts(tmp_path, name):
    path = tmp_path / "x.csv"
    path.write_text(f"text,label,{name}\na,1,train\nb,0,Training\nc,1,test\n")
    parts = [t.part for t in read_labelled(path).texts]
    assert parts == ["train", "train", "test"]
    path.write_text(f"text,label,{name}\na,1,train\nb,0,PublicTest\n")
    with pytest.raises(ValueError, match=rf"x\.csv:3: .* '{name}'; .*'PublicTest'"):
        read_labelled(path)
    if name == "set":  # of something else
        path.write_text("text,label,set\na,1,red\nb,0,test\n")
        assert [t.part for t in read_labelled(path).texts] == ["", ""]


def test_folds_are_no_labels(tmp_path):
    for fold in ("fold1", "fold2"):
        for label in ("pos", "neg"):
            folder = tmp_path / fold / label
            folder.mkdir(parents=True)
            (folder / "1.txt").write_text(f"{fold} {label}")
    assert read_labelled(tmp_path).labels == ["neg", "pos"]
