"""What `classify` answers of classes, several labels or a number."""

from typing import Any

import numpy as np

from keras_seq.files import TableText, atomic_write
from keras_seq.runs import answer_lines, print_or_write
from recipes.binary_classification.table import Rows
from recipes.binary_classification.target_model import Predictor

AT_ONCE = 1024  # rows


def answer_rows(
    predictor: Predictor,
    rows: Rows,
    lines: list[int],
    *,
    show: int,
    json: bool,
    out: str | None,
) -> None:
    """Prints or writes an answer for each row.

    Args:
        predictor: `Predictor`.
        rows: The rows.
        lines: The line of each in its file.
        show: Columns to show for each row, the largest contributions first.
        json: Whether JSON Lines are wanted.
        out: File for the answers, JSON Lines or CSV; None to print them.
    """
    if json:
        answer_lines(
            range(len(rows)),
            lambda places: _records(predictor, rows.take(places)),
            numbers=lines,
            out=out,
            label="predicting",
            at_once=AT_ONCE,
        )
    elif out is None:
        print_or_write(_text(predictor, rows, lines, show), None)
    else:
        atomic_write(out, table_text(predictor, predictor.predict(rows), lines))
        print(f"{len(rows)} rows are in {out}")


def table_text(
    predictor: Predictor,
    predicted: np.ndarray,
    lines: list[int],
    true: list[Any] | None = None,
) -> str:
    """Answers as CSV: line, what is true where that is known, and what is predicted."""
    table = TableText()
    known = ["true"] if true is not None else []
    if predictor.kind == "number":
        unit = f" ({predictor.unit})" if predictor.unit else ""
        heads = [f"{name}{unit}" for name in ("value", "low", "high")]
    else:
        heads = ["label" if predictor.kind == "classes" else "labels"]
        heads += [f"probability of {name}" for name in predictor.names]
    table.writerow(["line", *known, *heads])
    answers = predictor.answers(predicted)
    for i, line in enumerate(lines):
        cells: list[Any] = [line]
        if true is not None:
            cells.append(_cell(true[i]))
        if predictor.kind == "number":
            cells += [f"{v:.9g}" for v in _interval(predictor, predicted[i])]
        else:
            cells += [_cell(answers[i]), *(f"{p:.6f}" for p in predicted[i])]
        table.writerow(cells)
    return table.getvalue()


def _interval(predictor: Predictor, value: float) -> tuple[float, float, float]:
    low, high = predictor.interval
    return float(value), float(value + low), float(value + high)


def _cell(answer: Any) -> str:
    if isinstance(answer, list):
        return "; ".join(answer)
    return answer if isinstance(answer, str) else f"{answer:.9g}"


def _records(predictor: Predictor, rows: Rows) -> list[dict[str, Any]]:
    """What JSON has of each row."""
    predicted = predictor.predict(rows)
    answers = predictor.answers(predicted)
    found: list[dict[str, Any]] = []
    for i, answer in enumerate(answers):
        if predictor.kind == "number":
            value, low, high = _interval(predictor, predicted[i])
            record = {"value": value, "low": low, "high": high, "unit": predictor.unit}
        else:
            key = "label" if predictor.kind == "classes" else "labels"
            shares = dict(zip(predictor.names, predicted[i].tolist(), strict=True))
            record = {key: answer, "probabilities": shares}
        found.append(record)
    if predictor.kind != "labels":
        names = [column.name for column in predictor.columns]
        for record, own in zip(
            found, predictor.contributions(rows).tolist(), strict=True
        ):
            record["contributions"] = dict(zip(names, own, strict=True))
    return found


def _text(predictor: Predictor, rows: Rows, lines: list[int], show: int) -> str:
    predicted = predictor.predict(rows)
    answers = predictor.answers(predicted)
    text = []
    contributions = None
    if predictor.kind != "labels" and show:
        contributions = predictor.contributions(rows)
    for i, (line, answer) in enumerate(zip(lines, answers, strict=True)):
        if predictor.kind == "number":
            value, low, high = _interval(predictor, predicted[i])
            unit = f" {predictor.unit}" if predictor.unit else ""
            text.append(f"{line:>6}  {value:.6g}{unit}  ({low:.6g} to {high:.6g})")
        else:
            order = np.argsort(-predicted[i], kind="stable")[:3]
            shown = ", ".join(
                f"{predictor.names[k]} {predicted[i][k]:.4f}" for k in order
            )
            text.append(f"{line:>6}  {_cell(answer) or 'none'}  ({shown})")
        if contributions is not None:
            own = contributions[i]
            for k in np.argsort(-np.abs(own), kind="stable")[:show]:
                if own[k]:
                    text.append(f"        {own[k]:+10.4g}  {predictor.columns[k].name}")
    return "\n".join(text)
