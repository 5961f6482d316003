"""What the signatures of strings and numbers, one of each a row, have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from keras_seq.serving._signature import Signature

Rule: TypeAlias = tuple[str, Any, str]
"""Name of an input, where it is right, and what it must be."""

ERROR_NOTE = (
    "why the row has no answer, and then the other outputs are empty, 0 or false; "
    "empty where there is an answer"
)


def row_signature(
    function: Callable[..., Mapping[str, Any]],
    description: str,
    outputs: Sequence[str],
    notes: Mapping[str, str],
    *,
    limits: Mapping[str, int] | None = None,
    error: bool = False,
    **dtypes: tf.DType | tf.TensorSpec,
) -> Signature:
    """A `Signature` whose inputs have shape (B,).

    Args:
        function: As for `Signature`.
        description: As for `Signature`; what `limits` says of "rows" is put behind.
        outputs: As for `Signature`.
        notes: What the names mean; those of other signatures may be among them.
        limits: As for `Signature`; limits of other inputs may be among them.
        error: Whether the output `error` of `RequestRows` is among the outputs.
        **dtypes: The type of each input; a `tf.TensorSpec` for another shape.

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
    limits = {n: m for n, m in (limits or {}).items() if n in {"rows", *dtypes}}
    if "rows" in limits:
        description += f" A request may have {limits['rows']} rows."
    if error:
        outputs = (*outputs, "error")
        notes = {"error": ERROR_NOTE, **notes}
    return Signature(
        function,
        {
            name: t if isinstance(t, tf.TensorSpec) else tf.TensorSpec([None], t)
            for name, t in dtypes.items()
        },
        outputs=outputs,
        description=description,
        notes={name: notes[name] for name in (*dtypes, *outputs)},
        limits=limits,
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
    rules = sampling_rules(
        longest, length=length, temperature=temperature, top_p=top_p, seed=seed
    )
    return _assertions(rules)


def search_checks(
    widest: int, *, width: tf.Tensor, n_best: tf.Tensor, **penalties: tf.Tensor
) -> list[tf.Operation | None]:
    """Assertions that what a request asks of a beam search is in its range.

    Example:

    >>> checks = search_checks(16, width=5, n_best=2, length_penalty=1.0)
    """
    return _assertions(search_rules(widest, width=width, n_best=n_best, **penalties))


def sampling_rules(
    longest: int,
    *,
    length: tf.Tensor,
    temperature: tf.Tensor,
    top_p: tf.Tensor,
    seed: tf.Tensor,
) -> list[Rule]:
    """What must hold of what a request asks of sampling.

    Finite first: TensorFlow makes x <= y of not x > y, and so lets NaN pass.
    """
    return [
        ("length", length > 0, "> 0"),
        ("length", length <= longest, f"<= {longest}"),
        ("temperature", tf.math.is_finite(temperature), "finite"),
        ("temperature", temperature > 0, "> 0"),
        ("top_p", tf.math.is_finite(top_p) & (top_p > 0) & (top_p <= 1), "in (0, 1]"),
        ("seed", seed >= 0, ">= 0"),
    ]


def completion_rules(
    longest: int,
    *,
    top_k: tf.Tensor,
    min_p: tf.Tensor,
    repetition_penalty: tf.Tensor,
    **sampling: tf.Tensor,
) -> list[Rule]:
    """What must hold of what a request asks of sampling with all its settings."""

    def between(value: tf.Tensor, least: float, most: float) -> tf.Tensor:
        return tf.math.is_finite(value) & (value >= least) & (value <= most)

    return [
        *sampling_rules(longest, **sampling),
        ("top_k", top_k >= 0, ">= 0"),
        ("min_p", between(min_p, 0, 1), "in [0, 1]"),
        (
            "repetition_penalty",
            between(repetition_penalty, 0.01, 100),
            "in [0.01, 100]",
        ),
    ]


def search_rules(
    widest: int, *, width: tf.Tensor, n_best: tf.Tensor, **penalties: tf.Tensor
) -> list[Rule]:
    """What must hold of what a request asks of a beam search."""
    return [
        ("width", width > 0, "> 0"),
        ("width", width <= widest, f"<= {widest}"),
        ("n_best", n_best > 0, "> 0"),
        ("n_best", n_best <= width, "<= width"),
        *((name, tf.math.is_finite(x), "finite") for name, x in penalties.items()),
        *((name, x >= 0, ">= 0") for name, x in penalties.items()),
    ]


def _assertions(rules: Sequence[Rule]) -> list[tf.Operation | None]:
    return [
        tf.debugging.assert_equal(
            tf.reduce_all(right), True, f"{name} must be {expected}"
        )
        for name, right, expected in rules
    ]
