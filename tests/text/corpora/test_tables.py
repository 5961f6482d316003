"""Tables of text in every form, and which of their columns are learnt from."""

import csv
import gzip
import io
import json
import zipfile

import pytest

from keras_seq.text import (
    parse_columns,
    read_documents,
    read_labelled,
    read_pairs,
)
from recipes.binary_classification.reading import read_table

PAIRS = (('He said "hi".', "Il dit « salut »."), ("a, b", "c; d"), ("Go.", "Va !"))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_csv(rows, **options):
    table = io.StringIO()
    csv.writer(table, **options).writerows(rows)
    return table.getvalue()


def as_lines(rows, names):
    return "".join(json.dumps(dict(zip(names, r, strict=True))) + "\n" for r in rows)


HEADER = ("source", "target")
PAIR_FILES = {
    "x.tsv": as_csv([HEADER, *PAIRS], delimiter="\t", lineterminator="\n"),
    "all quoted.tsv": as_csv(PAIRS, delimiter="\t", quoting=csv.QUOTE_ALL),
    "plain.tsv": "".join("\t".join(pair) + "\n" for pair in PAIRS),
    "x.csv": as_csv([HEADER, *PAIRS]),
    "semicolons.csv": as_csv([HEADER, *PAIRS], delimiter=";"),
    "x.csv.gz": gzip.compress(as_csv([HEADER, *PAIRS]).encode()),
    "x.jsonl": as_lines(PAIRS, ("src", "tgt")),
    "opus.jsonl": "".join(
        json.dumps({"id": i, "translation": {"en": a, "fr": b}}) + "\n"
        for i, (a, b) in enumerate(PAIRS)
    ),
    "x.json": json.dumps([{"fr": b, "en": a} for a, b in PAIRS]),
    "swapped.csv": as_csv([("target", "id", "source"), *((b, 7, a) for a, b in PAIRS)]),
    "ids.tsv": "".join(f"{i}\t{a}\t{i + 90}\t{b}\n" for i, (a, b) in enumerate(PAIRS)),
    "ours.tsv": as_csv(
        [
            ("source", "reference", "translation", "score"),
            *((*p, "x", 1) for p in PAIRS),
        ],
        delimiter="\t",
        lineterminator="\n",
    ),
    "mark.csv": ("\ufeff" + as_csv([HEADER, *PAIRS])).encode(),
}


@pytest.mark.parametrize("name", PAIR_FILES)
def test_pairs(name, tmp_path):
    corpus = read_pairs(write(tmp_path / name, PAIR_FILES[name]))
    expected = PAIRS if name != "x.json" else tuple((b, a) for a, b in PAIRS)
    assert corpus.pairs == expected


def test_quotes_of_the_text_stay(tmp_path):
    lines = ['"Hello."\t"Bonjour."', 'He: "no" she\t"x', "a\tb"]
    path = write(tmp_path / "x.tsv", "\n".join(lines))
    assert read_pairs(path).pairs == tuple(tuple(x.split("\t")) for x in lines)
    # Quoted alone, with nothing that would need it: the text's own.
    path = write(tmp_path / "y.tsv", '"Hello."\tBonjour.\na\tb\n')
    assert read_pairs(path).pairs[0] == ('"Hello."', "Bonjour.")


def test_columns_by_name_and_number(tmp_path):
    path = write(tmp_path / "x.tsv", "Kabyle\tnote\tEnglish\na\tb\tc\nd\te\tf\n")
    assert read_pairs(path, columns=("English", "kabyle")).pairs == (
        ("c", "a"),
        ("f", "d"),
    )
    assert read_pairs(path, columns=(2, 0)).pairs[1] == ("c", "a")
    with pytest.raises(ValueError, match="one column 'x'; its columns are 'Kabyle'"):
        read_pairs(path, columns=("x", 1))
    assert parse_columns("2, 4", 2) == (1, 3)
    for text in ("1", "1,1", "1,,2", "0,1", "", "a,b,c"):
        with pytest.raises(ValueError, match="`columns` must be two of a table"):
            parse_columns(text, 2)


