"""Data sets of the library `datasets`, saved in a folder: no network."""

import importlib.util

import pytest

from keras_seq.text import hub_rows, read_documents, read_labelled, read_pairs
from keras_seq.text.corpora.hub import hub_name
from recipes.binary_classification.settings import Config
from recipes.binary_classification.sources import table_file
from recipes.translation import settings as translation
from recipes.translation.sentences import sentence_pairs

ABSENT = importlib.util.find_spec("datasets") is None
needs_datasets = pytest.mark.skipif(ABSENT, reason="the library datasets is absent")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("hf://imdb", ("imdb", None, None)),
        ("hf://owner/name", ("owner/name", None, None)),
        ("hf://owner/name:small", ("owner/name", "small", None)),
        ("hf://name@test", ("name", None, "test")),
        ("hf://name:de-en@train", ("name", "de-en", "train")),
        ("table.csv", None),
        ("hf:/x", None),
    ],
)
def test_names(data, found):
    assert hub_name(data) == found


@pytest.mark.parametrize("data", ["hf://", "hf://a:", "hf://a@", "hf://:b", "hf://@c"])
def test_parts_of_a_name_are_not_empty(data):
    for read in (read_pairs, read_labelled, read_documents, hub_rows):
        with pytest.raises(ValueError, match="expected hf://NAME"):
            read(data)


@pytest.mark.skipif(not ABSENT, reason="the library datasets is there")
def test_the_missing_library_is_named_with_its_extra():
    for read in (read_pairs, read_labelled, read_documents, hub_rows):
        with pytest.raises(ImportError, match=r"'keras-seq\[hub\]'"):
            read("hf://imdb")


@pytest.fixture
def saved(tmp_path):
    """Writes splits, each a dict of columns, into a folder; its name."""
    datasets = pytest.importorskip("datasets")

    def save(features=None, **splits):
        found = {
            name: datasets.Dataset.from_dict(columns, features=features)
            for name, columns in splits.items()
        }
        datasets.DatasetDict(found).save_to_disk(tmp_path / "saved")
        return f"hf://{tmp_path / 'saved'}"

    return save


@needs_datasets
def test_labels_have_their_names_and_splits_are_parts(saved):
    import datasets

    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["neg", "pos"])
    )
    data = saved(
        features,
        train={"text": ["good", "bad"], "label": [1, 0]},
        test={"text": ["fine", "dull"], "label": [1, 0]},
        unsupervised={"text": ["who knows"], "label": [-1]},
    )
    corpus = read_labelled(data)
    assert [(t.label, t.text, t.part) for t in corpus.texts] == [
        ("pos", "good", "train"),
        ("neg", "bad", "train"),
        ("pos", "fine", "test"),
        ("neg", "dull", "test"),
    ]
    assert "'unsupervised'" in corpus.notes[0]
    one = read_labelled(f"{data}@test")
    assert [(t.text, t.part) for t in one.texts] == [("fine", ""), ("dull", "")]
    with pytest.raises(ValueError, match=r"one of the splits \['train', .*'dev'"):
        read_labelled(f"{data}@dev")
    with pytest.raises(ValueError, match="of the library datasets: hf://"):
        read_labelled(data.removeprefix("hf://"))
    documents = read_documents(data)
    assert documents.texts == ("good", "bad", "fine", "dull")
    assert documents.parts == ("train", "train", "test", "test")
    assert documents.names[0] == f"{data}@train:1"


@needs_datasets
def test_a_split_to_train_on_is_needed(saved):
    rows = {"text": ["a", "b"], "label": ["x", "y"]}
    data = saved(validation=rows, test=rows, other=rows)
    for read in (read_labelled, read_documents, hub_rows):
        with pytest.raises(ValueError, match="expected a split train, or one behind"):
            read(data)
    assert read_documents(f"{data}@test").texts == ("a", "b")


