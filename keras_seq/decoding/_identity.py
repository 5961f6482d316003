"""What makes two calls the same call: a key for what a traced function was made of."""

import enum
import functools
import hashlib
import numbers
import types
import typing
import weakref
from collections.abc import Hashable, Iterator

import keras
import numpy as np
from keras import ops

from keras_seq.decoding.beam import Beam
from keras_seq.decoding.constraints import Constraint
from keras_seq.decoding.contrastive import Contrastive
from keras_seq.decoding.processors import LogitsProcessor
from keras_seq.decoding.strategies import Strategy

_TOLD = Strategy, Contrastive, Beam, Constraint, LogitsProcessor
_DEEPEST = 3  # how far is looked for what a function reads
_LARGEST = 2**20  # bytes of arrays that are told by what they hold, all together
_MOST = 256  # entries of a list or a dict


class Unknown(Exception):
    """What can't be told apart from others of its kind."""


class Identity:
    """The key of some objects.

    Numbers, arrays, lists and whatever derives from our strategies, constraints and
    processors are told by what they hold. Functions and objects that are unknown are
    themselves: the key is no good when they are gone. It holds none of them.

    Args:
        *objects: The objects.

    Attributes:
        key: What it is: it can be hashed and compared.
        owners: Those that the key tells by identity, as weak references.

    Raises:
        Unknown: If there is no telling.
    """

    def __init__(self, *objects: object) -> None:
        self.owners: list[weakref.ref] = []
        self._room = _LARGEST
        self.key = tuple(self._of(one) for one in objects)

    def _of(self, one: typing.Any) -> Hashable:
        if one is None or isinstance(one, (str, bytes, bool, enum.Enum, type)):
            return one
        if isinstance(one, (numbers.Number, np.generic)):
            return type(one), repr(one)
        if isinstance(one, (tuple, list, dict)):
            return type(one), self._of_entries(one)
        if isinstance(one, functools.partial):
            return "partial", self._of((one.func, one.args, one.keywords))
        if isinstance(one, types.MethodType):
            return "method", self._itself(one.__self__), self._itself(one.__func__)
        if _is_array(one):
            return self._of_array(one)
        if isinstance(one, _TOLD):
            return type(one), self._of_entries(vars(one))
        return self._itself(one)

    def _of_array(self, array: typing.Any) -> Hashable:
        try:
            values = np.asarray(array.numpy() if hasattr(array, "numpy") else array)
        except Exception:  # each backend has its own error for a symbolic tensor
            raise Unknown from None
        # They are in the trace: many of them must not be kept.
        self._room -= values.nbytes
        if values.dtype == object or self._room < 0:
            raise Unknown
        digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()
        return type(array), values.dtype.str, values.shape, digest

    def _of_entries(self, entries: typing.Any) -> Hashable:
        if len(entries) > _MOST:
            raise Unknown
        if isinstance(entries, dict):
            entries = [part for entry in entries.items() for part in entry]
        return tuple(map(self._of, entries))

    def _itself(self, one: typing.Any) -> Hashable:
        self._own(one)
        return id(one), tuple(self._reading(part) for part in _read_by(one, _DEEPEST))

    def _reading(self, one: typing.Any) -> Hashable:
        """What a trace depends on besides: of layers, which weights in which form.

        Their values are read at every call; but quantising and LoRA change them for
        others.
        """
        self._own(one)
        if not isinstance(one, keras.Layer):
            return id(one)
        policy = getattr(one, "dtype_policy", None)
        weights = tuple((id(w), str(w.dtype), tuple(w.shape)) for w in one.weights)
        return id(one), getattr(policy, "name", None), weights

    def _own(self, one: typing.Any) -> None:
        try:
            self.owners.append(weakref.ref(one))
        except TypeError:
            raise Unknown from None


def _is_array(one: typing.Any) -> bool:
    """Whether it is an array, or a tensor whose values stay."""
    if isinstance(one, np.ndarray):
        return True
    return ops.is_tensor(one) and not hasattr(one, "assign")


def _read_by(one: typing.Any, depth: int) -> Iterator[typing.Any]:
    """The layers and arrays that a function or an object of the user's reads."""
    known = ops.is_tensor(one) and hasattr(one, "numpy")
    if known or isinstance(one, (keras.Layer, np.ndarray)):
        yield one
    elif depth and not isinstance(one, (type, types.ModuleType)):
        for part in _parts(one):
            yield from _read_by(part, depth - 1)


def _parts(one: typing.Any) -> list[typing.Any]:
    if isinstance(one, (list, tuple)):
        return list(one[:_MOST])
    if isinstance(one, types.MethodType):
        return [one.__self__, one.__func__]
    if isinstance(one, types.FunctionType):
        names = one.__code__.co_names
        found = [one.__globals__[name] for name in names if name in one.__globals__]
        return found + [_content(cell) for cell in one.__closure__ or ()]
    if isinstance(one, dict):
        return list(one.values())[:_MOST]
    return list(getattr(one, "__dict__", {}).values())[:_MOST]


def _content(cell: types.CellType) -> typing.Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