REFUSED_PAIRS = {
    "x.tsv": ("1\ta\tb\tc\n2\td\te\tf\n", "whole numbers in column 1"),
    "y.csv": ("id,de,fr,en\n1,a,b,c\n", "expected columns of source and target"),
    "z.csv": ("source,target\na,b\nc,d,e\n", "z.csv:3: expected 2 columns"),
    "q.csv": ('source,target\n"a,b\n', "q.csv:2: is no CSV"),
    "s.csv": ("source,target,split\na,b,train\nc,d,foo\n", "s.csv:3: .*'foo'"),
    "x.jsonl": ('{"source": "a", "target": "b"}\n[1]\n', "x.jsonl:2: expected an obj"),
    "y.jsonl": (
        '{"source": "a", "target": "b"}\n{"source":\n',
        "y.jsonl:2: is no JSON",
    ),
    "x.json": ('{"a": 1}', "expected a list of objects"),
    "twice.csv": ("source,source,target\na,b,c\n", "one column 'source'; received 2"),
    "none.jsonl": ("", "source and target; received none"),
    "cr.tsv": ("a\tb\rc\td\ne\tf\n", "cr.tsv:1: .*carriage return"),
}


@pytest.mark.parametrize("name", REFUSED_PAIRS)
def test_pairs_that_are_refused(name, tmp_path):
    content, message = REFUSED_PAIRS[name]
    with pytest.raises(ValueError, match=message):
        read_pairs(write(tmp_path / name, content))


def test_parts_of_pairs(tmp_path):
    rows = [("source", "target", "split"), ("a", "b", "train"), ("c", "d", "Dev")]
    path = write(tmp_path / "x.csv", as_csv([*rows, ("e", "f", "testing")]))
    corpus = read_pairs(path)
    assert corpus.parts == ("train", "validation", "test")
    assert corpus.part("validation") == [("c", "d")]
    folder = tmp_path / "folder"
    write(folder / "training.csv", "source,target\na,b\n")
    write(folder / "valid.tsv.gz", gzip.compress(b"c\td\n"))
    write(folder / "test.jsonl", '{"en": "e", "fr": "f"}\n')
    assert read_pairs(folder).parts == corpus.parts
    assert read_pairs(folder).pairs == corpus.pairs
    write(folder / "train.tsv", "a\tb\n")
    with pytest.raises(
        ValueError, match=r"train part; .*'train.tsv' and 'training.csv'"
    ):
        read_pairs(folder)


LABELLED = [
    ("pos", 'A "fine", warm film.'),
    ("neg", "Dull; no wit."),
    ("none", "Seen it."),
]
LABEL_FILES = {
    "x.csv": as_csv([("review", "sentiment"), *((t, lab) for lab, t in LABELLED)]),
    "x.tsv": as_csv(
        [
            ("id", "text", "label"),
            *((i, t, lab) for i, (lab, t) in enumerate(LABELLED)),
        ],
        delimiter="\t",
    ),
    "x.jsonl": as_lines(LABELLED, ("label", "text")),
    "fast.txt": "".join(f"__label__{lab} {text}\n" for lab, text in LABELLED),
    "fast.txt.gz": gzip.compress(
        "".join(f"__label__{lab} {text}\n" for lab, text in LABELLED).encode()
    ),
}


@pytest.mark.parametrize("name", LABEL_FILES)
def test_labelled(name, tmp_path):
    corpus = read_labelled(write(tmp_path / name, LABEL_FILES[name]))
    assert [(text.label, text.text) for text in corpus.texts] == LABELLED


def test_labelled_columns(tmp_path):
    path = write(tmp_path / "x.tsv", "7\tGood.\tpos\n8\tBad.\tneg\n")
    with pytest.raises(ValueError, match="received 3 columns"):
        read_labelled(path)
    corpus = read_labelled(path, columns=(2, 1))
    assert [(text.label, text.text) for text in corpus.texts] == [
        ("pos", "Good."),
        ("neg", "Bad."),
    ]


