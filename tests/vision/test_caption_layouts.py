"""Images with captions in the layouts in which the known data sets are handed about."""

import json
import os

import pytest

from keras_seq.vision import read_captions
from keras_seq.vision._caption_files import split_named


def write(folder, **files):
    """Files by their path, with "__" for "/"; a list is JSON, or lines of objects."""
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(path.name.replace("_json", ".json"))
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.with_suffix(".jpg").write_bytes(content)
        elif isinstance(content, str):
            path.with_suffix(".txt").write_text(content)
        else:
            path.with_suffix(".json").write_text(json.dumps(content))


def found(path):
    return {
        image.path.name: (image.captions, image.split)
        for image in read_captions(path).images
    }


def coco(**captions):
    names = [f"{name}.jpg" for name in captions]
    return {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [
            {"image_id": i, "caption": text} for i, text in enumerate(captions.values())
        ],
    }


def test_coco_as_it_is_unpacked(tmp_path):
    write(
        tmp_path,
        annotations__captions_train2017=coco(a="one", b="two"),
        annotations__captions_val2017=coco(c="three"),
        annotations__instances_val2017={"images": [], "annotations": []},
        train2017__a=b"1",
        train2017__b=b"2",
        val2017__c=b"3",
    )
    assert found(tmp_path) == {
        "a.jpg": (("one",), "train"),
        "b.jpg": (("two",), "train"),
        "c.jpg": (("three",), "validation"),
    }
    alone = tmp_path / "annotations" / "captions_val2017.json"
    assert found(alone) == {"c.jpg": (("three",), "")}
    assert read_captions(alone).without_captions == 2


FLICKR = "a.jpg#0\tone\na.jpg#1\tuno\nb.jpg#0\ttwo\nc.jpg#0\tthree\nd.jpg#0\tfour\n"
LISTS = {"trainImages": "a.jpg\n", "devImages": "b.jpg\n", "testImages": "\nc.jpg\n"}


@pytest.mark.parametrize("given", ["", "Flickr8k_text/Flickr8k.token.txt"])
def test_flickr8k_as_it_was_published(given, tmp_path):
    text = tmp_path / "Flickr8k_text"
    write(tmp_path, **{f"Flicker8k_Dataset__{n}": n.encode() for n in "abcd"})
    text.mkdir()
    (text / "Flickr8k.token.txt").write_text(FLICKR)
    (text / "Flickr8k.lemma.token.txt").write_text(FLICKR.replace("one", "lemma"))
    (text / "ExpertAnnotations.txt").write_text("a.jpg\tb.jpg#2\t1\t1\t1\n")
    (text / "readme.txt").write_text("hello")
    for name, content in LISTS.items():
        (text / f"Flickr_8k.{name}.txt").write_text(content)
    assert found(tmp_path / given) == {
        "a.jpg": (("one", "uno"), "train"),
        "b.jpg": (("two",), "validation"),
        "c.jpg": (("three",), "test"),
    }
    corpus = read_captions(tmp_path / given)
    assert corpus.unlisted == 1
    assert "1 images are in none of the parts" in corpus.summary()
    (text / "Flickr_8k.testImages.txt").write_text("c.jpg\na.jpg\n")
    with pytest.raises(ValueError, match=r"trainImages.txt:1: 'a.jpg' is in two lists"):
        read_captions(tmp_path / given)