@needs_datasets
def test_hidden_labels_are_told(saved):
    import datasets

    names = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features(text=datasets.Value("string"), label=names)
    data = saved(
        features,
        train={"text": ["good", "bad"], "label": [1, 0]},
        validation={"text": ["fine", "dull"], "label": [1, 0]},
        test={"text": ["who knows", "nobody"], "label": [-1, -1]},
    )
    corpus = read_labelled(data)
    assert [t.text for t in corpus.texts] == ["good", "bad", "fine", "dull"]
    assert "'test' of hf://" in corpus.notes[0]
    assert "its labels are hidden" in corpus.notes[0]
    assert read_documents(data).texts[4:] == ("who knows", "nobody")
    with pytest.raises(ValueError, match="expected labels; they are hidden"):
        read_labelled(f"{data}@test")


@needs_datasets
def test_pairs_within_an_object(saved):
    rows = [{"en": "Go.", "fr": "Va !"}, {"en": "Run!", "fr": "Cours !"}]
    data = saved(train={"id": ["0", "1"], "translation": rows})
    corpus = read_pairs(data)
    assert corpus.pairs == (("Go.", "Va !"), ("Run!", "Cours !"))
    assert read_pairs(data, columns=("fr", "en")).pairs[0] == ("Va !", "Go.")


@needs_datasets
def test_pairs_in_the_recipe(saved):
    rows = [{"de": f"Satz Nummer {i}", "en": f"sentence number {i}"} for i in range(99)]
    config = translation.Config(data=saved(train={"translation": rows})).complete()
    pairs = sentence_pairs(config)
    assert sorted(pairs.train + pairs.validation + pairs.test) == sorted(
        (row["de"], row["en"]) for row in rows
    )


@needs_datasets
def test_a_table(saved):
    columns = {"x": [1.5, None, 3.25], "y": ["a", "b", "a"]}
    data = saved(train=columns, test=columns)
    found = table_file(Config(data=f"{data}@train", label="y"))
    assert found.labels == ["a", "b", "a"]
    assert [column.name for column in found.columns] == ["x"]
    assert found.rows.numbers[:, 0].tolist()[::2] == [1.5, 3.25]
    with pytest.raises(ValueError, match=r"expected one split; .*'train', 'test'"):
        table_file(Config(data=data, label="y"))


@needs_datasets
def test_no_such_data_set(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match=r"nothing: can't be loaded"):
        read_pairs(f"hf://{tmp_path / 'nothing'}")


@needs_datasets
def test_pictures_are_no_texts(saved):
    import datasets

    features = datasets.Features(
        {
            "image": datasets.Image(),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
        }
    )
    rows = {
        "image": [{"bytes": b"no picture", "path": None}] * 4,
        "text": ["a", "b", "c", "d"],
        "label": [0, 1, 0, 1],
    }
    data = saved(features, train=rows)
    corpus = read_labelled(data)
    assert [(t.label, t.text) for t in corpus.texts] == [
        ("neg", "a"),
        ("pos", "b"),
        ("neg", "c"),
        ("pos", "d"),
    ]
    assert "pictures or sounds aren't read: 'image'" in corpus.summary()
    assert read_documents(data).texts == ("a", "b", "c", "d")
    assert next(iter(hub_rows(data))) == {"text": "a", "label": "neg"}


@needs_datasets
def test_a_folder_as_the_hub_has_it(tmp_path, monkeypatch):
    """Through `load_dataset`, which takes folders too, and without the library."""
    import datasets

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "name" / "data"
    folder.mkdir(parents=True)
    for part, labels in (("train", "abab"), ("test", "ba")):
        rows = {"text": [f"{part} {i}" for i in range(len(labels))], "label": [*labels]}
        path = folder / f"{part}-00000-of-00001.parquet"
        datasets.Dataset.from_dict(rows).to_parquet(path)
    found = read_labelled(f"hf://{folder.parent}")
    assert [text.part for text in found.texts] == ["train"] * 4 + ["test"] * 2
    direct = read_labelled(folder)
    assert {(t.text, t.label, t.part) for t in direct.texts} == {
        (t.text, t.label, t.part) for t in found.texts
    }
    assert len(read_labelled(f"hf://{folder.parent}@test")) == 2