def test_labels_are_compared_in_nfc(tmp_path):
    text = "caf\u00e9\ta\ncafe\u0301\tb\nte\u0301\tc\n\ufeffte\u0301 \td\n"
    assert read_labelled(write(tmp_path / "x.tsv", text)).labels == [
        "caf\u00e9",
        "t\u00e9",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("__label__a x\n__label__a __label__b y\n", "x.txt:2: expected one label"),
        ("__label__a x\nplain\n", "x.txt:2: expected one label"),
        ("\n\n \n", "two labels at least; received 0 texts"),
    ],
)
def test_labelled_that_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_labelled(write(tmp_path / "x.txt", content))


FOLDERS = {
    "years below": {
        "pos/2019/0.txt": "a",
        "pos/2020/0.txt": "b",
        "neg/2019/1.txt": "c",
    },
    "years above": {"2019/pos/0": "a", "2020/pos/0": "b", "2019/neg/0": "c"},
    "without endings": {"pos/0": "a", "pos/00123": "b", "neg/1.2": "c", "README": "x"},
    "other names of parts": {
        "Training/pos/0.txt": "a",
        "training/pos/1.txt": "b",
        "training/neg/1.txt": "c",
    },
    "gzipped": {
        "pos/0.txt.gz": gzip.compress(b"a"),
        "pos/1.txt": "b",
        "neg/1.txt": "c",
    },
}


@pytest.mark.parametrize("case", FOLDERS)
def test_label_folders(case, tmp_path):
    for name, content in FOLDERS[case].items():
        write(tmp_path / name, content)
    corpus = read_labelled(tmp_path)
    found = sorted((text.label, text.text) for text in corpus.texts)
    assert found == [("neg", "c"), ("pos", "a"), ("pos", "b")]


def test_a_loop_of_links_ends(tmp_path):
    write(tmp_path / "pos" / "0.txt", "a")
    write(tmp_path / "neg" / "0.txt", "b")
    (tmp_path / "pos" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "neg" / "self.txt").symlink_to(tmp_path / "neg" / "self.txt")
    assert len(read_labelled(tmp_path)) == 2


def test_two_files_of_a_part_or_a_label_are_refused(tmp_path):
    write(tmp_path / "dev.tsv", "a\tb\nc\td\n")
    write(tmp_path / "valid.tsv", "a\tb\n")
    with pytest.raises(ValueError, match=r"validation part; .*dev.tsv.*valid.tsv"):
        read_labelled(tmp_path)
    folder = tmp_path / "labels"
    for name in ("x.pos", "x.neg"):
        write(folder / name, "a\n")
    write(folder / "x.pos.gz", gzip.compress(b"b\n"))
    with pytest.raises(ValueError, match=r"label 'pos'; .*x.pos.*x.pos.gz"):
        read_labelled(folder)


def test_documents_of_a_table(tmp_path):
    texts = [f'message {i}, "quoted"\nand more' for i in range(12)]
    path = write(tmp_path / "x.csv", as_csv([("id", "text"), *enumerate(texts)]))
    corpus = read_documents(path)
    assert (corpus.texts, corpus.cut, corpus.lines) == (tuple(texts), 0, True)
    assert corpus.names[1] == "x.csv:4"  # the first takes lines 2 and 3
    assert read_documents(path, column=1).texts == corpus.texts
    assert read_documents(path, column="id").texts[3] == "3"
    with pytest.raises(ValueError, match="expected a column of texts"):
        read_documents(write(tmp_path / "y.csv", "a,b\nc,d\n"))
    with pytest.raises(ValueError, match="is no table"):
        read_documents(write(tmp_path / "y.txt", "a"), column=1)