def test_flickr8k_behind_a_link_and_in_capitals(tmp_path):
    write(tmp_path, elsewhere__a=b"1", elsewhere__b=b"2")
    (tmp_path / "elsewhere" / "a.jpg").rename(tmp_path / "elsewhere" / "A.JPG")
    data = tmp_path / "data"
    write(data, captions="image,caption\na.jpg,one\nb,two\n")
    (data / "Images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(data)  # no walk without end
    assert found(data) == {"A.JPG": (("one",), ""), "b.jpg": (("two",), "")}
    assert found(data / "captions.txt") == found(data)
    with pytest.raises(ValueError, match=r"it has \[\]; beside it is captions.txt"):
        read_captions(data / "Images")


@pytest.mark.parametrize("given", ["kaggle", "kaggle/captions.txt"])
def test_flickr8k_beside_its_images(given, tmp_path):
    write(
        tmp_path,
        Images__a=b"1",
        other__b=b"2",
        kaggle__captions="image,caption\na.jpg#0,one\na.jpg#1,uno\nc.jpg,x\n",
    )
    (tmp_path / "Images" / "c.jpg").symlink_to(tmp_path / "gone.jpg")
    assert found(tmp_path / given) == {"a.jpg": (("one", "uno"), "")}
    assert read_captions(tmp_path / given).missing == ("c.jpg",)


def test_flickr30k_with_its_broken_line(tmp_path):
    write(
        tmp_path,
        images__a=b"1",
        images__b=b"2",
        results="image_name| comment_number| comment\na.jpg| 0| One | two .\n"
        "a.jpg| 4   A dog runs .\nb.jpg| 0| three\n",
    )
    assert found(tmp_path) == {
        "a.jpg": (("One | two .", "A dog runs ."), ""),
        "b.jpg": (("three",), ""),
    }
    (tmp_path / "results.txt").write_text(
        "image_name| comment_number| comment\na.jpg\n"
    )
    with pytest.raises(ValueError, match=r"results.txt:2: expected 3 columns"):
        read_captions(tmp_path)


def karpathy(*images):
    return {
        "dataset": "coco",
        "images": [
            {
                "filepath": folder,
                "filename": name,
                "split": split,
                "sentences": [{"raw": text, "tokens": text.split()} for text in texts],
            }
            for folder, name, split, texts in images
        ],
    }


def test_karpathys_splits(tmp_path):
    write(
        tmp_path,
        train2014__a=b"1",
        val2014__b=b"2",
        val2014__c=b"3",
        val2014__d=b"4",
        dataset_coco=karpathy(
            ("train2014", "a.jpg", "train", ["one", "uno"]),
            ("val2014", "b.jpg", "restval", ["two"]),
            ("val2014", "c.jpg", "val", ["three"]),
            ("val2014", "d.jpg", "test", ["four"]),
        ),
    )
    assert found(tmp_path) == {
        "a.jpg": (("one", "uno"), "train"),
        "b.jpg": (("two",), "train"),
        "c.jpg": (("three",), "validation"),
        "d.jpg": (("four",), "test"),
    }
    write(tmp_path, dataset_coco=karpathy(("", "a.jpg", "extra", ["one"])))
    with pytest.raises(ValueError, match=r"in image 0: split is 'extra'"):
        read_captions(tmp_path)


def test_metadata_of_image_folders(tmp_path):
    write(tmp_path, **{f"{split}__1": split.encode() for split in ("train", "test")})
    for split in ("train", "test"):
        line = {"file_name": "1.jpg", "text": f"of {split}"}
        (tmp_path / split / "metadata.jsonl").write_text(json.dumps(line) + "\n\n")
    corpus = read_captions(tmp_path)
    assert [(i.path.parent.name, i.captions, i.split) for i in corpus.images] == [
        ("test", ("of test",), "test"),
        ("train", ("of train",), "train"),
    ]
    (tmp_path / "test" / "metadata.jsonl").write_text('{"file_name": "1.jpg"}\n')
    with pytest.raises(ValueError, match=r"metadata.jsonl:1: .*a caption among"):
        read_captions(tmp_path)


def test_a_column_tells_the_split(tmp_path):
    write(tmp_path, a=b"1", b=b"2")
    table = tmp_path / "metadata.csv"
    table.write_text("file_name,split,text\na.jpg,train,one\nb.jpg,valid,two\n")
    assert found(tmp_path) == {
        "a.jpg": (("one",), "train"),
        "b.jpg": (("two",), "validation"),
    }
    table.write_text("file_name,split,text\na.jpg,train,one\na.jpg,test,two\n")
    with pytest.raises(ValueError, match=r"csv:3: 'a.jpg' is of train and of test"):
        read_captions(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"a.jpg": ["one", "uno"], "b.jpg": "two"},
        [
            {"image": "a.jpg", "caption": ["one", "uno"]},
            {"image": "x/b.jpg", "caption": "two"},
        ],
    ],
)
def test_names_with_lists_of_captions(content, tmp_path):
    write(tmp_path, x__a=b"1", x__b=b"2", captions=content)
    assert found(tmp_path) == {"a.jpg": (("one", "uno"), ""), "b.jpg": (("two",), "")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a.jpg": ["one", 2]}, "TypeError in 'a.jpg': caption is"),
        ([{"image": "a.jpg"}], "KeyError in object 0: .a caption among"),
        (["a.jpg"], "TypeError in object 0: expected an object; received 'a.jpg'"),
        ({"images": [{"sentences": []}]}, "KeyError in image 0: 'filename'"),
        (7, "must be JSON with 'images'"),
    ],
)
def test_json_that_is_no_captions(content, message, tmp_path):
    write(tmp_path, a=b"1", captions=content)
    with pytest.raises(ValueError, match=message):
        read_captions(tmp_path)


