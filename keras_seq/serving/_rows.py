"""What the signatures of strings and numbers, one of each a row, have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_seq.serving._signature import Signature


def row_signature(
    function: Callable[..., Mapping[str, Any]],
    description: str,
    outputs: Sequence[str],
    notes: Mapping[str, str],
    **dtypes: tf.DType,
) -> Signature:
    """A `Signature` whose inputs have shape (B,).

    Args:
        function: As for `Signature`.
        description: As for `Signature`.
        outputs: As for `Signature`.
        notes: What the names mean; those of other signatures may be among them.
        **dtypes: The type of each input.

    Example:

    >>> length = row_signature(
    ...     lambda text: {"bytes": tf.strings.length(text)},
    ...     "Counts bytes.",
    ...     ["bytes"],
    ...     {"text": "UTF-8", "bytes": "their number"},
    ...     text=tf.string,
    ... )
    >>> length.inputs["text"].shape
    TensorShape([None])
    """
    return Signature(
        function,
        {name: tf.TensorSpec([None], dtype) for name, dtype in dtypes.items()},
        outputs=outputs,
        description=description,
        notes={name: notes[name] for name in (*dtypes, *outputs)},
    )


def same_rows(**values: tf.Tensor) -> list[tf.Operation | None]:
    """Assertions that each has as many rows as the first, inside the graph.

    Example:

    >>> checks = same_rows(text=tf.constant(["a", "b"]), seed=tf.constant([1, 2]))
    """
    (first, expected), *others = values.items()
    return [
        tf.debugging.assert_equal(
            tf.shape(value),
            tf.shape(expected),
            f"{name} must have as many rows as {first}",
        )
        for name, value in others
    ]


def sampling_checks(
    longest: int,
    *,
    length: tf.Tensor,
    temperature: tf.Tensor,
    top_p: tf.Tensor,
    seed: tf.Tensor,
) -> list[tf.Operation | None]:
    """Assertions that what a request asks of sampling is in its range.

    Example:

    >>> checks = sampling_checks(9, length=3, temperature=0.7, top_p=1.0, seed=0)
    """
    return [
        tf.debugging.assert_greater(length, 0, "length must be > 0"),
        tf.debugging.assert_less_equal(length, longest, f"length must be <= {longest}"),
        tf.debugging.assert_greater(temperature, 0.0, "temperature must be > 0"),
        *_finite(temperature=temperature),
        tf.debugging.assert_greater(top_p, 0.0, "top_p must be in (0, 1]"),
        tf.debugging.assert_less_equal(top_p, 1.0, "top_p must be in (0, 1]"),
        tf.debugging.assert_non_negative(seed, "seed must be >= 0"),
    ]


def search_checks(
    widest: int, *, width: tf.Tensor, n_best: tf.Tensor, **penalties: tf.Tensor
) -> list[tf.Operation | None]:
    """Assertions that what a request asks of a beam search is in its range.

    Example:

    >>> checks = search_checks(16, width=5, n_best=2, length_penalty=1.0)
    """
    return [
        tf.debugging.assert_greater(width, 0, "width must be > 0"),
        tf.debugging.assert_less_equal(width, widest, f"width must be <= {widest}"),
        tf.debugging.assert_greater(n_best, 0, "n_best must be > 0"),
        tf.debugging.assert_less_equal(n_best, width, "n_best must be <= width"),
        *(
            tf.debugging.assert_non_negative(value, f"{name} must be >= 0")
            for name, value in penalties.items()
        ),
        *_finite(**penalties),
    ]


def _finite(**values: tf.Tensor) -> list[tf.Operation | None]:
    return [
        tf.debugging.assert_less(value, float("inf"), f"{name} must be finite")
        for name, value in values.items()
    ]
