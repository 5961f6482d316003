"""A recipe's command line, called from a test."""

import functools

import pytest

from keras_seq.runs import command_line


class Shell:
    """What `python -m recipes.NAME` would run.

    Args:
        recipe: Module of the recipe.
        verbs: Dict from a verb to its function.
    """

    def __init__(self, recipe, verbs):
        self.recipe, self.verbs = recipe, verbs
        # A finished run is read once, and what is traced is traced once.
        recipe._finished = functools.cache(recipe._finished)

    def start(self, *arguments):
        command_line(
            self.recipe.Config, self.recipe.main, self.verbs, list(map(str, arguments))
        )

    def fails(self, capsys, *arguments):
        """Runs the command line, which must fail; its one line."""
        with pytest.raises(SystemExit) as stopped:
            self.start(*arguments)
        assert stopped.value.code not in (0, None)
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]
