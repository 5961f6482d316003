"""The files, read as LSTMVis's server reads them."""

import json
import re

import h5py
import numpy as np
import pytest

from keras_seq.diagnostics import write_lstmvis
from keras_seq.text import CharacterVocabulary

FILES = {"states.hdf5", "train.h5", "words.dict", "lstm.yml"}


class Served:
    """A project in LSTMVis, by the rules of its lstmdata/data_handler.py.

    The configuration names the files; what ends with .h5 or .hdf5 is opened, what
    ends with .dict or .txt is read line by line. Its YAML is JSON here.
    """

    def __init__(self, folder):
        self.config = json.loads((folder / "lstm.yml").read_text(encoding="utf-8"))
        self.arrays, self.words = {}, {}
        for key, name in self.config["files"].items():
            if name.endswith((".h5", ".hdf5")):
                with h5py.File(folder / name, "r") as file:
                    self.arrays[key] = {path: file[path][:] for path in file}
            elif name.endswith((".dict", ".txt")):
                with open(folder / name, encoding="utf-8") as lines:
                    pairs = [line.split() for line in lines]
                # Early versions fail where a line isn't a word and a number.
                self.words[key] = {int(number): word for word, number in pairs}
        for kind in self.config["states"]["types"]:
            kind["file"] = kind.get("file", self.config["states"]["file"])

    def shown_words(self, first, last):
        sequence = self.config["word_sequence"]
        ids = self.arrays[sequence["file"]][sequence["path"]][first:last]
        return [self.words[sequence["dict_file"]][i] for i in ids.tolist()]

    def shown_states(self, number, first, last):
        kind = self.config["states"]["types"][number]
        states = self.arrays[kind["file"]][kind["path"]][first:last]
        return np.tanh(states) if kind["transform"] == "tanh" else states


@pytest.fixture
def states():
    rng = np.random.default_rng(17)
    return {
        "hidden": rng.uniform(-1, 1, (2, 4, 3)),
        "cell": 3 * rng.normal(size=(2, 4, 3)),
        "layer_2.forget-gate": rng.uniform(0, 1, (2, 4, 5)),
    }


TOKENS = np.array([[4, 5, 2, 0], [6, 4, 4, 1]])
VOCABULARY = ["", "\n", " ", "\x1c", "a", "b b", "é\u2028"]
WORDS = ["∅", "\\n", "␣", "\\x1c", "a", "b␣b", "é\\u2028"]
MASK = np.array([[1, 1, 1, 0], [0, 1, 1, 1]], bool)


def test_what_the_server_shows(states, tmp_path):
    folder = write_lstmvis(
        tmp_path / "runs" / "mine", states, TOKENS, VOCABULARY, description="ü: “x”"
    )
    assert {path.name for path in folder.iterdir()} == FILES
    served = Served(folder)
    assert served.config["name"] == "mine"
    assert served.config["description"] == "ü: “x”"
    assert served.shown_words(0, 8) == [WORDS[i] for i in TOKENS.reshape(-1)]
    assert served.words["words"] == dict(enumerate(WORDS))
    kinds = served.config["states"]["types"]
    assert [(kind["type"], kind["layer"]) for kind in kinds] == [
        ("hidden", 1),
        ("cell", 2),
        ("layer_2.forget-gate", 3),
    ]
    assert [kind["unsigned"] for kind in kinds] == [False, False, True]
    for number, (name, array) in enumerate(states.items()):
        right = np.tanh(array) if name == "cell" else array
        shown = served.shown_states(number, 2, 7)
        assert shown.dtype == "float32"
        np.testing.assert_allclose(
            shown, right.reshape(8, -1)[2:7], rtol=1e-6, atol=1e-7
        )


def test_masked_steps_are_left_out(states, tmp_path):
    states["hidden"][~MASK] = np.nan  # it doesn't matter what stands there
    folder = write_lstmvis(tmp_path, states, TOKENS, VOCABULARY, mask=MASK)
    served = Served(folder)
    places = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3)]
    assert served.shown_words(0, 99) == [WORDS[TOKENS[place]] for place in places]
    expected = [states["hidden"][place] for place in places]
    np.testing.assert_allclose(served.shown_states(0, 0, 99), expected, rtol=1e-6)


