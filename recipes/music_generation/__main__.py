"""The commands of the recipe: `python -m recipes.music_generation`."""

from keras_seq.runs import command_line
from recipes.music_generation.recipe import (
    Config,
    evaluate_run,
    export_run,
    generate_tunes,
    main,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"generate": generate_tunes, "evaluate": evaluate_run, "export": export_run},
    )