def test_two_files_of_one_split_are_refused(tmp_path):
    write(tmp_path, a=b"1", captions_train=coco(a="x"), captions_train2=coco(a="y"))
    with pytest.raises(ValueError, match="one for each split"):
        read_captions(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("captions_train2017", "train"),
        ("Flickr_8k.devImages", "validation"),
        ("validation", "validation"),
        ("restval", "train"),
        ("test-set", "test"),
        ("contest", ""),
        ("latest", ""),
        ("devil", ""),
        ("train_and_test", ""),
    ],
)
def test_which_split_a_name_speaks_of(name, split):
    assert split_named(name) == split
    assert split_named(name.upper()) == split


def test_an_image_in_two_parts_stays_in_one(tmp_path):
    write(
        tmp_path,
        captions_train=coco(a="one"),
        captions_test=coco(b="two", c="three"),
        a=b"same",
        b=b"same",
        c=b"other",
    )
    corpus = read_captions(tmp_path)
    assert len({image.digest for image in corpus.images}) == len(corpus.images) == 2
    assert len(corpus.repeated) == 1
    assert os.path.basename(corpus.repeated[0]) in ("a.jpg", "b.jpg")


def test_captions_in_another_encoding(tmp_path):
    write(tmp_path, a=b"1")
    table = tmp_path / "captions.csv"
    table.write_text("image,caption\na.jpg,ein Häuschen\n", "cp1252")
    with pytest.raises(ValueError, match=r"captions.csv:2: .* 0xE4"):
        read_captions(tmp_path)
    [image] = read_captions(tmp_path, encoding="cp1252").images
    assert image.captions == ("ein Häuschen",)


def test_a_pipe_has_no_captions(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe': expected a file or a folder"):
        read_captions(tmp_path / "pipe")


@pytest.mark.parametrize(
    "field",
    [
        '["A dog.", "It\'s here."]',
        "['A dog.', \"It's here.\"]",
        "['A dog.' \"It's here.\"]",  # as NumPy writes it
        "['A dog.'\n \"It's here.\"]",
    ],
)
def test_lists_of_captions_in_a_field(field, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    quoted = field.replace('"', '""')
    (tmp_path / "captions.csv").write_text(f'Image Name,raw\na.jpg,"{quoted}"\n')
    assert found(tmp_path) == {"a.jpg": (("A dog.", "It's here."), "")}
    (tmp_path / "captions.csv").write_text(
        "image,caption\na.jpg,[sic] ['a' or \"b\"]\n"
    )
    assert found(tmp_path) == {"a.jpg": (("[sic] ['a' or \"b\"]",), "")}


@pytest.mark.parametrize("given", ["\u00e9t\u00e9.jpg", "e\u0301te\u0301.JPG"])
@pytest.mark.parametrize("named", ["\u00c9t\u00e9.jpg", "E\u0301te\u0301.jpg"])
def test_accents_of_names_may_be_apart(given, named, tmp_path):
    (tmp_path / given).write_bytes(b"a")
    lines = [{"file_name": named, "text": "A dog."}, {"file_name": named, "text": None}]
    text = "\n".join(map(json.dumps, lines))
    (tmp_path / "metadata.jsonl").write_text(text)
    corpus = read_captions(tmp_path)
    assert [image.captions for image in corpus.images] == [("A dog.",)]
    assert corpus.empty == 1


def test_what_a_mac_leaves_is_no_file_of_captions(tmp_path):
    for name in ("a.jpg", "b.jpg", "._a.jpg", "._captions.json"):
        (tmp_path / name).write_bytes(name.encode())
    content = coco(a="A dog.")
    content["images"][0]["id"] = "0"  # where the captions have a number
    (tmp_path / "captions.json").write_text(json.dumps(content))
    corpus = read_captions(tmp_path)
    assert [image.path.name for image in corpus.images] == ["a.jpg"]
    assert corpus.without_captions == 1
    lines = [{"file_name": "a.jpg", "text": float("nan")}]
    lines += [{"file_name": "b.jpg", "text": "A cat."}]
    (tmp_path / "captions.json").write_text(json.dumps(lines))
    corpus = read_captions(tmp_path)
    assert [image.captions for image in corpus.images] == [("A cat.",)]
    assert corpus.empty == 1
