"""The commands of the recipe: `python -m recipes.long_term_memory`."""

from keras_seq.runs import command_line
from recipes.long_term_memory.recipe import (
    Config,
    add_numbers,
    evaluate_run,
    export_run,
    main,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"add": add_numbers, "evaluate": evaluate_run, "export": export_run},
    )
