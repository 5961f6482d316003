"""The commands of the recipe: `python -m recipes.binary_classification`."""

from keras_seq.runs import command_line
from recipes.binary_classification.recipe import (
    Config,
    classify,
    evaluate_run,
    export_run,
    main,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"classify": classify, "evaluate": evaluate_run, "export": export_run},
    )
