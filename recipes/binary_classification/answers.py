"""What `classify` is asked, and how it answers."""

from keras_seq.files import atomic_write
from keras_seq.runs import print_or_write
from recipes.binary_classification.model import Classifier
from recipes.binary_classification.results import (
    answer_json,
    answers_table,
    answers_text,
)
from recipes.binary_classification.table import Rows, row_from_json, rows_from_csv
from recipes.binary_classification.target_answers import answer_rows
from recipes.binary_classification.target_model import Predictor


def rows_asked(
    classifier: Classifier | Predictor,
    path: str | None,
    row: str | None,
    delimiter: str | None,
    encoding: str | None,
) -> tuple[Rows, list[int]]:
    """The rows of a file, and the line of each; or one row as JSON, of which the
    columns that it leaves out are told, beside the answers.
    """
    if row is None:
        return rows_from_csv(path or "", classifier.columns, delimiter, encoding)
    rows, absent = row_from_json(row, classifier.columns)
    if absent:
        print(f"columns not given count as missing: {', '.join(absent)}")
    return rows, [1]


def answer(
    classifier: Classifier | Predictor,
    rows: Rows,
    lines: list[int],
    *,
    show: int,
    json: bool,
    out: str | None,
) -> None:
    """Prints or writes an answer for each row.

    Args:
        classifier: The run's.
        rows: The rows.
        lines: The line of each in its file.
        show: Columns to show for each row, the largest contributions first.
        json: Whether JSON Lines are wanted.
        out: File for the answers, JSON Lines or CSV; None to print them.
    """
    if isinstance(classifier, Predictor):
        answer_rows(classifier, rows, lines, show=show, json=json, out=out)
    elif json:
        answer_json(classifier, rows, lines, out)
    elif out is None:
        print_or_write(answers_text(classifier, rows, lines, show), None)
    else:
        atomic_write(out, answers_table(classifier, rows, lines))
        print(f"{len(rows)} rows are in {out}")
