"""The commands of the recipe: `python -m recipes.long_term_memory`."""

from keras_seq.runs import command_line
from recipes.long_term_memory.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.long_term_memory.recipe:main",
        {
            "add": "recipes.long_term_memory.recipe:add_numbers",
            "evaluate": "recipes.long_term_memory.recipe:evaluate_run",
            "export": "recipes.long_term_memory.recipe:export_run",
        },
        stdout="answers",
    )
