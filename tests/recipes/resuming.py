"""A training that is interrupted and goes on, with one model: it is traced once."""

import numpy as np
import pytest


def assert_resumed_ends_as_whole(model, train, monkeypatch, score):
    """Trains three times: to the end, until the interruption, and on from there.

    Args:
        model: A compiled and built model.
        train: Function that trains it, of a name for the run and `resume`.
        monkeypatch: pytest's.
        score: Class of a callback, which is interrupted at the end of the second epoch.
    """
    measure = score.on_epoch_end

    def interrupted(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        measure(self, epoch, logs)

    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]

    def trained(name, values, resume=False):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        train(name, resume)
        return model.get_weights()

    whole = trained("whole", start)
    with monkeypatch.context() as patched:
        patched.setattr(score, "on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained("part", start)
    # What is not in the checkpoint is lost.
    lost = [np.zeros_like(value) for value in start]
    part = trained("part", lost, resume=True)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a, b)
