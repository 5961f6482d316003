"""Replaying the warm-up requests of one signature, and judging the answers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_seq.serving._compare import compare, row_of
from keras_seq.serving._warmup import Record, call

Arrays = dict[str, np.ndarray]

ROWS_ALONE = 8  # Rows of each batch that are asked again alone.
ROWS_REPEATED = 3  # A batch is made of copies where there is one row only.


@dataclasses.dataclass(frozen=True, slots=True)
class SignatureReport:
    """How one signature answered.

    Attributes:
        requests: Warm-up requests that were replayed.
        rows: Rows in them.
        difference: Largest absolute difference to the live model's floats.
        row_difference: Largest absolute difference between the floats of a row
            alone and in a batch; None if the signature does not promise it.
    """

    requests: int
    rows: int
    difference: float
    row_difference: float | None


class Replay:
    """The requests to one signature.

    Args:
        name: The signature.
        records: Its warm-up requests with the live answers.
        independent: Whether a row must be answered alone as in a batch.
    """

    def __init__(self, name: str, records: Sequence[Record], independent: bool):
        self._name = name
        self._records = records
        self._independent = independent
        self._batches = _batches(records)
        self._alone = [
            (batch, row)
            for batch, inputs in enumerate(self._batches)
            for row in range(min(_rows(inputs), ROWS_ALONE))
        ]
        self.requests: list[Arrays] = [
            *(record.inputs for record in records),
            *self._batches,
            *(
                {n: value[row : row + 1] for n, value in self._batches[batch].items()}
                for batch, row in self._alone
            ),
        ]

    def judge(
        self,
        answers: Sequence[Arrays | str],
        live: Callable[..., Mapping[str, Any]] | None,
        tolerance: float,
    ) -> tuple[SignatureReport, list[str]]:
        """Compares the answers (outputs, or what went wrong) to `requests`."""
        what = f"signature {self._name!r}"
        if not self._records:
            problem = f"{what} has no warm-up request, so it could not be run"
            return SignatureReport(0, 0, 0.0, None), [problem]
        problems = [
            f"{what}: {answer}" for answer in answers if isinstance(answer, str)
        ]
        for inputs, answer in zip(self.requests, answers, strict=True):
            if not isinstance(answer, str):
                problems += _batch_problems(what, _rows(inputs), answer)
        difference = 0.0
        for index, (record, answer) in enumerate(
            zip(self._records, answers, strict=False)
        ):
            if isinstance(answer, str):
                continue
            where = f"{what}, request {index}"
            references = [("as exported", record.outputs)] if record.outputs else []
            if live is not None:
                references.append(("live", call(live, record.inputs)))
            if not references:
                problems.append(f"{where} has no recorded answer; pass `live`")
            for which, outputs in references:
                found, largest = compare(
                    f"{where} ({which})", outputs, answer, tolerance
                )
                problems += found
                difference = max(difference, largest)
        row_difference = None
        if self._independent and not problems:
            found, row_difference = self._judge_rows(what, answers, tolerance)
            problems += found
        rows = sum(record.rows for record in self._records)
        report = SignatureReport(len(self._records), rows, difference, row_difference)
        return report, list(dict.fromkeys(problems))

    def _judge_rows(
        self, what: str, answers: Sequence[Any], tolerance: float
    ) -> tuple[list[str], float]:
        batches = answers[len(self._records) :]
        alone = batches[len(self._batches) :]
        problems = []
        difference = 0.0
        for (batch, row), answer in zip(self._alone, alone, strict=True):
            found, largest = compare(
                f"{what}, row {row} alone and in a batch",
                answer,
                row_of(batches[batch], row, answer),
                tolerance,
            )
            problems += found
            difference = max(difference, largest)
        return problems, difference


def _batches(records: Sequence[Record]) -> list[Arrays]:
    """All rows together, one batch for each set of row shapes."""
    groups: dict[tuple[tuple[int, ...], ...], list[Arrays]] = {}
    for record in records:
        shapes = tuple(record.inputs[n].shape[1:] for n in sorted(record.inputs))
        groups.setdefault(shapes, []).append(record.inputs)
    batches = []
    for group in groups.values():
        batch = {n: np.concatenate([inputs[n] for inputs in group]) for n in group[0]}
        if _rows(batch) == 1:
            batch = {n: value.repeat(ROWS_REPEATED, 0) for n, value in batch.items()}
        batches.append(batch)
    return batches


def _rows(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))


def _batch_problems(what: str, rows: int, outputs: Arrays) -> list[str]:
    return [
        f"{what}, output {name!r}: shape {value.shape} for {rows} rows"
        for name, value in outputs.items()
        if value.shape[:1] != (rows,)
    ]
