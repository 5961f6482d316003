"""How often the sentiment recipe is right, over several splits, beside bags of words.

    python benchmarks/sentiment.py --data FOLDER [--seeds 1 2 3 4 5] [--out FILE.json]
                                   [-- FLAGS OF THE RECIPE]

Everything is trained anew on each split (the recipe's own: a tenth of the texts is the
test, drawn with the seed), with the recipe's default settings unless flags
say otherwise. The same words are given to the baselines.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro
from _timing import machine, write_json

from recipes.sentiment import Config, load_data
from recipes.sentiment.explaining import TextClassifier
from recipes.sentiment.figures import baseline_predictions, figures_of
from recipes.sentiment.recipe import train_all


def one_split(config):
    """Accuracies on one split."""
    data = load_data(config)
    count, right = len(data.labels), data.test.labels
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fitted = train_all(config, data, Path(folder), verbose=0)
    seconds = time.perf_counter() - start
    classifier = TextClassifier(fitted.model, fitted.reader, data.labels)
    probabilities, _, parts = classifier.predict(data.test.texts)
    found = {
        "seconds": seconds,
        "weights": fitted.weights.tolist(),
        "model": figures_of(probabilities, right),
    }
    for k, name in enumerate(fitted.names):
        found[name] = float((parts[:, k].argmax(axis=1) == right).mean())
    baselines = baseline_predictions(data.train, data.test.texts, count)
    for name, predicted in baselines.items():
        found[name] = float((predicted == right).mean())
    return found


def main():
    """Prints the accuracies and their means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--out", type=Path)
    parser.add_argument("flags", nargs="*", help="of the recipe, after --")
    arguments = parser.parse_args()
    config = tyro.cli(Config, args=["--data", arguments.data, *arguments.flags])
    rows = []
    for seed in arguments.seeds:
        row = one_split(dataclasses.replace(config, seed=seed).complete())
        row = {"seed": seed, "accuracy": row["model"]["accuracy"], **row}
        rows.append(row)
        numbers = {k: v for k, v in row.items() if isinstance(v, float)}
        print(
            f"seed {seed}: "
            + ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()),
            flush=True,
        )
    names = [name for name, value in rows[0].items() if isinstance(value, float)]
    means = {name: float(np.mean([row[name] for row in rows])) for name in names}
    print("mean: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))
    if arguments.out is not None:
        result = {"config": dataclasses.asdict(config), "rows": rows, "means": means}
        write_json(arguments.out, {"machine": machine(), **result})


if __name__ == "__main__":
    main()
