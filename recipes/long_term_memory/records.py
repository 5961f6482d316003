"""The trials of the long-term memory study: what is kept of them, and which is best."""

from typing import Any

import keras

from keras_seq.runs import RunDirectory
from recipes.long_term_memory.data import Data
from recipes.long_term_memory.training import Outcome

Trial = dict[str, Any]  # as `trial_of` describes it
Trials = dict[str, list[Trial]]  # by task

LEARNT = 0.9  # of the trivial loss: a model above it has learnt nothing


def trial_of(
    name: str,
    data: Data,
    model: keras.Model,
    outcome: Outcome,
    test: dict[str, float],
    gradient: dict[str, Any],
) -> Trial:
    """All that is kept of a trial, for JSON.

    Args:
        name: Name of the model in `REMEDIES`.
        data: What it was trained on.
        model: The trained model.
        outcome: How its training went.
        test: Its loss on the test sequences, and the share that is right.
        gradient: What `Gradients` gave "before" and "after" training.
    """
    return {
        "model": name,
        "length": data.length,
        "parameters": model.count_params(),
        "seconds": round(outcome.seconds, 1),
        "steps": outcome.history[-1]["step"],
        "diverged": outcome.diverged,
        "validation": outcome.best,
        "test": test,
        "learnt": test["loss"] < LEARNT * data.task.trivial(data.length),
        "solved": test["loss"] < data.task.threshold(data.length),
        "gradient": gradient,
        "history": outcome.history,
        "digest": data.digest,
    }


def in_words(trial: Trial, data: Data) -> str:
    """A line on how a trial ended."""
    loss, trivial = trial["test"]["loss"], data.task.trivial(data.length)
    ended = "solved" if trial["solved"] else "not solved"
    if trial["diverged"]:
        ended += f", diverged by step {trial['diverged']}"
    return (
        f"    {loss:.4f} (trivial {trivial:.4f}), {ended}, {trial['steps']} steps, "
        f"{trial['seconds']:.0f} s"
    )


def model_file(task: str, trial: Trial) -> str:
    """Where a run keeps the model of a trial."""
    return f"trials/{task}/{trial['length']}/{trial['model']}.keras"


def read_trials(run: RunDirectory) -> Trials:
    """The trials of a finished run."""
    return {
        task: [
            run.read_json(f"trials/{task}/{length}/{name}.json")
            for name, lengths in models.items()
            for length in lengths
        ]
        for task, models in run.metrics["test"].items()
    }


def best_trial(trials: list[Trial], name: str | None = None) -> Trial:
    """The trial that solved the longest distance, with the lowest loss there.

    Args:
        trials: List of trials of one task.
        name: Only those of this model.
    """
    own = [trial for trial in trials if name in (None, trial["model"])]
    solved = [trial for trial in own if trial["solved"]]
    longest = (max if solved else min)(t["length"] for t in solved or own)
    return min(
        (trial for trial in solved or own if trial["length"] == longest),
        key=lambda trial: trial["test"]["loss"],
    )


def adding_trial(found: Trials, name: str | None, run: str) -> Trial:
    """The best trial of the adding problem, of the model of that name if any.

    ValueError if the run in the folder `run` has none.
    """
    if "adding" not in found:
        raise ValueError(f"the run in {run!r} has no model of the adding problem.")
    names = dict.fromkeys(trial["model"] for trial in found["adding"])
    if name not in (None, *names):
        raise ValueError(
            f"`model` must be among {', '.join(names)}; received {name!r}."
        )
    return best_trial(found["adding"], name)


def longest_trials(found: Trials) -> dict[str, Trial]:
    """Of each model the trial at the longest distance, of the first task, by name."""
    trials = next(iter(found.values()))
    return {t["model"]: t for t in sorted(trials, key=lambda t: t["length"])}
