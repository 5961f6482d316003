"""What the verb `add` of the long-term memory study answers."""

import json

from keras_seq.runs import print_or_write
from recipes.long_term_memory.records import Trial
from recipes.long_term_memory.remedies import REMEDIES


def answer(
    numbers: tuple[float, float],
    found: float,
    length: int,
    trial: Trial,
    as_json: bool,
    out: str | None,
) -> None:
    """Prints what a model says of the sum of two numbers, or writes it as JSON."""
    total = sum(numbers)
    if as_json:
        record = {
            "numbers": numbers,
            "sum": total,
            "answer": found,
            "length": length,
            "model": trial["model"],
        }
        print_or_write(json.dumps(record, allow_nan=False), out)
        return
    first, second = numbers
    says = f"{REMEDIES[trial['model']].label}, trained on {trial['length']}, says"
    sum_of = f"{first} + {second} = {total:.3f} over {length} steps"
    print_or_write(f"{sum_of}; {says} {found:.3f}", None)
