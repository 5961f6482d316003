"""`require` brings a module, or says what to install."""

import json

import pytest

from keras_seq.extras import require


def test_a_module_that_is_there():
    assert require("json", "text") is json
    assert require("json.decoder", "text") is json.decoder


def test_a_module_that_is_missing():
    message = r"no_such_module.*'music'.*pip install 'keras-seq\[music\]'"
    with pytest.raises(ImportError, match=message) as caught:
        require("no_such_module.below", "music")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_module_that_fails_to_import(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("from json import no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"no_such_name.*keras-seq\[plots\]"):
        require("broken_module", "plots")
