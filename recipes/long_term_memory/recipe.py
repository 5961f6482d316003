"""Study: who remembers how far? Vanishing gradients, and what helps.

A recurrent network multiplies the error by its weights at every step back in time,
so it vanishes or explodes, and the network learns nothing that lies far back. This
measures it on two tasks that need memory alone, at growing distance, for each of
the remedies: clipping, ReLU, the identity as initialisation, gates. One figure,
figures/long_term_memory.png, tells it all; report.html explains it.
"""

import json
import logging
import time

import keras
import numpy as np

from keras_seq import serving
from keras_seq.diagnostics import gate_activity, plot_gates
from keras_seq.files import replacing
from keras_seq.runs import (
    RunDirectory,
    check_out,
    picture_file,
    print_or_write,
)
from recipes.long_term_memory.data import (
    OUT,
    STEPS,
    TEST,
    VALIDATION,
    Config,
    load_data,
    task_names,
)
from recipes.long_term_memory.models import REMEDIES, compiled_model
from recipes.long_term_memory.results import best_trial, summary, write_results
from recipes.long_term_memory.serving import card, requests, signatures
from recipes.long_term_memory.tasks import TASKS
from recipes.long_term_memory.training import Gradients, Outcome, clipping_curves

LEARNT = 0.9  # of the trivial loss: a model above it has learnt nothing


def build_model(config, data, name="lstm-forget-1"):
    """The model of that name in `REMEDIES`, compiled."""
    remedy = REMEDIES[name]
    optimizer = keras.optimizers.Adam(
        config.learning_rate or remedy.learning_rate,
        global_clipnorm=config.clipnorm if remedy.clipped else None,
    )
    return compiled_model(
        config, data, remedy.layer, optimizer, steps_per_execution=STEPS
    )


def train(config, data, model):
    """Trains until the task is solved; the model ends with its best weights."""
    outcome = Outcome(target=data.task.threshold(data.length) / 2)
    model.fit(
        data.training_batches(),
        epochs=config.epochs,
        steps_per_epoch=STEPS,
        shuffle=False,
        validation_data=data.validation,
        validation_batch_size=VALIDATION,
        callbacks=[outcome],
        verbose=0,
    )
    return outcome


def evaluate(data, model):
    """The loss on the test sequences, and the share that is right."""
    return model.evaluate(
        *data.test, batch_size=VALIDATION, verbose=0, return_dict=True
    )


def run_trial(config, data, name):
    """Trains one model on one task at one distance, and measures all there is."""
    keras.utils.clear_session()
    model = build_model(config, data, name)
    gradients = Gradients(model, data)
    before = gradients()
    started = time.time()
    outcome = train(config, data, model)
    seconds = time.time() - started
    test = evaluate(data, model)
    trivial = data.task.trivial(data.length)
    return model, {
        "model": name,
        "length": data.length,
        "parameters": model.count_params(),
        "seconds": round(seconds, 1),
        "steps": outcome.history[-1]["step"],
        "diverged": outcome.diverged,
        "validation": outcome.best,
        "test": test,
        "learnt": test["loss"] < LEARNT * trivial,
        "solved": test["loss"] < data.task.threshold(data.length),
        "gradient": {"before": before, "after": gradients()},
        "history": outcome.history,
        "digest": data.digest,
    }


def study(config, run):
    """Every model at growing distance, until it learns nothing.

    What the run has already is not done again.

    Returns:
        Dict from the task to a list of trials, as `run_trial` describes them.
    """
    found: dict = {task: [] for task in task_names(config)}
    for task, trials in found.items():
        failures = dict.fromkeys(config.models, 0)
        for length in config.length:
            data = load_data(config, task, length)
            for name in config.models:
                hopeless = failures[name] >= config.patience
                if hopeless and name != data.task.baseline:
                    continue
                path = f"trials/{task}/{length}/{name}"
                if not (run / f"{path}.json").is_file():
                    print(f"{task}, T = {length}, {REMEDIES[name].label}", flush=True)
                    model, trial = run_trial(config, data, name)
                    run.save_model(model, f"{path}.keras")
                    run.write_json(f"{path}.json", trial)  # the last: it is finished
                    print(_in_words(trial, data))
                trial = run.read_json(f"{path}.json")
                failures[name] = 0 if trial["learnt"] else failures[name] + 1
                trials.append(trial)
    if not (run / "trials" / "clipping.json").is_file():
        print("clipping where gradients explode", flush=True)
        run.write_json("trials/clipping.json", clipping_curves(config))
    return found