def test_one_sequence_and_vocabularies_of_other_kinds(tmp_path):
    vocabulary = CharacterVocabulary("ab ")
    tokens = np.array(vocabulary.encode("b a"))
    states = {"h": np.linspace(-1, 1, 6).reshape(3, 2)}
    served = Served(write_lstmvis(tmp_path / "a", states, tokens, vocabulary))
    assert served.shown_words(0, 3) == ["b", "␣", "a"]
    assert len(served.words["words"]) == len(vocabulary)
    words = {int(i): w for i, w in zip(tokens, "xyz", strict=True)}
    served = Served(write_lstmvis(tmp_path / "b", states, tokens, words))
    assert served.shown_words(0, 3) == ["x", "y", "z"]
    np.testing.assert_allclose(served.shown_states(0, 0, 3), states["h"], rtol=1e-6)
    array = np.array(list("uvwxyz"))
    served = Served(write_lstmvis(tmp_path / "c", states, np.arange(3), array))
    assert served.shown_words(0, 3) == ["u", "v", "w"]


def test_what_was_there_stays_unless_overwrite(states, tmp_path):
    write_lstmvis(tmp_path, states, TOKENS, VOCABULARY, name="first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match=r"must not have lstm.yml unless"):
        write_lstmvis(tmp_path, states, TOKENS, VOCABULARY)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    for path in tmp_path.iterdir():
        if path.name != "words.dict":
            path.unlink()
    with pytest.raises(FileExistsError, match=r"must not have words.dict unless"):
        write_lstmvis(tmp_path, states, TOKENS, VOCABULARY)
    write_lstmvis(
        tmp_path, {"h": states["cell"]}, TOKENS, VOCABULARY, name="b", overwrite=True
    )
    served = Served(tmp_path)
    assert served.config["name"] == "b"
    assert list(served.arrays["states"]) == ["h"]


def test_a_failure_leaves_what_was_there(states, tmp_path, monkeypatch):
    write_lstmvis(tmp_path, states, TOKENS, VOCABULARY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)  # behind the HDF5 files
    with pytest.raises(OSError, match="no space left"):
        write_lstmvis(
            tmp_path, {"h": states["cell"]}, TOKENS, VOCABULARY, overwrite=True
        )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


HIDDEN = np.zeros((2, 4, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": {}}, "`states` must have a layer; received none"),
        ({"states": {"a/b": HIDDEN}}, "`states` must have names of letters"),
        ({"states": {"..": HIDDEN}}, "`states` must have names of letters"),
        ({"states": {"": HIDDEN}}, "`states` must have names of letters"),
        ({"states": {"h": HIDDEN[:, :3]}}, r"`states['h']` must have the shape"),
        ({"states": {"h": HIDDEN[0]}}, r"received shape (4, 3)."),
        ({"states": {"h": HIDDEN + np.nan}}, "`states['h']` must be finite"),
        ({"tokens": TOKENS / 2}, "`tokens` must be integers of shape (B, T)"),
        ({"tokens": TOKENS[None]}, "received shape (1, 2, 4)"),
        ({"tokens": TOKENS + 1}, "`tokens` must be ids of `vocabulary`; received 7"),
        ({"mask": MASK[0]}, "`mask` must have the shape of `tokens`, (2, 4)"),
        ({"mask": MASK & False}, "`tokens` must have a step that counts"),
        ({"name": "a\nb"}, "`name` must be a line of text"),
        ({"description": ""}, "`description` must be a line of text"),
    ],
)
def test_refusals(changes, message, tmp_path):
    given = {"states": {"h": HIDDEN}, "tokens": TOKENS, "vocabulary": VOCABULARY}
    with pytest.raises(ValueError, match=re.escape(message)):
        write_lstmvis(tmp_path / "new", **{**given, **changes})
    assert not (tmp_path / "new").exists()
