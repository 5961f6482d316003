"""What the callbacks of a training remember, kept and given back."""

import ast
import collections
import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_seq.training._checkpoint_folder import tell

_ARRAY = "callback_"  # number, attribute and place follow: the name in a file
_SMALL = 2**20  # bytes of an array that is looked at again and again
_GIVEN = {"_model", "params"}  # by `fit`


class CallbackMemory:
    """What callbacks remember: attributes that changed since the training began.

    Kept are numbers, texts, lists, tuples, sets and dicts of them, and arrays, also in
    a list, such as the wait and the best weights of `keras.callbacks.EarlyStopping`.
    Keras lets a callback forget in its `on_train_begin`, so they are given back after
    it. What is set by then and doesn't change later belongs to the process, such as
    a folder or a clock; but arrays don't, which may be weights that it began with.

    Args:
        callbacks: Those given to `fit`.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._callbacks = callbacks
        self._before = [_texts(callback) for callback in callbacks]
        self._begun: list[dict[str, str]] = [{} for _ in callbacks]
        self._changed: list[set[str]] = [set() for _ in callbacks]
        self._moved: list[set[str]] = [set() for _ in callbacks]  # since it began
        self._given: dict[int, dict[str, Any]] = {}

    def begun(self) -> None:
        """The callbacks' `on_train_begin` is over."""
        self._begun = [_texts(callback) for callback in self._callbacks]

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """What is remembered now: as JSON has it, and arrays by name."""
        plain, arrays = [], {}
        for number, (name, nth) in enumerate(_places(self._callbacks)):
            callback = self._callbacks[number]
            texts, before = _texts(callback), self._before[number]
            changed = self._changed[number]
            changed |= {key for key in texts if texts[key] != before.get(key)}
            moved, begun = self._moved[number], self._begun[number]
            moved |= {key for key in texts if texts[key] != begun.get(key)}
            values: dict[str, Any] = {}
            for key in sorted(changed & texts.keys()):
                value = getattr(callback, key)
                found = _as_arrays(value)
                if found is None:
                    own = {} if key in moved else {"own": True}
                    values[key] = {**(_plain(value) or {}), **own}
                    continue
                values[key] = {"arrays": len(found), "list": isinstance(value, list)}
                for place, array in enumerate(found):
                    arrays[f"{_ARRAY}{number}_{key}_{place}"] = array
            plain.append({"class": name, "nth": nth, "values": values})
        return plain, arrays

    def take(self, plain: Sequence[Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `state` gave in an earlier process."""
        self._given = {}
        places = {place: i for i, place in enumerate(_places(self._callbacks))}
        for number, one in enumerate(plain):
            place = places.get((one["class"], one["nth"]))
            if place is None:
                if one["values"]:
                    tell(
                        f"a callback {one['class']} was there when the checkpoint was "
                        "written, and isn't now: what it remembered is left out."
                    )
                continue
            values = self._given[place] = {
                name: value
                for name, value in one["values"].items()
                if not value.get("own")  # to the process that wrote it
            }
            self._changed[place] |= values.keys()
            self._moved[place] |= values.keys()
            for name, value in values.items():
                if "plain" in value:
                    values[name] = value["plain"]
                    continue
                if "literal" in value:
                    values[name] = ast.literal_eval(value["literal"])
                    continue
                found = [
                    arrays[f"{_ARRAY}{number}_{name}_{i}"]
                    for i in range(value["arrays"])
                ]
                values[name] = found if value["list"] else found[0]

    def give_back(self) -> None:
        """Lets the callbacks remember what was taken."""
        for place, values in self._given.items():
            for name, value in values.items():
                setattr(self._callbacks[place], name, copy.deepcopy(value))

    @property
    def stopped(self) -> bool:
        """Whether a callback has stopped the training for good."""
        for place in self._given:
            one = self._callbacks[place]
            if isinstance(one, keras.callbacks.EarlyStopping):
                if one.stopped_epoch > 0 and one.wait >= one.patience:
                    return True
            elif getattr(one, "stopped", False) is True:
                return True
        return False


def _places(
    callbacks: Sequence[keras.callbacks.Callback],
) -> list[tuple[str, int]]:
    """What tells each callback from the others: its class, and which of it it is."""
    seen: collections.Counter[str] = collections.Counter()
    places = []
    for callback in callbacks:
        name = type(callback).__name__
        places.append((name, seen[name]))
        seen[name] += 1
    return places


def _settings(kind: type) -> set[str]:
    """What a callback is given. Keras's own turn some of it about, once a training."""
    own = [c for c in kind.__mro__ if c.__module__.startswith("keras.")]
    return _GIVEN.union(*(inspect.signature(c).parameters for c in own))


def _texts(callback: keras.callbacks.Callback) -> dict[str, str]:
    """What tells whether attributes have changed, of those that can be kept."""
    texts, settings = {}, _settings(type(callback))
    for name, value in vars(callback).items():
        if name in settings:
            continue
        found = _as_arrays(value)
        if found is not None:
            small = sum(array.nbytes for array in found) <= _SMALL
            texts[name] = str([a.tobytes() for a in found] if small else "arrays")
        elif (plain := _plain(value)) is not None:
            texts[name] = json.dumps(plain)
    return texts


def _plain(value: Any) -> dict[str, Any] | None:
    """A value as JSON has it, if it comes back from there as it was."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return _literal(value)
    back = json.loads(text)
    return {"plain": back} if repr(back) == repr(value) else _literal(value)


def _literal(value: Any) -> dict[str, Any] | None:
    """The same of what JSON hasn't: tuples, sets, keys that are no texts."""
    if not isinstance(value, (tuple, set, list, dict, bytes, complex)):
        return None
    try:
        text = repr(value)
        back = ast.literal_eval(text)
    except Exception:  # others' objects may raise all kinds
        return None
    same = repr(back) == text or (type(value) is set and back == value)
    return {"literal": text} if same else None


def _as_arrays(value: Any) -> list[np.ndarray] | None:
    """An array, or a list of arrays, as a list."""
    values = value if isinstance(value, list) else [value]
    kept = bool(values) and all(
        isinstance(one, np.ndarray) and one.dtype.kind in "biufcV" for one in values
    )
    return list(values) if kept else None
