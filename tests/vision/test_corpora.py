import json

import pytest

from keras_seq.vision import most_frequent_caption, read_captions


def images(folder, **contents):
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".jpg").write_bytes(content)


def coco(folder, names, notes):
    content = {
        "images": [{"id": i, "file_name": name} for i, name in names.items()],
        "annotations": [{"image_id": i, "caption": text} for i, text in notes],
    }
    (folder / "captions.json").write_text(json.dumps(content), "utf-8")


def test_coco(tmp_path):
    images(tmp_path, a=b"1", images__b=b"2", images__c=b"3", other__d=b"4")
    coco(
        tmp_path,
        {7: "a.jpg", 3: "b.jpg", 5: "gone.jpg", 9: "other/d.jpg"},
        [(3, "A\ndog "), (7, "a cat"), (3, "a dog"), (5, "?"), (4, "x"), (9, " \t")],
    )
    corpus = read_captions(tmp_path)
    assert [(i.path.name, i.captions) for i in corpus.images] == [
        ("b.jpg", ("A dog", "a dog")),
        ("a.jpg", ("a cat",)),
    ]
    assert corpus.missing == ("gone.jpg", "id 4")
    assert (corpus.without_captions, corpus.empty) == (1, 1)
    summary = corpus.summary()
    assert "2 images with 3 captions" in summary
    assert "2 images that the captions name are missing (gone.jpg, id 4)" in summary
    assert read_captions(tmp_path / "captions.json").images == corpus.images


QUOTED = """image,caption
a.jpg,A dog .
a.jpg,"Two, he said"
b.jpg,x
"""
BEFORE = "a.jpg#0\tA dog .\na.jpg#1\tTwo, he said\n\nb.jpg#0\tx\n"
FLICKR30K = """\ufeffimage| number| caption
a.jpg| 0| A dog .
a.jpg| 1| Two, he said
b.jpg| 0| x
"""
TURNED = "Caption;image\r\nA dog .;a.jpg\r\nTwo, he said;a.jpg\r\nx;b.jpg\r\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.txt", QUOTED),
        ("captions.txt", QUOTED.replace('"', "")),
        ("t.csv", TURNED),
        ("a.token.txt", BEFORE),
        ("captions.txt", FLICKR30K),
        ("captions.csv", QUOTED.replace("Two, he", "Two,\n\nhe")),
        ("captions.csv", QUOTED.replace("\n", "\r")),
        ("captions.txt", BEFORE.replace("A dog", "A\u2028dog")),
    ],
)
def test_tables(name, text, tmp_path):
    images(tmp_path, Images__a=b"1", Images__b=b"2")
    (tmp_path / name).write_bytes(text.encode())
    found = {i.path.name: i.captions for i in read_captions(tmp_path).images}
    assert found == {"a.jpg": ("A dog .", "Two, he said"), "b.jpg": ("x",)}


def test_equal_images_are_one(tmp_path):
    images(tmp_path, a=b"same", b=b"same", c=b"other")
    text = "image,caption\na.jpg,one\nb.jpg,two\nc.jpg,three\n"
    (tmp_path / "captions.csv").write_text(text)
    corpus = read_captions(tmp_path)
    assert [i.captions for i in corpus.images] == [("one", "two"), ("three",)]
    assert corpus.repeated == ("b.jpg",)


def test_the_digest_is_of_images_and_captions(tmp_path):
    digests = set()
    for image, text in ((b"1", "x"), (b"2", "x"), (b"2", "y")):
        images(tmp_path, a=image)
        (tmp_path / "captions.csv").write_text(f"image,caption\na.jpg,{text}\n")
        digests.add(read_captions(tmp_path).digest)
    assert len(digests) == 3


def test_captions_in_other_scripts(tmp_path):
    images(tmp_path, a=b"1")
    texts = ["一只狗在跑", "собака бежит", "كلب يجري", "e\u0301te\u0301 😀"]
    rows = "".join(f"a.jpg,{text}\n" for text in texts)
    (tmp_path / "captions.csv").write_text("image,caption\n" + rows, "utf-8")
    [image] = read_captions(tmp_path).images
    assert image.captions == (*texts[:3], "été 😀")


