"""What a served model answers to: named tensors in, named tensors out."""

import dataclasses
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from keras_seq.serving._errors import ServingError

# The types that the REST interface of TensorFlow Serving can read and write.
REST_DTYPES = (
    *(tf.bool, tf.string, tf.float32, tf.float64, tf.int8, tf.int16),
    *(tf.int32, tf.int64, tf.uint8, tf.uint32, tf.uint64),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """One thing that a served model does.

    Every input and output has a leading batch dimension, which is `None`: one
    row is one instance of a REST request. The function is traced once, without
    AutoGraph, on the CPU and without XLA, so it must consist of TensorFlow (or
    Keras) operations: text is split and joined in it with `tf.strings`, and
    randomness comes from `tf.random.stateless_*` and a seed that is an input.

    REST sends the strings of an output whose name ends in `_bytes` in base64.
    Text is UTF-8 and must not be named so.

    Args:
        function: Called with one keyword argument for each input; returns a
            dict from output names to tensors.
        inputs: A `tf.TensorSpec` for each input name.
        outputs: The names that the function returns, if they should be held
            to; empty takes whatever it returns.
        description: One sentence for the model card.
        notes: What an input or output means, for the model card: a sentence
            for any of the names.
        limits: The largest number of "rows" in a request, and of what each input
            counts (characters, pixels, steps): they are told, to be kept to in
            `function`.
        rows_independent: Whether a row gives the same result alone as in a
            batch. `check` holds the model to it. A server may put the requests
            of several callers in one batch, so False is for the exception.
        examples: Requests that `export` warms up with if its `warmup` has none for
            this signature.

    Example:

    >>> import tensorflow as tf
    >>> shout = Signature(
    ...     lambda text: {"loud": tf.strings.upper(text, "utf-8")},
    ...     {"text": tf.TensorSpec([None], tf.string)},
    ...     notes={"text": "UTF-8, any length"},
    ... )
    >>> shout.function(text=tf.constant(["né"]))["loud"].numpy()[0].decode()
    'NÉ'
    """

    function: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Sequence[str] = dataclasses.field(default=(), kw_only=True)
    description: str = dataclasses.field(default="", kw_only=True)
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict, kw_only=True)
    limits: Mapping[str, int] = dataclasses.field(default_factory=dict, kw_only=True)
    rows_independent: bool = dataclasses.field(default=True, kw_only=True)
    examples: Sequence[Mapping[str, Any]] = dataclasses.field(default=(), kw_only=True)


def validate(signatures: Mapping[str, Signature]) -> None:
    """Raises `ServingError` naming every signature that cannot be served."""
    if not isinstance(signatures, Mapping) or not signatures:
        raise ServingError(
            "The signatures cannot be exported",
            [f"`signatures` must be a dict from names to Signature, not {signatures}"],
        )
    problems = []
    if "serving_default" not in signatures:
        problems.append(
            "a signature named 'serving_default' is needed: it answers requests "
            f"that name none; received {sorted(map(str, signatures))}"
        )
    for name, signature in signatures.items():
        problems += _name_problems(name, f"signature {name!r}")
        if isinstance(signature, Signature):
            problems += _input_problems(name, signature)
        else:
            problems.append(
                f"signature {name!r} must be a Signature, not {signature!r}"
            )
    if problems:
        raise ServingError("The signatures cannot be exported", problems)


def trace(
    name: str,
    signature: Signature,
    scope: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Any:
    """Traces the signature into a concrete function for the CPU, inside a scope.

    Raises:
        ServingError: If the function fails, or returns something other than a
            dict of named tensors with a leading batch dimension.
    """

    def serve(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with scope():
            outputs = signature.function(**inputs)
        problems = _output_problems(name, signature, outputs)
        if problems:
            raise ServingError(f"Signature {name!r} cannot be exported", problems)
        return dict(outputs)

    # The name shows in the saved graph, and so in messages about it.
    serve.__name__ = name
    function = tf.function(serve, autograph=False, jit_compile=False)
    specs = {
        key: tf.TensorSpec(spec.shape, spec.dtype, name=key)
        for key, spec in signature.inputs.items()
    }
    try:
        with tf.device("/CPU:0"):
            return function.get_concrete_function(**specs)
    except ServingError:
        raise
    except Exception as error:
        raise ServingError(
            f"Signature {name!r} cannot be traced",
            [f"{type(error).__name__}: {error}"],
        ) from error


def _name_problems(name: Any, what: str) -> list[str]:
    if (
        isinstance(name, str)
        and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
        and not keyword.iskeyword(name)
    ):
        return []
    return [f"{what} needs a name of ASCII letters, digits and '_'; received {name!r}"]


def _input_problems(name: str, signature: Signature) -> list[str]:
    problems = []
    if not signature.inputs:
        problems.append(f"signature {name!r} has no inputs")
    for key, spec in signature.inputs.items():
        what = f"input {key!r} of signature {name!r}"
        problems += _name_problems(key, what)
        if not isinstance(spec, tf.TensorSpec):
            problems.append(f"{what} must be a tf.TensorSpec, not {spec!r}")
            continue
        problems += _tensor_problems(what, spec)
    return problems


def _output_problems(name: str, signature: Signature, outputs: Any) -> list[str]:
    if not isinstance(outputs, Mapping) or not outputs:
        return [
            f"signature {name!r} must return a dict from names to tensors; "
            f"it returned {outputs!r}"
        ]
    problems = []
    if signature.outputs and set(signature.outputs) != set(outputs):
        problems.append(
            f"signature {name!r} must return {sorted(signature.outputs)}; "
            f"it returned {sorted(outputs)}"
        )
    for key, value in outputs.items():
        what = f"output {key!r} of signature {name!r}"
        problems += _name_problems(key, what)
        if not isinstance(value, tf.Tensor):
            problems.append(f"{what} must be a dense tf.Tensor, not {value!r}")
            continue
        problems += _tensor_problems(what, value)
    unknown = set(signature.notes) - set(signature.inputs) - set(outputs)
    if unknown:
        problems.append(
            f"signature {name!r} has notes on {sorted(unknown)}, which are "
            "neither inputs nor outputs"
        )
    return problems


def _tensor_problems(what: str, tensor: Any) -> list[str]:
    problems = []
    if tensor.dtype not in REST_DTYPES:
        problems.append(
            f"{what} has dtype {tensor.dtype.name}, which REST cannot carry; "
            f"use one of {[dtype.name for dtype in REST_DTYPES]}"
        )
    if tensor.shape.rank is None:
        problems.append(
            f"{what} has unknown rank; state its shape (tf.ensure_shape), "
            "with a leading batch dimension None"
        )
    elif tensor.shape.rank == 0 or tensor.shape[0] is not None:
        problems.append(
            f"{what} must have a leading batch dimension None; "
            f"its shape is {tuple(tensor.shape)}"
        )
    return problems
