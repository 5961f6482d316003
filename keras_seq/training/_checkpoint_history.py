"""What was logged in each epoch, as a table."""

import csv
import io
from collections.abc import Sequence

History = list[dict[str, float]]


def history_table(history: Sequence[dict[str, float]]) -> str:
    """The epochs as CSV; a value that an epoch lacks leaves its place empty."""
    table = io.StringIO()
    names = dict.fromkeys(name for row in history for name in row)
    writer = csv.DictWriter(table, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return table.getvalue()


def read_history(text: str) -> History:
    """The epochs of a table."""
    return [
        {name: int(v) if name == "epoch" else float(v) for name, v in row.items() if v}
        for row in csv.DictReader(io.StringIO(text))
    ]
