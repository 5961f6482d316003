"""The commands of the recipe: `python -m recipes.binary_classification`."""

from keras_seq.runs import command_line
from recipes.binary_classification.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.binary_classification.recipe:main",
        {
            "classify": "recipes.binary_classification.recipe:classify",
            "evaluate": "recipes.binary_classification.recipe:evaluate_run",
            "export": "recipes.binary_classification.recipe:export_run",
        },
        stdout="answers",
    )
