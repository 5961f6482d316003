"""The commands of the recipe: `python -m recipes.sentiment`."""

from keras_seq.runs import command_line
from recipes.sentiment.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.sentiment.recipe:main",
        {
            "classify": "recipes.sentiment.recipe:classify",
            "evaluate": "recipes.sentiment.recipe:evaluate_run",
            "export": "recipes.sentiment.recipe:export_run",
        },
        stdout="answers",
    )
