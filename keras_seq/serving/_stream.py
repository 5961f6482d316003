"""Answers that grow: what a signature writes, told while it is being written.

A saved graph gives an answer at once or not at all. But what is written hangs on a
row's seed and on the step, never on how long it may become, so a shorter `length`
gives the beginning of the same text. While the request itself is answered, the
signature is asked for the first few steps, for twice as many, and so on to a quarter.
That costs half as much again; and the last that is told is the answer to the request,
so nothing is guessed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.serving._requests import ERROR
from keras_seq.serving._rest import RestError, as_json
from keras_seq.serving._served import ServedModel

LENGTH = "length"  # the input that says how much is written
FIRST = 8  # of it are asked for first, or fewer
MOST = 100_000  # where the export tells no limit


def text_outputs(model: ServedModel, version: str, signature: str) -> list[str]:
    """The outputs of a signature that can be streamed, or a `RestError`."""
    definitions = model.signatures(version)
    found = {
        name: _texts(definition)
        for name, definition in definitions.items()
        if _has_length(definition)
    }
    if not found.get(signature):
        can = sorted(name for name, texts in found.items() if texts)
        raise RestError(
            f"Signature {signature!r} can't be streamed: that takes an input "
            f"`{LENGTH}`, an integer for each row, and an output of text. "
            f"Those that can: {can}"
        )
    return found[signature]


def shorter(
    model: ServedModel,
    version: str,
    signature: str,
    inputs: Mapping[str, np.ndarray],
) -> list[dict[str, np.ndarray]]:
    """Ever longer requests for the beginning of what a request asks for."""
    lengths = inputs[LENGTH]
    if not lengths.size or lengths.min() < 0:
        return []
    most = int(lengths.max())
    if most > model.limits(version, signature).get(LENGTH, MOST):
        return []  # What will be refused is refused at once.
    return [
        dict(inputs) | {LENGTH: np.minimum(lengths, size).astype(lengths.dtype)}
        for size in _sizes(most)
    ]


def news(
    sent: dict[tuple[int, str], str],
    answer: Mapping[str, np.ndarray],
    names: list[str],
    last: bool,
) -> Iterator[dict[str, Any]]:
    """What is new in an answer, row by row; `sent` is brought up to date.

    A client puts `text` at the character `start` of what it has of this row and output,
    in the place of what stood there: most often that is its end.
    """
    for name in names:
        for index, value in enumerate(answer[name]):
            text = value.decode("utf-8", "replace")
            if not last:  # the first bytes of a character that is coming
                text = text.rstrip("\N{REPLACEMENT CHARACTER}")
            before = sent.get((index, name), "")
            start = _shared(before, text)
            if text != before:
                row = {"index": index, "output": name}
                yield row | {"start": start, "text": text[start:]}
            sent[index, name] = text


def as_event(data: Mapping[str, Any], name: str = "") -> bytes:
    """A server-sent event; JSON has no line ends of its own."""
    lines = b"data: " + as_json(data) + b"\n\n"
    return f"event: {name}\n".encode() + lines if name else lines


def _sizes(most: int) -> list[int]:
    """Halves of halves up to a quarter, the smallest first; at least one."""
    sizes: list[int] = []
    size = most
    while size > FIRST:
        size = -(-size // 2)
        sizes.insert(0, size)
    return [size for size in sizes if 4 * size <= most] or sizes[:1]


def _shared(first: str, second: str) -> int:
    """The characters at the beginning that are the same."""
    if second.startswith(first):
        return len(first)
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), len(second))


def _has_length(definition: Any) -> bool:
    info = definition.inputs.get(LENGTH)
    return (
        info is not None
        and tf.as_dtype(info.dtype).is_integer
        and len(info.tensor_shape.dim) == 1
    )


def _texts(definition: Any) -> list[str]:
    return sorted(
        name
        for name, info in definition.outputs.items()
        if info.dtype == tf.string.as_datatype_enum
        and len(info.tensor_shape.dim) == 1
        and name not in (ERROR, "finish_reason")  # which is known at the end alone
        and not name.endswith("_bytes")
    )
