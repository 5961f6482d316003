"""Files for LSTMVis, in which the states of a recurrent network are explored."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from keras_seq.diagnostics._characters import visible
from keras_seq.files import replacing
from keras_seq.typing import Array, ArrayLike


class Words(Protocol):
    """A vocabulary, as those of `keras_seq.text`: as many ids, and what they are."""

    def __len__(self) -> int:
        """How many ids there are, from 0."""

    def pieces(self, ids: Sequence[int], /) -> Sequence[str]:
        """What stands for each of them."""


_STATES, _WORD_IDS, _WORDS, _CONFIG = (
    "states.hdf5",
    "train.h5",
    "words.dict",
    "lstm.yml",
)


def write_lstmvis(
    folder: str | os.PathLike[str],
    states: Mapping[str, ArrayLike],
    tokens: Array | Sequence[int] | Sequence[Sequence[int]],
    vocabulary: Words | Sequence[str] | Mapping[int, str],
    *,
    mask: ArrayLike | None = None,
    name: str | None = None,
    description: str | None = None,
    overwrite: bool = False,
) -> Path:
    r"""Writes what LSTMVis reads: the states of each layer, step by step, and tokens.

    In LSTMVis one marks a phrase in which some units are active, and finds others
    in which they are. The folder gets four files:

    - `states.hdf5`: a dataset for each of `states`, float32, (steps, units), the
      steps of all sequences one behind the other;
    - `train.h5`: `word_ids`, int64, (steps,), the token of each step;
    - `words.dict`: a line "word id" for each entry of the vocabulary;
    - `lstm.yml`: which file is what.

    Its parent, or what is above, is then what LSTMVis is started with
    (`python lstm_server.py -dir DATA`); the folder's name stands in its addresses.

    The words must not have white space: a space is written as "␣", other white
    space as in a Python string ("\n"), an empty word as "∅". States that all lie in
    [-1, 1], such as a hidden state, are marked to be shown as they are; others,
    such as an LSTM's cell, to be put through tanh, as LSTMVis does by default; those
    that are nowhere negative, such as a gate, as unsigned.

    Args:
        folder: Folder to write to; made if missing.
        states: Dict from a name (letters, digits, "_", "-" and ".") to an array of
            shape (B, T, units), or (T, units) for one sequence; in the order of the
            layers. It is what `gate_activity` gives as `values`, say.
        tokens: Ids of the tokens that were read at each step, integers of shape
            (B, T), or (T,) for one sequence.
        vocabulary: What the ids stand for: a vocabulary of `keras_seq.text`, a
            sequence of strings with an id as its index, or a dict from an id to a
            string.
        mask: True where a step counts, of the shape of `tokens`: the others are
            left out. None for all.
        name: Name of the project; that of the folder by default.
        description: What the project is; `name` by default.
        overwrite: Whether files of these names may be replaced.

    Returns:
        The folder as a `pathlib.Path`.

    Raises:
        FileExistsError: If the folder has one of the files, and not `overwrite`.
        ValueError: If a shape doesn't fit, no step counts, a state is NaN or
            infinite, an id is not in the vocabulary, or a name can't be used.
        OSError: If a file can't be written. The folder then has what it had.

    Example:

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> hidden = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8))
    >>> tokens = np.array([[0, 2, 1], [2, 1, 1]])
    >>> path = write_lstmvis(
    ...     folder.name + "/ab", {"hidden": hidden}, tokens, ["a", " ", "b"]
    ... )
    >>> print((path / "words.dict").read_text(encoding="utf-8"), end="")
    a 0
    ␣ 1
    b 2
    >>> folder.cleanup()

    References:
        Strobelt, Gehrmann, Pfister and Rush (2018), LSTMVis: a tool for visual
        analysis of hidden state dynamics in recurrent neural networks. The format
        is that of github.com/HendrikStrobelt/LSTMVis: README.md,
        docs/chapter/config_states.md and docs/keras.md, as read by
        lstmdata/data_handler.py.
    """
    folder = Path(folder)
    tokens, counts = _checked_tokens(tokens, mask)
    arrays = _checked_states(states, counts)
    words = _words(vocabulary)
    ids = tokens[counts].astype("int64")
    if unknown := sorted(set(ids.tolist()) - set(words)):
        raise ValueError(
            f"`tokens` must be ids of `vocabulary`; received {unknown[0]}, which it "
            "doesn't have."
        )
    name = folder.resolve().name if name is None else name
    config = _config(arrays, name, name if description is None else description)
    paths = [folder / file for file in (_CONFIG, _STATES, _WORD_IDS, _WORDS)]
    existing = [path.name for path in paths if path.exists()]
    if existing and not overwrite:
        raise FileExistsError(
            f"`folder` must not have {existing[0]} unless `overwrite`; received "
            f"{str(folder)!r}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # They take their names when all are written, the first one last: LSTMVis
        # knows a project by its lstm.yml.
        yml, hdf5, h5, lines = (stack.enter_context(replacing(path)) for path in paths)
        with h5py.File(hdf5, "w") as file:
            for path, array in arrays.items():
                file.create_dataset(path, data=array)
        with h5py.File(h5, "w") as file:
            file.create_dataset("word_ids", data=ids)
        text = "".join(f"{word} {number}\n" for number, word in words.items())
        lines.write_bytes(text.encode("utf-8"))
        yml.write_bytes(config.encode("utf-8"))
    return folder


def _checked_tokens(
    tokens: ArrayLike, mask: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """The tokens, and where they count."""
    tokens = np.asarray(tokens)
    if tokens.ndim not in (1, 2) or tokens.dtype.kind not in "iu":
        raise ValueError(
            "`tokens` must be integers of shape (B, T) or (T,); received shape "
            f"{tokens.shape}, {tokens.dtype}."
        )
    counts = np.ones(tokens.shape, bool)
    if mask is not None:
        counts = np.asarray(mask).astype(bool)
        if counts.shape != tokens.shape:
            raise ValueError(
                f"`mask` must have the shape of `tokens`, {tokens.shape}; received "
                f"shape {counts.shape}."
            )
    if not counts.any():
        raise ValueError(
            f"`tokens` must have a step that counts; received shape {tokens.shape} "
            "with none."
        )
    return tokens, counts


def _checked_states(
    states: Mapping[str, ArrayLike], counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Dict of float32 arrays (steps, units)."""
    if not states:
        raise ValueError("`states` must have a layer; received none.")
    arrays = {}
    for name, array in states.items():
        plain = isinstance(name, str) and name.isascii() and name.strip(".")
        if not plain or not all(c.isalnum() or c in "_-." for c in name):
            raise ValueError(
                "`states` must have names of letters, digits, '_', '-' and '.'; "
                f"received {name!r}."
            )
        array = np.asarray(array)
        if array.ndim != counts.ndim + 1 or array.shape[:-1] != counts.shape:
            raise ValueError(
                f"`states[{name!r}]` must have the shape of `tokens` and units, "
                f"{(*counts.shape, 'units')}; received shape {array.shape}."
            )
        arrays[name] = array[counts].astype("float32")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(
                f"`states[{name!r}]` must be finite where it counts; received NaN or "
                "infinity."
            )
    return arrays


