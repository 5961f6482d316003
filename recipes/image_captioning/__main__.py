"""The commands of the recipe: `python -m recipes.image_captioning`."""

from keras_seq.runs import command_line
from recipes.image_captioning.recipe import (
    Config,
    caption_image,
    evaluate_run,
    export_run,
    main,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"caption": caption_image, "evaluate": evaluate_run, "export": export_run},
    )