def test_a_name_that_may_be_two_images(tmp_path):
    images(tmp_path, x__a=b"1", y__a=b"2")
    table = tmp_path / "captions.csv"
    table.write_text("image,caption\na.jpg,one\n")
    with pytest.raises(ValueError, match=r"'a.jpg', which may be any of"):
        read_captions(tmp_path)
    table.write_text("image,caption\ny/a.jpg,one\n")
    assert read_captions(tmp_path).images[0].path == tmp_path / "y" / "a.jpg"


def test_no_image_outside_the_folder_is_read(tmp_path):
    images(tmp_path, secret=b"1", data__a=b"2")
    table = tmp_path / "data" / "captions.csv"
    table.write_text("image,caption\n../secret.jpg,one\na.jpg,two\n")
    corpus = read_captions(tmp_path / "data")
    assert corpus.missing == ("../secret.jpg",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.json", b"{", "must be JSON with 'images'"),
        ("captions.json", b'{"images": []}', "KeyError: 'annotations'"),
        ("captions.json", b'{"images": [], "annotations": []}', "names 0 images"),
        ("captions.csv", b"file,text\na.jpg,x\n", "captions.csv:1: expected a head"),
        ("captions.csv", b"", "captions.csv:1: expected a head"),
        ("captions.csv", b"image,caption\na.jpg\n", "csv:2: expected 2 columns"),
        ("captions.csv", b"image,caption\na.jpg,\xff\n", "csv:2: expected UTF-8"),
        ("captions.json", b'{"images":\n"\xff"}', "captions.json:2: expected UTF-8"),
        ("captions.json", b'{"images": [], "annotations": [{"image_id": 1, "caption":'
         b' "x"}, {"image_id": 1}]}', "KeyError in annotation 1: 'caption'"),
        ("captions.json", b'{"images": [], "annotations": [{"image_id": 1, "caption":'
         b" null}]}", "TypeError in annotation 0: caption is None"),
        ("captions.csv", b'image,caption\na.jpg,"x\nb.jpg,y\n', "csv:2: .* closed"),
        ("captions.csv", b'image,caption\na.jpg,"x\nb.jpg,"y"\n', "csv:2: .* closed"),
        ("captions.csv", b"image,caption\na.jpg," + b"x" * 150_000, "csv:2: .* limit"),
        ("captions.txt", b"a.jpg#0\tx\na.jpg\ty\n", "captions.txt:2: expected NAME#"),
        ("captions.csv", b"image,caption\nb.jpg,x\n", "of which none is in its folder"),
        ("captions.txt", b"a.jpg#0\tx\na.jpg#1 y\n", "captions.txt:2: expected NAME#"),
        ("other.md", b"", r"must have one file with captions.*\[\]"),
    ],
)  # fmt: skip
def test_bad_files(name, content, message, tmp_path):
    images(tmp_path, a=b"1")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_captions(tmp_path)


def test_a_file_of_any_ending_is_there(tmp_path):
    (tmp_path / "a.tiff").write_bytes(b"1")
    (tmp_path / "captions.csv").write_text("image,caption\na.tiff,x\n")
    corpus = read_captions(tmp_path)
    assert [image.path.name for image in corpus.images] == ["a.tiff"]
    assert not corpus.missing


def test_which_file_has_the_captions(tmp_path):
    images(tmp_path, a=b"1")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,x\n")
    assert len(read_captions(tmp_path).images) == 1
    (tmp_path / "captions.json").write_text("{}")
    with pytest.raises(ValueError, match="must have one file with captions"):
        read_captions(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_captions(tmp_path / "nowhere")


def test_the_most_frequent_caption():
    texts = ["a dog", "the cat", "a cat", "the cat", "no"]
    assert most_frequent_caption(texts) == "the cat"
    with pytest.raises(ValueError, match="must not be empty"):
        most_frequent_caption([])