def test_documents_that_are_packed(tmp_path):
    texts = {f"{i:02}.txt": f"text number {i}" for i in range(12)}
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"texts/{name}", text)
    assert read_documents(path).texts == tuple(texts.values())
    packed = write(tmp_path / "x.txt.gz", gzip.compress(b"one\n\ntwo"))
    assert read_documents(packed).texts == ("one\n\ntwo",)
    write(tmp_path / "both" / "a.txt", "a")
    write(tmp_path / "both" / "a.txt.gz", gzip.compress(b"b"))
    with pytest.raises(ValueError, match=r"both 'a.txt' and 'a.txt.gz'"):
        read_documents(tmp_path / "both")


def test_documents_with_parts(tmp_path):
    for part in ("ptb.train", "ptb.valid", "ptb.test"):
        write(tmp_path / f"{part}.txt", f"{part} text\n" * 3)
    corpus = read_documents(tmp_path)
    assert corpus.parts == ("test", "train", "validation")
    assert [text.split()[0] for text in corpus.texts] == [
        "ptb.test",
        "ptb.train",
        "ptb.valid",
    ]
    # One such name alone means nothing.
    other = tmp_path / "other"
    for name in ("test", "apples", "pears"):
        write(other / f"{name}.txt", f"about {name}")
    assert read_documents(other).parts == ()


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    labels, texts = zip(*LABELLED, strict=True)
    table = pyarrow.table({"label": labels, "text": texts, "n": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "x.parquet")
    corpus = read_labelled(tmp_path / "x.parquet")
    assert [(text.label, text.text) for text in corpus.texts] == LABELLED
    assert read_pairs(tmp_path / "x.parquet", columns=("text", "n")).pairs[1][1] == "2"
    assert read_documents(tmp_path / "x.parquet").texts[2] == "Seen it."
    write(tmp_path / "y.parquet", b"PAR1 no")
    with pytest.raises(ValueError, match=r"y\.parquet: is no Parquet"):
        read_labelled(tmp_path / "y.parquet")


def test_a_broken_file_is_said_to_be_broken(tmp_path):
    whole = gzip.compress(as_csv([HEADER, *PAIRS * 99]).encode())
    with pytest.raises(ValueError, match=r"x.csv.gz: is no whole .gz file"):
        read_pairs(write(tmp_path / "x.csv.gz", whole[:-20]))


def test_long_fields_are_read_and_the_limit_of_the_process_stays(tmp_path):
    rows = [("text", "label"), ("a, " * 60_000, "x"), ("b, c", "y")] * 2
    path = write(tmp_path / "long.csv", as_csv([*rows[:3], *rows[1:3]]))
    before = csv.field_size_limit()
    found = read_labelled(path)
    assert csv.field_size_limit() == before
    assert [len(item.text) for item in found.texts] == [179_999, 4]


def test_names_that_come_late_are_not_dropped(tmp_path):
    lines = [json.dumps({"text": f"t{i}", "label": i % 2}) for i in range(1000)]
    late = json.dumps({"text": "t", "label": 1, "note": "n"})
    path = write(tmp_path / "x.jsonl", "\n".join([*lines, late]))
    for read in (read_labelled, read_documents):
        with pytest.raises(ValueError, match=r"x\.jsonl:1001: .*received 'note' too"):
            read(path)
    write(path, "\n".join([late, *lines]))  # lacking later is missing
    assert len(read_labelled(path).texts) == 1001


def test_names_within_an_object_displace_none(tmp_path):
    rows = [
        {"text": f"t{i}", "label": i % 2, "about": {"text": "no", "by": "me"}}
        for i in range(12)
    ]
    path = write(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows)))
    assert {t.text for t in read_labelled(path).texts} == {f"t{i}" for i in range(12)}
    assert set(read_documents(path, column="by").texts) == {"me"}
    write(path, '{"text": "a", "label": 1}\n{"text": "b", "text ": "c", "label": 0}')
    for read in (read_labelled, read_documents, read_table):
        with pytest.raises(ValueError, match=r"x\.jsonl:2: expected names that differ"):
            read(str(path))
