"""The commands of the recipe: `python -m recipes.translation`."""

from keras_seq.runs import command_line
from recipes.translation.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.translation.recipe:main",
        {
            "translate": "recipes.translation.recipe:translate_text",
            "evaluate": "recipes.translation.recipe:evaluate_run",
            "export": "recipes.translation.recipe:export_run",
        },
        stdout="answers",
    )
