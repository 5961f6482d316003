"""Tables of text as programs and people save them."""

import gzip
import json
import re
import tarfile

import pytest

from keras_seq.text import read_documents, read_labelled, read_pairs
from recipes.binary_classification.reading import read_table as recipe_table


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.csv", "% a comment\n@RELATION iris\n\n@ATTRIBUTE x NUMERIC\n", "ARFF"),
        (
            "x.csv",
            "%  Title: " + "%\n\n% Iris Plants Database\n" * 400 + "@RELATION iris\n"
            "% more\n\n@ATTRIBUTE x NUMERIC\n@DATA\n1\n",
            "ARFF",
        ),
        ("x.txt", "1\n00:00:01,000 --> 00:00:02,500\nHello.\n", "SubRip"),
        ("x.txt", "WEBVTT\n\n00:01.000 --> 00:02.500\nHello.\n", "WebVTT"),
    ],
)
def test_other_forms_of_text_are_called_by_name(tmp_path, name, text, kind):
    path = tmp_path / name
    path.write_text(text)
    for read in (read_pairs, read_labelled, read_documents):
        with pytest.raises(ValueError, match=rf"x\.\w+: is {kind}"):
            read(path)


def test_a_title_may_stand_above_the_header(tmp_path):
    path = tmp_path / "merged.csv"
    path.write_text("Translations,,\nEnglish,French,Notes\nGo.,Va !,\nRun!,Cours !,x\n")
    assert read_pairs(path).pairs == (("Go.", "Va !"), ("Run!", "Cours !"))
    path.write_text("Go.,,\nEnglish,French,so much\nRun!,Cours !,x\n")
    assert read_pairs(path).pairs[0] == ("English", "French")  # no header


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (["1.0671\tGo.\tVa !", "1.0213\tRun!\tCours !"], 3),  # CCMatrix
        (
            ["http://x.org/a\thttp://x.fr/b\tGo.\tVa !", "www.y.org\t1\tRun!\tCours !"],
            4,
        ),
        (["eng\tGo.\tfra\tVa !", "eng\tRun!\tfra\tCours !"], 4),
        (["2020-01-31T10:00:00Z\tGo.\tVa !", "2020-02-01\tRun!\tCours !"], 3),
        (
            [
                "0b0c5a3e-12ab-4cde-8f00-0123456789ab\tGo.\tVa !",
                "1b0c5a3e-12ab-4cde-8f00-0123456789ab\tRun!\tCours !",
            ],
            3,
        ),
    ],
)
def test_what_is_no_text_is_no_sentence(tmp_path, rows, columns):
    path = tmp_path / "x.tsv"
    path.write_text("\n".join(rows))
    corpus = read_pairs(path)
    assert corpus.pairs == (("Go.", "Va !"), ("Run!", "Cours !"))
    assert f"of {columns}" in corpus.summary()
    path.write_text("\n".join(f"{row}\tmore" for row in rows))
    with pytest.raises(ValueError, match=f"in column 1, .* {columns + 1} columns"):
        read_pairs(path)


