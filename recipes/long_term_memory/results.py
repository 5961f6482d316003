"""What the long-term memory study says: figures, the picture, the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_seq.files import TableText
from keras_seq.runs import Report, RunDirectory
from recipes.long_term_memory.models import EXPLODING, REMEDIES
from recipes.long_term_memory.pictures import draw
from recipes.long_term_memory.records import Trial, Trials, longest_trials
from recipes.long_term_memory.tasks import TASKS, Task
from recipes.long_term_memory.training import STEPS


def summary(found: Trials) -> dict[str, Any]:
    """The figures of metrics.json, by task, model and distance.

    Args:
        found: Dict from the task to its trials.

    Returns:
        Dict of "parameters", "train_seconds", "validation", "test" and "baseline":
        the loss of a model that remembers nothing.
    """
    trials = [trial for task in found.values() for trial in task]
    return {
        "parameters": {
            task: {trial["model"]: trial["parameters"] for trial in found[task]}
            for task in found
        },
        "train_seconds": round(sum(trial["seconds"] for trial in trials), 1),
        "validation": _by_model(found, lambda trial: trial["validation"]),
        "test": _by_model(found, _measured),
        "baseline": {
            task: {
                "trivial": {
                    str(length): TASKS[task].trivial(length)
                    for length in sorted({trial["length"] for trial in found[task]})
                }
            }
            for task in found
        },
    }


def digests(found: Trials) -> dict[str, dict[str, str]]:
    """The digest of the test sequences, by task and distance."""
    return {
        task: {str(trial["length"]): trial["digest"] for trial in trials}
        for task, trials in found.items()
    }


def _measured(trial: Trial) -> dict[str, Any]:
    return {
        **trial["test"],
        "solved": trial["solved"],
        "diverged": trial["diverged"],
        "steps": trial["steps"],
        **{
            f"{name}_{when}": trial["gradient"][when][name]
            for when in ("before", "after")
            for name in ("factor", "reach")
        },
    }


def _by_model(found: Trials, value: Callable[[Trial], Any]) -> dict[str, Any]:
    return {
        task: {
            name: {str(t["length"]): value(t) for t in trials if t["model"] == name}
            for name in dict.fromkeys(trial["model"] for trial in trials)
        }
        for task, trials in found.items()
    }


def history_table(found: Trials) -> str:
    """All training curves as CSV."""
    table = TableText()
    table.writerow(["task", "length", "model", "step", "loss", "val_loss"])
    for task, trials in found.items():
        for trial in trials:
            for row in trial["history"]:
                values = [row["step"], row["loss"], row["val_loss"]]
                table.writerow([task, trial["length"], trial["model"], *values])
    return table.getvalue()


def write_results(run: RunDirectory, metrics: dict[str, Any], found: Trials) -> None:
    """Writes history.csv, the figure and report.html into the run directory.

    Args:
        run: Its directory.
        metrics: What metrics.json will hold.
        found: Dict from the task to its trials.
    """
    run.write("history.csv", history_table(found))
    curves = run.read_json("trials/clipping.json")
    picture = run.save_figure(draw(found, curves), "long_term_memory")
    report = _report(metrics, found, curves, picture)
    run.write("report.html", report.html())


def _report(
    metrics: dict[str, Any], found: Trials, curves: dict[str, Any], picture: Path
) -> Report:
    config = metrics["config"]
    report = Report("Who remembers how far?", metrics)
    report.text(
        "Networks that read a sequence step by step are asked for what stood far "
        f"back. Each has {config['units']} units, one layer, and at most "
        f"{config['epochs'] * STEPS:,} training steps of {config['batch_size']} new "
        f"sequences; in all {metrics['train_seconds']:.0f} s of training. It ends when "
        "half of the loss that counts as solved is reached, so lower losses are no "
        "measure of who is better. All losses are of sequences that training never "
        "saw."
    )
    report.picture(
        picture,
        _CAPTION,
        alt="Curves: losses and gradients by task, length and network",
    )
    report.heading("A recurrence is a repeated product")
    report.text(_PRODUCT)
    report.heading("Measured: gradients vanish and explode")
    report.text(_MEASURED)
    report.table(_gradient_table(longest_trials(found), curves))
    report.heading("Remedy 1: clipping")
    report.text(f"{_CLIPPING} {_clipping_in_words(curves)}")
    for title, text in _REMEDIES.items():
        report.heading(title)
        report.text(text)
    report.heading("Who remembers how far")
    for task, own in found.items():
        report.heading(TASKS[task].title.capitalize(), level=3)
        report.text(_TASK_TEXTS[task])
        report.table(_loss_table(TASKS[task], own))
    report.text(_TABLE)
    report.serving(
        "long_term_memory",
        "saved_model/ holds the model that remembers furthest, ready for TensorFlow "
        "Serving.",
    )
    return report


def _gradient_table(
    trials: dict[str, Trial], curves: dict[str, Any]
) -> list[list[Any]]:
    rows: list[list[Any]] = [
        ["", "T", "factor a step, new", "reach", "factor, trained", "reach"],
    ]
    for name, trial in trials.items():
        before, after = trial["gradient"]["before"], trial["gradient"]["after"]
        rows.append(
            [
                REMEDIES[name].label,
                trial["length"],
                *(before["factor"], before["reach"]),
                *(after["factor"], after["reach"]),
            ]
        )
    exploding = curves["gradient"]
    rows.append(
        [
            EXPLODING.label,
            curves["length"],
            *(exploding["factor"], exploding["reach"]),
            *(None, None),
        ]
    )
    return rows


def _loss_table(task: Task, trials: list[Trial]) -> list[list[Any]]:
    lengths = sorted({trial["length"] for trial in trials})
    rows: list[list[Any]] = [
        ["", "parameters", *(f"T = {n}" for n in lengths), "remembers"]
    ]
    for name in dict.fromkeys(trial["model"] for trial in trials):
        own = {trial["length"]: trial for trial in trials if trial["model"] == name}
        solved = [length for length, trial in own.items() if trial["solved"]]
        rows.append(
            [
                REMEDIES[name].label,
                next(iter(own.values()))["parameters"],
                *(_cell(own.get(length)) for length in lengths),
                f"{max(solved)} steps" if solved else "-",
            ]
        )
    for label, function in (
        ("nothing remembered", task.trivial),
        ("counts as solved below", task.threshold),
    ):
        rows.append([label, None, *(f"{function(n):.4f}" for n in lengths), None])
    return rows


def _cell(trial: Trial | None) -> str:
    if trial is None:
        return "not tried"
    loss, right = trial["test"]["loss"], trial["test"]["right"]
    return f"{loss:.4f} ({right:.0%}){' ×' if trial['diverged'] else ''}"


def _clipping_in_words(curves: dict[str, Any]) -> str:
    def ended(name: str) -> str:
        curve = curves[name]
        if curve["diverged"]:
            return f"is no number any more at step {curve['diverged']}"
        return f"falls from {curve['loss'][0]:.3g} to {curve['loss'][-1]:.3g}"

    return (
        f"Here the recurrent matrix is 1.5 × an orthogonal one, so that the gradient "
        f"grows by a factor of {curves['gradient']['factor']:.3f} a step. Without "
        f"clipping the loss {ended('unclipped')}; with clipping it "
        f"{ended('clipped')} in {len(curves['clipped']['loss'])} steps."
    )


_CAPTION = (
    "(a) How much of the last step's error is left further back, in new models, and "
    "(b) in trained ones, each at the longest distance at which it was tried: a "
    "straight line is a constant factor a step. (c) The loss at growing "
    "distance, beside that of a model that remembers nothing. (d) The same exploding "
    "network with and without clipping. Broken lines are clipped."
)
_PRODUCT = (
    "h_t = φ(x_t W + h_{t-1} U + b). The error of the last step comes to step t "
    "through every step between: ∂L/∂h_t = ∂L/∂h_T · J_T · J_{T-1} ⋯ J_{t+1}, with "
    "J = diag(φ') Uᵀ. A product of many matrices shrinks or grows like a power. "
    "Where it has shrunk to nothing, the weights cannot learn what lies there; where "
    "it has grown, one step of training throws them far off."
)
_MEASURED = (
    "The norm of ∂L/∂h_t (of an LSTM: of its cell, ∂L/∂c_t) with a loss on the last "
    "step, in sequences of T steps, the longest that the model was tried on. The "
    "factor is what it is multiplied by with each step back, on average; the reach is "
    "the distance within which at least a millionth of it is left, T - 1 at most."
)
_CLIPPING = (
    "If the gradient of all weights together is longer than a threshold, it is cut "
    "to that length: its direction stays. This cures explosions; it brings nothing "
    "back that has vanished. Nor does it help where the forward pass itself "
    "overflows: an infinite gradient has no direction."
)
_REMEDIES = {
    "Remedy 2: ReLU": (
        "tanh' is below 1 nearly everywhere; the derivative of ReLU is 1 where a unit "
        "is active. So a factor of every step is gone, and so is the bound on the "
        "state: what makes gradients vanish less makes them explode more."
    ),
    "Remedy 3: the identity to start with": (
        "An IRNN is a ReLU RNN whose recurrent matrix starts as the identity (Le, "
        "Jaitly and Hinton, 2015): a new network carries its state, and the error, "
        "unchanged. Training is free to leave that place, and may leave it for an "
        "explosion."
    ),
    "Remedy 4: gates": (
        "An LSTM adds to its cell instead of multiplying it: c_t = f ⊙ c_{t-1} + i ⊙ "
        "c̃, so the error passes through ∏ f, which the network learns. With a forget "
        "bias of 0, f starts at ½, and half of the memory is gone with each step; "
        "with 1 it starts at 0.73, and half is gone after two. So a new LSTM is no "
        "better than a new tanh RNN, whose matrix Keras starts as an orthogonal one, "
        "which leaves the length of an error as it is. A GRU does with two gates what "
        "an LSTM does with three; Keras's starts with z = ½, so a new one forgets fast "
        "too. What counts is whether training finds gates that keep the error: compare "
        "(a) with (b)."
    ),
    "Remedy 5: chrono initialisation": (
        "If something matters over up to T steps, forget biases are drawn as log of "
        "U(1, T - 1), and input biases as their negative (Tallec and Ollivier, 2018): "
        "new units remember for all spans up to T."
    ),
}
_TASK_TEXTS = {
    "adding": (
        "Of T random numbers in [0, 1] two are marked, one in each half; their sum "
        "is wanted at the end. Who always answers 1 has a mean squared error of 1/6."
    ),
    "copy": (
        "Ten symbols out of eight are shown, then T - 1 blanks, then a mark to go: "
        "they are to be written down, in order. Who writes blanks and then symbols at "
        "random has a cross-entropy of 10 ln 8 / (T + 20) nats a step."
    ),
}
_TABLE = (
    "Test losses, and the share that is right (sums within 0.04; symbols); × marks a "
    "training that diverged, whose weights are the best from before. A model "
    "remembers as far as it solves the task. One that learns nothing, with a loss "
    "above 0.9 of the trivial one, is not tried at longer distances, but for the tanh "
    "RNN of the adding problem, with which the others are compared. Learning rates, "
    "initialisations and tasks are the study's own, and a seed is one draw: at the "
    "edge of what a model can do another seed, or more steps, may decide otherwise."
)
