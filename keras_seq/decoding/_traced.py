"""Functions that are traced once and called many times, in TensorFlow's eager mode.

The other backends have nothing to keep: PyTorch doesn't trace, and what JAX
compiles holds the weights' values as they were.
"""

import collections
import functools
import threading
import typing
import weakref
from collections.abc import Callable, Hashable, Sequence

import keras
from keras import ops, tree

from keras_seq.decoding._identity import Identity, Unknown
from keras_seq.typing import Nest, Tensor

MOST = 32
"""How many are kept; the one that was called longest ago goes."""

kept: "collections.OrderedDict[Hashable, _Traced]" = collections.OrderedDict()
# That an object is gone may be noticed while the same thread holds the lock.
_lock = threading.RLock()


def traced(
    function: Callable[..., Nest], *arguments: Nest, jit_compile: bool = False
) -> Nest:
    """`function(*arguments)`, traced where it is called eagerly.

    It is not traced again for tensors of the same shapes and dtypes, if all other
    arguments are the same. Nothing that is told by its identity, such as a step
    function, is kept alive.

    Args:
        function: A function of a module, whose results are tensors.
        *arguments: Nests. Tensors in them are what the traced function reads; it
            is made of the rest.
        jit_compile: Whether XLA compiles what is traced here.
    """
    if keras.backend.backend() != "tensorflow":
        return function(*arguments)
    import tensorflow as tf

    if not tf.executing_eagerly():
        return function(*arguments)
    leaves = tree.flatten(arguments)
    tensors = [leaf for leaf in leaves if ops.is_tensor(leaf)]
    try:
        rest = tree.map_structure(_form, arguments)
        known = Identity(function, rest, keras.config.floatx(), jit_compile)
    except (Unknown, RecursionError):
        return _Traced(None, jit_compile)(function, arguments, tensors)
    with _lock:
        one = kept.pop(known.key, None) or _Traced(known, jit_compile)
        kept[known.key] = one
        while len(kept) > MOST:
            kept.popitem(last=False)
    return one(function, arguments, tensors)


def for_a_while(function: Callable[..., Nest]) -> Callable[..., Nest]:
    """The function, for calls in succession that differ in their tensors alone.

    JAX compiles it at the first; the weights that it reads must not change.
    """
    if keras.backend.backend() != "jax":
        return functools.partial(traced, function)
    import jax

    template: list[Nest] = []
    run = jax.jit(lambda tensors: function(*_filled(template[0], tensors)))

    def call(*arguments: Nest) -> Nest:
        template[:] = [arguments]
        leaves = tree.flatten(arguments)
        return run([leaf for leaf in leaves if ops.is_tensor(leaf)])

    return call


class _Traced:
    """A traced function that holds nothing of what it was made of."""

    def __init__(self, known: Identity | None, jit_compile: bool) -> None:
        import tensorflow as tf

        now = threading.local()

        def run(tensors: Sequence[Tensor]) -> Nest:
            function, arguments = now.call
            return function(*_filled(arguments, tensors))

        self.now = now
        self.run = tf.function(run, autograph=False, jit_compile=jit_compile)
        if known is not None:
            forget = functools.partial(_forget, known.key)
            owners = (owner() for owner in known.owners)
            self.owners = [weakref.ref(owner, forget) for owner in owners]

    def __call__(
        self, function: Callable[..., Nest], arguments: Nest, tensors: list[Tensor]
    ) -> Nest:
        self.now.call = function, arguments
        try:
            return self.run(tensors)
        finally:
            del self.now.call


def _filled(arguments: Nest, tensors: Sequence[Tensor]) -> Nest:
    """The arguments with these tensors in the place of theirs."""
    given = iter(tensors)
    leaves = tree.flatten(arguments)
    leaves = [next(given) if ops.is_tensor(leaf) else leaf for leaf in leaves]
    return tree.pack_sequence_as(arguments, leaves)


def _forget(key: Hashable, _: typing.Any) -> None:
    with _lock:
        kept.pop(key, None)


def _form(leaf: typing.Any) -> typing.Any:
    """Of a tensor what the trace depends on; all else as it is."""
    if not ops.is_tensor(leaf):
        return leaf
    return "tensor", keras.backend.standardize_dtype(leaf.dtype), tuple(leaf.shape)