def test_days_are_what_dates_are_translated_to(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("31 May 2020\t2020-05-31\tby A\n1 Feb 2020\t2020-02-01\tby B\n")
    pairs = (("31 May 2020", "2020-05-31"), ("1 Feb 2020", "2020-02-01"))
    assert read_pairs(path).pairs == pairs


def test_codes_of_languages_may_be_columns_of_a_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("source_lang,target_lang,source,target\nen,fr,Go.,Va !\n")
    assert read_pairs(path).pairs == (("Go.", "Va !"),)


def test_texts_without_labels_are_no_label(tmp_path):
    """As of the Large Movie Review Dataset, whose test part may be elsewhere."""
    for label in ("neg", "pos", "unsup"):
        folder = tmp_path / "train" / label
        folder.mkdir(parents=True)
        (folder / "0_1.txt").write_text(f"a film, {label}")
    corpus = read_labelled(tmp_path)
    assert [(t.label, t.text) for t in corpus.texts] == [
        ("neg", "a film, neg"),
        ("pos", "a film, pos"),
    ]
    assert "unsup" in corpus.summary()


def test_lists_are_no_fields(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"translation": ["Go.", "Va !"]}\n')
    with pytest.raises(ValueError, match=r"x\.jsonl:1: .*list alone, in 'translation'"):
        read_pairs(path)


def test_a_missing_label_is_called_by_its_column(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("label,text\npos,good\n,nice\n")
    with pytest.raises(ValueError, match=r"x\.csv:3: expected .* 'label' and 'text'"):
        read_labelled(path)
    path.write_text("id,text\n1,good\n")
    with pytest.raises(ValueError, match="Where labels are hidden"):
        read_labelled(path)


def test_parquet_as_the_hub_has_it(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    pairs = [{"en": "Go.", "fr": "Va !"}, {"en": "Run!", "fr": "Cours !"}]
    table = {"id": ["0", "1"], "translation": pairs}
    parquet.write_table(pyarrow.table(table), path)
    assert read_pairs(path).pairs == (("Go.", "Va !"), ("Run!", "Cours !"))
    packed = [b"Go.", "Café.".encode()], ["Va !", "Oui !"]
    parquet.write_table(pyarrow.table(list(packed), names=["en", "fr"]), path)
    assert read_pairs(path).pairs == (("Go.", "Va !"), ("Café.", "Oui !"))
    broken = [b"Go.", b"\xff"], ["Va !", "Oui !"]
    parquet.write_table(pyarrow.table(list(broken), names=["en", "fr"]), path)
    with pytest.raises(ValueError, match=r"x\.parquet:2, column 'en':1: .* byte 0xFF"):
        read_pairs(path)
    parquet.write_table(pyarrow.table(list(packed), names=["en", "en"]), path)
    with pytest.raises(ValueError, match=r"names that differ; received \['en'\]"):
        read_pairs(path)


def test_texts_may_begin_as_arff_does(tmp_path):
    path = tmp_path / "x.txt"
    text = "@relation to what was said:\n\nit is so.\n% of all, @attribute none.\n"
    path.write_text(text)
    assert read_documents(path).texts == (text.strip(),)
    path.write_text("@relation a\tune relation\n% b\tc\n\nd\te\n")
    assert read_pairs(path).pairs[0] == ("@relation a", "une relation")


def test_names_of_languages_may_be_what_is_translated(tmp_path):
    """A dictionary of them, and words that are codes as well."""
    path = tmp_path / "x.tsv"
    for pairs in (
        [("thai", "thaï"), ("french", "français"), ("english", "anglais")] * 2,
        [("hi", "salut"), ("he", "il"), ("my", "mon")],
    ):
        rows = [f"{one}\t{other}\tby {i}" for i, (one, other) in enumerate(pairs)]
        path.write_text("\n".join(rows))
        assert read_pairs(path).pairs == tuple(dict.fromkeys(pairs))


@pytest.mark.parametrize(
    "codes",
    [
        ["english"] * 20,
        ["English", "German"] * 10,
        ["it"] * 20,
        ["en", "it", "zh-Hans", "pt_BR"] * 5,
        ["CC-BY 2.0"] * 20,
    ],
)
def test_what_says_the_language_of_its_row_is_no_sentence(tmp_path, codes):
    path = tmp_path / "x.tsv"
    pairs = [(f"Sentence {i}.", f"Phrase {i}.") for i in range(len(codes))]
    rows = [f"{a}\t{b}\t{c}" for a, (b, c) in zip(codes, pairs, strict=True)]
    path.write_text("\n".join(rows))
    corpus = read_pairs(path)
    assert corpus.pairs == tuple(pairs)
    assert "columns 2 and 3 of 3" in corpus.summary()


def test_italian_has_a_code_that_is_a_word(tmp_path):
    (tmp_path / "train.en").write_text("Go.\nRun!\n")
    (tmp_path / "train.it").write_text("Vai.\nCorri!\n")
    pairs = (("Go.", "Vai."), ("Run!", "Corri!"))
    assert read_pairs(tmp_path).pairs == pairs
    path = tmp_path / "x.csv"
    path.write_text("id,en,it\n1,Go.,Vai.\n2,Run!,Corri!\n")
    assert read_pairs(path).pairs == pairs


def test_bytes_that_nobody_asks_for_are_left_out(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    picture = b"\x89PNG\r\n\x1a\n\xff"
    table = {
        "hash": [b"\xc3", b"ok", b"\xff\x00"],  # one of them is text by chance
        "image": [{"bytes": picture, "path": "a.png"}] * 3,
        "thumbnail": [picture] * 3,
        "text": [b"good", "caf\u00e9".encode(), b"bad"],
        "label": [1, 1, 0],
    }
    parquet.write_table(pyarrow.table(table), path)
    texts = ["good", "caf\u00e9", "bad"]
    assert [t.text for t in read_labelled(path).texts] == texts
    assert list(read_documents(path).texts) == texts
    with pytest.raises(ValueError, match=r"x\.parquet:1, column 'hash'.* byte 0xC3"):
        read_documents(path, column="hash")
    with pytest.raises(ValueError, match="expected one column 'thumbnail'"):
        read_documents(path, column="thumbnail")
    notes = []
    header, rows = recipe_table(str(path), notes=notes)
    assert header == ["text", "label"]
    assert [cells for _, cells in rows] == [
        ["good", "1"],
        ["caf\u00e9", "1"],
        ["bad", "0"],
    ]
    assert [note.split("'")[1] for note in notes] == ["hash", "image", "thumbnail"]
    inner = [{"en": b"Go.", "fr": "Va !"}, {"en": b"Run!", "fr": "Cours !"}]
    parquet.write_table(pyarrow.table({"translation": inner}), path)
    assert read_pairs(path).pairs == (("Go.", "Va !"), ("Run!", "Cours !"))


def test_damaged_and_packed_parquet(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    table = pyarrow.table({"text": [f"text {i % 50}" for i in range(10_000)]})
    parquet.write_table(table, path)
    content = path.read_bytes()
    packed = tmp_path / "y.parquet.gz"
    packed.write_bytes(gzip.compress(content))
    assert len(read_documents(packed)) == len(read_documents(path)) == 10_000
    monkeypatch.setattr("keras_seq.text.corpora.sources._SMALL", 2**10)
    packed.write_bytes(gzip.compress(bytes(2**22)))
    with pytest.raises(ValueError, match=r"y\.parquet\.gz: expected at most 200 times"):
        read_documents(packed)
    path.write_bytes(content[:40] + b"\xff" * 200 + content[240:])
    for read in (read_documents, recipe_table):
        with pytest.raises(ValueError, match=r"x\.parquet: is no .*: rows 1 to 4096: "):
            read(str(path))


def test_not_a_number_is_no_text(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a", "label": 1}\n{"text": NaN, "label": 0}\n' * 2)
    with pytest.raises(ValueError, match="two labels at least"):
        read_labelled(path)


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
