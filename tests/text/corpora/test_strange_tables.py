"""Tables of text as programs and people save them."""

import gzip

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


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("De Gaulle spoke.\tDe Gaulle parla.", False),  # "de" is German
        ("Hi there\tNe plus ultra", False),  # Hindi, Nepali
        ("Mr Brown\tMr Green", False),  # Marathi
        ("en text\tfr text", True),
        ("en_GB\tfr-FR", True),
        ("English words\tFrench words", True),
    ],
)
def test_a_text_that_begins_with_a_code_is_no_header(tmp_path, first, header):
    path = tmp_path / "x.tsv"
    path.write_text(f"{first}\nA cat.\tUn chat.\n")
    found = read_pairs(path).pairs
    assert found == (*([] if header else [tuple(first.split("\t"))]), found[-1])
    assert found[-1] == ("A cat.", "Un chat.")


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


def test_identifiers_beside_labels_are_no_texts(tmp_path):
    """As people publish what may not be copied: the texts are elsewhere."""
    path = tmp_path / "x.csv"
    path.write_text("tweet_id,sentiment\n5701,neutral\n5702,positive\n5703,neutral\n")
    with pytest.raises(ValueError, match=r"texts in 'tweet_id', .* whole numbers"):
        read_labelled(path)
    assert (
        read_labelled(path, columns=("sentiment", "tweet_id")).texts[0].text == "5701"
    )
    path.write_text("text,sentiment\n5701,neutral\n5702,positive\n")
    assert [one.text for one in read_labelled(path).texts] == ["5701", "5702"]


@pytest.mark.parametrize("score", ["1,234", "1,234,567.5", "inf", "-inf", "NaN"])
def test_scores_beside_pairs_are_no_sentences(tmp_path, score):
    path = tmp_path / "x.tsv"
    path.write_text(f"{score}\tGo.\tVa !\n{score}\tRun!\tCours !\n0.5\tHi.\tAh !\n")
    found = read_pairs(path).pairs
    assert found == (("Go.", "Va !"), ("Run!", "Cours !"), ("Hi.", "Ah !"))


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


def test_commas_beyond_the_rows_that_are_looked_at(tmp_path):
    """Labels last: a text with a comma of its own isn't cut."""
    path = tmp_path / "reviews.csv"
    rows = [f"some words {i},{'pos' if i % 2 else 'neg'}" for i in range(1100)]
    path.write_text("\n".join([*rows, "well, it was fine,neg"]) + "\n")
    with pytest.raises(ValueError, match=r"reviews.csv:1101: .* received 3 fields"):
        list(read_labelled(path))


def test_an_empty_line_before_pairs_says_nothing_of_columns(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("\nGo.,Va !\nRun.,Cours !\n")
    found = [tuple(pair) for pair in read_pairs(path).pairs]
    assert found == [("Go.", "Va !"), ("Run.", "Cours !")]