def _words(vocabulary: Any) -> dict[int, str]:
    """Dict from each id to its word, as it stands in words.dict."""
    if hasattr(vocabulary, "pieces"):
        vocabulary = vocabulary.pieces(range(len(vocabulary)))
    if not hasattr(vocabulary, "items"):
        vocabulary = dict(enumerate(vocabulary))
    return {
        int(number): visible(word, {" ": "␣"}) for number, word in vocabulary.items()
    }


def _config(arrays: Mapping[str, np.ndarray], name: str, description: str) -> str:
    """The text of lstm.yml: JSON, which is YAML."""
    for argument, text in (("name", name), ("description", description)):
        if not isinstance(text, str) or not text or not text.isprintable():
            raise ValueError(f"`{argument}` must be a line of text; received {text!r}.")
    types = [
        {
            "type": path,
            "layer": number,
            "path": path,
            "unsigned": bool(array.min(initial=0) >= 0),
            "transform": "none" if np.abs(array).max(initial=0) <= 1 else "tanh",
        }
        for number, (path, array) in enumerate(arrays.items(), start=1)
    ]
    config = {
        "name": name,
        "description": description,
        "files": {"states": _STATES, "word_ids": _WORD_IDS, "words": _WORDS},
        "word_sequence": {
            "file": "word_ids",
            "path": "word_ids",
            "dict_file": "words",
        },
        "states": {"file": "states", "types": types},
    }
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
