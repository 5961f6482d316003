"""Weights that are stored small and computed with in float32."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from keras_seq.serving._errors import ServingError
from keras_seq.typing import Tensor

Form = Literal["float32", "float16", "bfloat16", "int8"]
FORMS = get_args(Form)
LEAST = 1024  # numbers of a weight that is worth it

# The bodies of loops and branches, in which nothing is to be made anew each time.
_INNER = ("WhileBodyFuncGraph", "WhileCondFuncGraph", "CondBranchFuncGraph")


class SmallWeights:
    """Large weights in a smaller form, and a scope in which layers read those.

    float16 and bfloat16 are rounded. int8 is q · s with whole q in [-127, 127] and
    one s for each number of the last axis, the largest of its |w| over 127. Vectors
    and what has less than `LEAST` numbers stay as they are.

    Args:
        owners: The objects that hold weights, as `flatten` gives them.
        form: One of `FORMS`.

    Raises:
        ValueError: If there is no such form.
        ServingError: If a weight is too large for it.
    """

    def __init__(self, owners: Sequence[Any], form: Form) -> None:
        if form not in FORMS:
            raise ValueError(
                f"`weights` must be one of {', '.join(FORMS)}; received {form!r}."
            )
        self.form = form
        found = {
            id(variable): variable
            for owner in owners
            for variable in getattr(owner, "weights", ())
            if isinstance(variable, keras.Variable) and _is_large(variable)
        }
        self._replaced = {} if form == "float32" else found
        self._stored = {key: self._store(v) for key, v in self._replaced.items()}

    @contextlib.contextmanager
    def read(self) -> Iterator[None]:
        """A scope, inside of a trace, in which layers read the small weights."""
        if not self._stored:
            yield
            return
        with _Scope(self._stored):
            yield

    @property
    def used(self) -> bool:
        """Whether there are any."""
        return bool(self._stored)

    def read_by(self, function: Any) -> bool:
        """Whether a traced function reads one of them."""
        read = {id(variable) for variable in function.variables}
        return any(id(v) in read for small in self._stored.values() for v in small)

    def require_read(self, name: str, function: Any) -> None:
        """Refuses a traced function that reads a weight as it was.

        Raises:
            ServingError: If it does, as it was traced before in another form.
        """
        read = {id(variable) for variable in function.variables}
        whole = [v.path for v in self._replaced.values() if id(v.value) in read]
        if whole:
            raise ServingError(
                f"Signature {name!r} reads its weights in float32",
                [
                    f"{whole[:5]} were to be stored in {self.form}; a function that "
                    "was traced before keeps them: make the signatures anew for each "
                    "export"
                ],
            )

    def _store(self, variable: keras.Variable) -> tuple[tf.Variable, ...]:
        values = np.asarray(variable, "float32")
        small: tuple[tf.Variable, ...]
        if self.form == "int8":
            scale = np.abs(values).max(axis=tuple(range(values.ndim - 1))) / 127
            whole = np.rint(values / np.where(scale > 0, scale, 1))
            small = (
                tf.Variable(whole.astype("int8"), trainable=False),
                tf.Variable(scale, trainable=False),
            )
        else:
            small = (tf.Variable(tf.cast(values, self.form), trainable=False),)
        if not np.isfinite(_whole(small)).all():
            raise ServingError(
                f"A weight cannot be stored in {self.form}",
                [f"{variable.path} has numbers up to {np.abs(values).max():g}"],
            )
        return small


class _Scope(keras.StatelessScope):
    def __init__(self, stored: dict[int, tuple[tf.Variable, ...]]) -> None:
        super().__init__()
        self._stored = stored
        self._read: dict[tuple[int, int], tuple[Any, Tensor]] = {}

    def get_current_value(self, variable: keras.Variable) -> Tensor:
        small = self._stored.get(id(variable))
        if small is None:
            return super().get_current_value(variable)
        graph = tf.compat.v1.get_default_graph()
        while type(graph).__name__ in _INNER:
            graph = graph.outer_graph
        key = id(graph), id(variable)
        if key not in self._read:
            with graph.as_default():
                self._read[key] = graph, _whole(small)
        return self._read[key][1]


def _whole(small: Sequence[tf.Variable]) -> Tensor:
    value = tf.cast(small[0], tf.float32)
    return value * small[1] if len(small) == 2 else value


def _is_large(variable: keras.Variable) -> bool:
    shape = variable.shape
    return (
        variable.dtype == "float32"
        and len(shape) > 1
        and int(np.prod(shape, dtype="int64")) >= LEAST
    )
