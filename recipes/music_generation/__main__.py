"""The commands of the recipe: `python -m recipes.music_generation`."""

from keras_seq.runs import command_line
from recipes.music_generation.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.music_generation.recipe:main",
        {
            "generate": "recipes.music_generation.recipe:generate_tunes",
            "evaluate": "recipes.music_generation.recipe:evaluate_run",
            "export": "recipes.music_generation.recipe:export_run",
        },
        stdout="answers",
    )
