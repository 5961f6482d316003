"""A small table with all that tables have, and the recipe's command line."""

import csv

import numpy as np

from recipes.binary_classification import recipe
from tests.recipes.shell import Shell

VERBS = {
    "classify": recipe.classify,
    "evaluate": recipe.evaluate_run,
    "export": recipe.export_run,
}


shell = Shell(recipe, VERBS)
start, fails = shell.start, shell.fails


def flowers(count=150):
    """Records of a table in which colour, height and what is missing tell."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        ill = rng.random() < 0.3
        colour = rng.choice(["red", "green, dark", ""], p=[0.6, 0.3, 0.1])
        if ill and rng.random() < 0.7:
            colour = "brown"
        height = rng.normal(20 if ill else 30, 4)
        records.append(
            {
                "": number,
                "height (cm)": f"{height:.2f}",
                "petals": rng.integers(3, 6),
                "water": "NA" if rng.random() < 0.2 else f"{rng.normal():.3f}",
                "colour": colour,
                "Größe": "groß",
                "empty": "",
                "name": f'the "{number}th"',
                "state": "ill" if ill else "well",
            }
        )
    return records


def write_flowers(path):
    """Writes them with semicolons, a byte order mark and quotes; the path."""
    records = flowers()
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(records)
    return path
