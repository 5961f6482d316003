"""The commands of the recipe: `python -m recipes.image_captioning`."""

from keras_seq.runs import command_line
from recipes.image_captioning.settings import Config

if __name__ == "__main__":
    command_line(
        Config,
        "recipes.image_captioning.recipe:main",
        {
            "caption": "recipes.image_captioning.recipe:caption_image",
            "evaluate": "recipes.image_captioning.recipe:evaluate_run",
            "export": "recipes.image_captioning.recipe:export_run",
        },
        stdout="answers",
    )
