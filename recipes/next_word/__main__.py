"""The commands of the recipe: `python -m recipes.next_word`."""

from keras_seq.runs import command_line
from recipes.next_word.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.next_word.recipe:main",
        {
            "predict": "recipes.next_word.recipe:predict_words",
            "evaluate": "recipes.next_word.recipe:evaluate_run",
            "export": "recipes.next_word.recipe:export_run",
        },
        stdout="answers",
    )