def _in_words(trial, data):
    loss, trivial = trial["test"]["loss"], data.task.trivial(data.length)
    ended = "solved" if trial["solved"] else "not solved"
    if trial["diverged"]:
        ended += f", diverged by step {trial['diverged']}"
    return (
        f"    {loss:.4f} (trivial {trivial:.4f}), {ended}, {trial['steps']} steps, "
        f"{trial['seconds']:.0f} s"
    )


def export(config, run, found):
    """Writes the best model and saved_model/1, and proves that it serves."""
    task, trials = next(iter(found.items()))
    best = best_trial(trials)
    model = _load_model(run, task, best)
    run.save_model(model)
    serving.export(
        model,
        run / "saved_model",
        signatures(model, TASKS[task]),
        warmup=requests(load_data(config, task, best["length"])),
        model_card=card(TASKS[task], best),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def main(config):
    """Runs the study, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    # Every model is traced, of which TensorFlow warns as if it were one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    run = RunDirectory.start(
        config.out,
        config,
        resume=config.resume,
        overwrite=config.overwrite,
        results=("trials",),
    )
    found = study(config, run)
    metrics = {
        "recipe": "long_term_memory",
        "config": run.config,
        "data": {
            "validation": VALIDATION,
            "test": TEST,
            "digest": {
                task: {str(trial["length"]): trial["digest"] for trial in trials}
                for task, trials in found.items()
            },
        },
        **summary(found),
    }
    export(config, run, found)
    write_results(run, metrics, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its trials."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    tested = directory.metrics["test"]
    found = {
        task: [
            directory.read_json(f"trials/{task}/{length}/{name}.json")
            for name, lengths in models.items()
            for length in lengths
        ]
        for task, models in tested.items()
    }
    return directory, config, found


def _load_model(run, task, trial):
    path = run / f"trials/{task}/{trial['length']}/{trial['model']}.keras"
    return keras.models.load_model(path, compile=False)


def add_numbers(
    first: float,
    second: float,
    /,
    length: int | None = None,
    model: str | None = None,
    seed: int = 1,
    run: str = OUT,
    out: str | None = None,
):
    """Lets a finished model add two numbers that stand far apart, and draws its gates.

    The first stands a quarter, the second three quarters down the sequence; the other
    numbers are drawn at random.

    Args:
        first: Number in [0, 1].
        second: Number in [0, 1].
        length: Steps of the sequence; by default as many as the model was trained on.
        model: Name of the model; by default the one that remembers furthest.
        seed: Seed of the numbers that don't count.
        run: Folder of the run.
        out: PNG file for the gates; by default a new one in the current folder,
            gates.png.
    """
    for name, number in (("first", first), ("second", second)):
        if not 0 <= number <= 1:
            raise ValueError(f"`{name}` must be in [0, 1]; received {number!r}.")
    directory, config, found = _finished(run)
    if "adding" not in found:
        raise ValueError(f"the run in {run!r} has no model of the adding problem.")
    if model not in (None, *config.models):
        raise ValueError(
            f"`model` must be among {', '.join(config.models)}; received {model!r}."
        )
    path = picture_file(out, "gates")
    trial = best_trial(found["adding"], model)
    length = trial["length"] if length is None else length
    if length < 4:
        raise ValueError(f"`length` must be at least 4; received {length!r}.")
    sequence = np.random.default_rng(seed).random((1, length, 2), "float32")
    sequence[..., 1] = 0
    sequence[0, [length // 4, 3 * length // 4]] = [[first, 1], [second, 1]]
    network = _load_model(directory, "adding", trial)
    answer = float(network.predict(sequence, verbose=0)[0, 0])
    print(
        f"{first} + {second} = {first + second:.3f} over {length} steps; "
        f"{REMEDIES[trial['model']].label}, trained on {trial['length']}, says "
        f"{answer:.3f}"
    )
    activity = gate_activity(network, sequence)["memory"]
    marks = ["+" if mark else " " for mark in sequence[0, :, 1]]
    figure = plot_gates(
        {name: values[0] for name, values in activity.values.items()}, marks
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    print(f"its gates are in {path}; + marks the two numbers")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures every model of a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, found = _finished(run)
    figures: dict = {}
    for task, trials in found.items():
        for trial in trials:
            keras.utils.clear_session()
            data = load_data(config, task, trial["length"])
            model = build_model(config, data, trial["model"])
            model.set_weights(_load_model(directory, task, trial).get_weights())
            measured = evaluate(data, model)
            models = figures.setdefault(task, {}).setdefault(trial["model"], {})
            models[str(trial["length"])] = measured
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, found = _finished(run)
    export(config, directory, found)
