"""The commands of the recipe: `python -m recipes.translation`."""

from keras_seq.runs import command_line
from recipes.translation.recipe import (
    Config,
    evaluate_run,
    export_run,
    main,
    translate_text,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"translate": translate_text, "evaluate": evaluate_run, "export": export_run},
    )
