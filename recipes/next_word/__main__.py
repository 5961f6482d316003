"""The commands of the recipe: `python -m recipes.next_word`."""

from keras_seq.runs import command_line
from recipes.next_word.recipe import (
    Config,
    evaluate_run,
    export_run,
    main,
    predict_words,
)

if __name__ == "__main__":
    command_line(
        Config,
        main,
        {"predict": predict_words, "evaluate": evaluate_run, "export": export_run},
    )
