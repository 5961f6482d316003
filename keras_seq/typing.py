"""What the annotations of this package mean by an array and a tensor.

Shapes are told in docstrings, in one vocabulary: B batch, T time, S source, D
features. A type says only what can be given and what comes back.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict

import numpy as np


class Array(Protocol):
    """What has a shape and a dtype: a NumPy array, a tensor of any backend.

    Of many functions of `keras.ops` pyright thinks that they may return None. Where it
    refuses such a result, `typing.cast` or an assertion tells it better; arguments that
    nobody would give anything but a tensor are typed `Tensor` for that reason.
    """

    @property
    def shape(self) -> Any:
        """The sizes of the axes."""

    @property
    def dtype(self) -> Any:
        """The type of the elements."""


Tensor: TypeAlias = Any
"""A result: a tensor of the backend in use, or a `KerasTensor` in a functional model.

Keras has no type for these; where NumPy comes back, `numpy.ndarray` is said.
"""

# A recursive type would take a string too, each of whose characters is one.
_List: TypeAlias = Sequence[float | Array]
_Lists: TypeAlias = Sequence[float | Array | Sequence[float | Array | _List]]

ArrayLike: TypeAlias = Array | Sequence[float | Array | _Lists]
"""An argument that is made a tensor: an array, or nested lists of numbers."""

Numbers: TypeAlias = float | Array
"""One number for all rows, or an array with one for each."""

Integers: TypeAlias = int | Array
"""One integer for all rows, or an array with one for each."""

TokenIds: TypeAlias = Sequence[int] | np.ndarray
"""The tokens of one sequence."""

Nest: TypeAlias = Any
"""Tensors in tuples, lists and dicts, as `keras.tree` knows them."""

Identifier: TypeAlias = str | dict[str, Any] | Callable[..., Any] | None
"""What `keras.activations.get`, `keras.initializers.get` and their like understand."""

Function: TypeAlias = Callable[..., Any]
"""What they give: an activation, or an object that is called, as an initializer is."""

Shape: TypeAlias = Sequence[int | None]
"""The sizes of a tensor's axes, None where a size isn't known."""


class _Options(TypedDict, total=False):
    name: str | None
    # A name, a dtype of NumPy or of the backend, a `keras.DTypePolicy`, its config.
    dtype: Any
    trainable: bool
    autocast: bool


class LayerOptions(_Options, total=False):
    """What every Keras layer takes, for `**kwargs: Unpack[LayerOptions]`."""

    activity_regularizer: Identifier


class RecurrentOptions(_Options, total=False):
    """What a recurrent layer takes besides the arguments of its own."""

    zero_output_for_mask: bool
