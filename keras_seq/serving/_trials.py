"""Examples of what a model is asked, and how it answers them."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.serving import _consumers
from keras_seq.serving._asked import Asked, refused
from keras_seq.serving._compare import compare, row_of
from keras_seq.serving._errors import ServingError
from keras_seq.serving._requests import ERROR
from keras_seq.typing import Tensor

SIZE = 1_000  # of a dimension that the model leaves open
TOLERANCE = 1e-5

Arrays = dict[str, np.ndarray]


def require_few(requests: Sequence[Arrays], rows: int) -> None:
    problems = [
        f"example {index} must have at most {rows} rows (`rows`); it has {count}"
        for index, request in enumerate(requests)
        if (count := len(next(iter(request.values())))) > rows
    ]
    if problems:
        raise ServingError("The examples do not fit", problems)


def made_up(asked: Asked, bounds: Mapping[str, int], rows: int) -> Arrays:
    limits = {name: bounds.get(name, SIZE) for name in asked.specs}
    reason: Exception | None = None
    for size in _consumers.SIZES:
        request = {
            name: value[:rows]
            for name, value in _consumers.made_up(asked, size, limits).items()
        }
        try:
            _ask(asked.answer, request)
        except ServingError:
            raise
        except Exception as error:
            reason = error
            if all(None not in spec.shape[1:] for spec in asked.specs.values()):
                break
        else:
            return request
    raise refused(
        asked.model,
        [
            "an example that was made up for it gets no answer; give `examples`. "
            f"{type(reason).__name__}: {str(reason)[:300]}"
        ],
    ) from reason


def anchor_of(asked: Asked, requests: Sequence[Arrays]) -> Arrays:
    """One row that the model can answer, with short texts if it can."""
    first = {name: value[:1] for name, value in requests[0].items()}
    short = {
        name: np.full(value.shape, "a", object) if value.dtype == object else value
        for name, value in first.items()
    }
    with contextlib.suppress(Exception):
        _ask(asked.answer, short)
        return short
    return first


def outputs_of(
    asked: Asked, requests: Sequence[Arrays]
) -> tuple[dict[str, str], dict[str, int]]:
    """What the model calls its outputs, and their ranks; each has a row for a row."""
    names: dict[str, str] = {}
    ranks: dict[str, int] = {}
    problems = []
    for index, request in enumerate(requests):
        count = len(next(iter(request.values())))
        for asked_rows in dict.fromkeys((count, 1)):
            part = {name: value[:asked_rows] for name, value in request.items()}
            try:
                with tf.device("/CPU:0"):
                    found, names = asked.ask(_tensors(part))
            except ServingError:
                raise
            except Exception as error:
                message = (
                    f"example {index}, {asked_rows} rows of it, gets no answer: "
                    f"{type(error).__name__}: {str(error)[:300]}"
                )
                raise refused(asked.model, [message]) from error
            problems += [
                f"output {names[name]!r} has no batch dimension: its shape is "
                f"{value.shape} for {asked_rows} rows; return a value for each row, or "
                "give `signatures`"
                for name, value in found.items()
                if value.shape[:1] != (asked_rows,)
            ]
            ranks = {name: value.shape.rank for name, value in found.items()}
    if problems:
        raise refused(asked.model, list(dict.fromkeys(problems)))
    return names, ranks


def try_out(
    model: Any,
    function: Callable[..., dict[str, Tensor]],
    requests: Sequence[Arrays],
    independent: bool,
    strict: bool,
) -> None:
    """The examples must be answered, each row alone as in its batch."""
    problems = []
    advice: list[str] = []
    for index, request in enumerate(requests):
        together = _ask(function, request)
        rows = len(next(iter(request.values())))
        for row in range(min(rows, _consumers.ROWS)):
            what = f"row {row} of example {index}"
            if not strict and together[ERROR][row]:
                problems.append(f"{what}: {together[ERROR][row].decode()}")
            elif independent and rows > 1:
                alone = _ask(
                    function, {n: v[row : row + 1] for n, v in request.items()}
                )
                wanted = row_of(together, row, alone)
                found, _ = compare(f"{what} alone", alone, wanted, TOLERANCE)
                problems += [
                    f"{each}: alone it is answered otherwise than in a batch"
                    for each in found
                ]
                advice = [
                    "servers batch strangers: mask the padding (`mask_zero=True`), "
                    "give `output_sequence_length`, leave out what is random, or say "
                    "`model_signatures(rows_independent=False)`"
                ]
    if problems:
        raise refused(model, problems + advice)


def _ask(function: Callable[..., Mapping[str, Tensor]], request: Arrays) -> Arrays:
    with tf.device("/CPU:0"):
        found = function(**_tensors(request))
    return {name: np.asarray(value) for name, value in found.items()}


def _tensors(request: Arrays) -> dict[str, Tensor]:
    return {name: tf.constant(value) for name, value in request.items()}
