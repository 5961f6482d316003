"""Where export writes: versions and paths."""

import pytest
import tensorflow as tf

from keras_seq.serving import Signature, export

FLOATS = tf.TensorSpec([None, 3], tf.float32)


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, 2**63])
def test_version_must_be_a_number(tmp_path, version):
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    with pytest.raises(ValueError, match="`version` must be an integer >= 1"):
        export([], tmp_path, {"serving_default": signature}, version=version)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", ValueError),
        ("gs://bucket/model", ValueError),
        ("a\0b", ValueError),
        ("\udcff", ValueError),
        (b"model", TypeError),
        (None, TypeError),
    ],
)
def test_path_must_be_a_folder_here(tmp_path, monkeypatch, path, error):
    monkeypatch.chdir(tmp_path)
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    with pytest.raises(error, match="`path` must"):
        export([], path, {"serving_default": signature})
    assert not list(tmp_path.iterdir())


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    signature = Signature(lambda x: {"y": x}, {"x": FLOATS})
    report = export([], "~/model", {"serving_default": signature})
    assert report.directory == tmp_path / "home" / "model" / "1"
    assert not (tmp_path / "~").exists()
