"""The signature of a Keras model, made of what the model says of itself."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.serving import _consumers, _owners, _trials
from keras_seq.serving._asked import Asked, as_request, asked_of, refused
from keras_seq.serving._requests import ERROR, ROWS, RequestRows
from keras_seq.serving._rows import ERROR_NOTE
from keras_seq.serving._signature import Signature
from keras_seq.serving._trials import SIZE, Arrays
from keras_seq.serving._warmup import as_arrays
from keras_seq.typing import Tensor

CHARACTERS = 10_000  # of a string, unless the limits say otherwise


def model_signatures(
    model: keras.Model,
    *,
    examples: Any = None,
    rows: int = ROWS,
    limits: Mapping[str, int] | None = None,
    strict: bool = False,
    rows_independent: bool = True,
) -> dict[str, Signature]:
    """The signature of any Keras model for `keras_seq.serving.export`.

    `export(model, path)` takes these. By themselves they stand beside signatures of
    one's own, or with other limits.

    Inputs are called as the model's `keras.Input` are, or as the keys of the dict that
    it takes; outputs as the layers that give them, or as the keys. Names that no
    request can have get `_` for what is not a letter or digit, and the notes say what
    the model calls them. Types are the model's: strings stay strings, float16 and
    bfloat16 become float32. The first dimension is the batch; others that the model
    leaves open stay open.

    A subclassed model must have been called. It remembers the shapes of that call, as a
    `Sequential` without `keras.Input` does, and no types: where `examples` don't tell,
    numbers are float32. Dimensions in which examples differ are open. What only an
    `Embedding` takes is int32 where it would be float32.

    A row that can't be answered gets the reason in the output "error": a string that
    is too long, what isn't finite, a number that the `Embedding` behind an input lacks,
    a value that a lookup without a place for unknown ones lacks. What only an operation
    inside the model finds wrong fails the batch.

    Args:
        model: A `keras.Model`: functional, `Sequential`, or subclassed and called.
        examples: A request, or a list of several, each a dict from input names to rows
            (of one input the rows alone do, as an array). They become the warm-up
            requests. Without them three rows are made up: numbers in [0, 1), small
            integers, True, words of the vocabulary. That proves that the model answers,
            not that it answers well.
        rows: Rows that a request may have.
        limits: The most characters of a string input (bytes, if its name ends in
            `_bytes`), or the largest size of an open dimension, for any of the inputs;
            by default 10,000 and 1,000.
        strict: Whether a row that can't be answered fails its whole batch; then there
            is no output "error".
        rows_independent: Whether a row gives the same result alone as in a batch, which
            is tried with the examples.

    Returns:
        Dict with "serving_default".

    Raises:
        ServingError: If something can't be inferred: the message says what, and what to
            give. A model that was never called, stateful layers, nested, sparse or
            ragged outputs, outputs without a batch dimension.
        ValueError: If a limit is out of range or of no input.

    Example:

    >>> import keras
    >>> inputs = keras.Input((None, 3), name="steps")
    >>> scores = keras.layers.Dense(2, name="scores")(keras.layers.LSTM(4)(inputs))
    >>> signatures = model_signatures(keras.Model(inputs, scores), limits={"steps": 50})
    >>> signature = signatures["serving_default"]
    >>> signature.inputs["steps"].shape, signature.outputs
    (TensorShape([None, None, 3]), ('scores', 'error'))
    >>> signature.limits
    {'rows': 64, 'steps': 50}
    """
    given = _as_requests(examples)
    asked = _consumers.whole_numbers(asked_of(model, given))
    bounds = _bounds(asked, rows, limits or {})
    owners = _owners.flatten(model)
    with _owners.without_cudnn(owners), _owners.no_new_weights(owners):
        requests = [
            as_arrays(f"example {index}", asked.specs, as_request([*asked.specs], each))
            for index, each in enumerate(given)
        ]
        if not requests:
            requests = [_trials.made_up(asked, bounds, rows)]
        _trials.require_few(requests, rows)
        outputs, ranks = _trials.outputs_of(asked, requests)
        if ERROR in outputs and not strict:
            raise refused(
                model,
                [
                    f"its output {ERROR!r} has the name of the reasons why rows have "
                    "no answer: give it another, or `model_signatures(strict=True)`"
                ],
            )
        anchor = _trials.anchor_of(asked, requests)
        function = _function(asked, bounds, ranks, anchor, rows, strict)
        _trials.try_out(model, function, requests, rows_independent, strict)
    return {
        "serving_default": Signature(
            function,
            asked.specs,
            outputs=(*outputs, *([] if strict else [ERROR])),
            description=f"Answers as the Keras model {model.name!r} does.",
            notes=_notes(asked, outputs, bounds, strict),
            limits={"rows": rows, **bounds},
            rows_independent=rows_independent,
            examples=tuple(requests),
        )
    }


def _as_requests(examples: Any) -> list[Any]:
    if examples is None:
        return []
    several = isinstance(examples, list) and examples and isinstance(examples[0], dict)
    return list(examples) if several else [examples]


def _bounds(asked: Asked, rows: int, limits: Mapping[str, int]) -> dict[str, int]:
    """The limit of each input that has one."""
    default = {
        name: CHARACTERS if spec.dtype == tf.string else SIZE
        for name, spec in asked.specs.items()
        if spec.dtype == tf.string or None in spec.shape[1:]
    }
    unknown = sorted(set(limits) - set(default))
    if unknown:
        raise ValueError(
            f"`limits` must name inputs that hold strings or have an open dimension, "
            f"{sorted(default)}; received {unknown}."
        )
    for name, value in {"rows": rows, **limits}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(
                f"The limit of {name!r} must be an integer >= 1; received {value!r}."
            )
    return {**default, **limits}


def _function(
    asked: Asked,
    bounds: Mapping[str, int],
    ranks: Mapping[str, int],
    anchor: Arrays,
    rows: int,
    strict: bool,
) -> Callable[..., dict[str, Tensor]]:
    texts = [name for name, spec in asked.specs.items() if spec.dtype == tf.string]

    def function(**given: Tensor) -> dict[str, Tensor]:
        read = RequestRows(given, rows=rows, strict=strict)
        sizes_fit = _check_sizes(asked, bounds, read)
        for name in texts:
            if name.endswith("_bytes"):
                read.bytes(name, most=bounds[name])
            else:
                read.text(name, characters=bounds[name])
        for name, spec in asked.specs.items():
            if spec.dtype.is_floating:
                wrong = ~tf.math.is_finite(read[name])
                axes = list(range(1, wrong.shape.rank))
                read.refuse(tf.reduce_any(wrong, axes), f"{name} must be finite")
        _consumers.refuse_unknown(asked, read)
        checked = {name: read[name] for name in asked.specs}
        values = _neutral(asked, checked, read.good, sizes_fit, anchor)
        if texts:
            # However short the texts are, none or empty ones: there is a word.
            values = {
                name: tf.concat(
                    [value, _row(asked.specs[name], value, anchor[name])], 0
                )
                for name, value in values.items()
            }
        found = {
            name: tf.ensure_shape(value, [None] * ranks[name])
            for name, value in asked.answer(**values).items()
        }
        return read.answer(**{n: v[:-1] if texts else v for n, v in found.items()})

    return function


def _check_sizes(
    asked: Asked, bounds: Mapping[str, int], read: RequestRows
) -> Tensor | None:
    """Whether all open dimensions have a size that they may have."""
    fits = None
    for name, spec in asked.specs.items():
        shape = tf.shape(read[name])
        most = SIZE if spec.dtype == tf.string else bounds.get(name, SIZE)
        for axis, size in enumerate(spec.shape):
            if axis and size is None:
                right = (shape[axis] >= 1) & (shape[axis] <= most)
                wrong = tf.fill([shape[0]], ~right)
                must = f"dimension {axis} of {name} must be 1 to {most}; received "
                read.refuse(wrong, must, shape[axis])
                fits = right if fits is None else fits & right
    return fits


def _neutral(
    asked: Asked,
    values: Mapping[str, Tensor],
    good: Tensor,
    fits: Tensor | None,
    anchor: Arrays,
) -> dict[str, Tensor]:
    """The rows that were not refused, an example in place of the others."""

    def of_rows() -> list[Tensor]:
        return [
            tf.where(
                tf.reshape(good, [-1] + [1] * (value.shape.rank - 1)),
                value,
                tf.convert_to_tensor(anchor[name], value.dtype),
            )
            if None not in asked.specs[name].shape[1:]
            else value
            for name, value in values.items()
        ]

    def of_none() -> list[Tensor]:
        return [
            tf.repeat(tf.constant(anchor[name], v.dtype), tf.shape(v)[0], axis=0)
            for name, v in values.items()
        ]

    if fits is None:
        return dict(zip(values, of_rows(), strict=True))
    chosen = tf.cond(fits, of_rows, of_none)
    return {
        name: tf.ensure_shape(found, asked.specs[name].shape)
        for name, found in zip(values, chosen, strict=True)
    }


def _row(spec: tf.TensorSpec, value: Tensor, example: np.ndarray) -> Tensor:
    """An example's row beside others; where sizes are open, one of nothing."""
    if None not in spec.shape[1:]:
        return tf.constant(example, value.dtype)
    empty = tf.concat([[1], tf.shape(value)[1:]], 0)
    return (
        tf.fill(empty, "") if value.dtype == tf.string else tf.zeros(empty, value.dtype)
    )


def _notes(
    asked: Asked, outputs: Mapping[str, str], bounds: Mapping[str, int], strict: bool
) -> dict[str, str]:
    notes = {} if strict else {ERROR: ERROR_NOTE}
    for kind, names in (("output", outputs), ("input", asked.called)):
        for name, called in names.items():
            parts = [f"the model's {kind} {called!r}"] if name != called else []
            if kind == "input":
                spec = asked.specs[name]
                if name in bounds:
                    unit = "characters" if spec.dtype == tf.string else "long"
                    parts.append(f"at most {bounds[name]:,} {unit}")
                parts += filter(None, [_consumers.ranges(asked, name)])
            if parts:
                notes[name] = "; ".join(parts)
    return notes
