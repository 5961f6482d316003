"""Study: who remembers how far? Vanishing gradients, and what helps.

A recurrent network multiplies the error by its weights at every step back in time,
so it vanishes or explodes, and the network learns nothing that lies far back. This
measures it on two tasks that need memory alone, at growing distance, for each of
the remedies: clipping, ReLU, the identity as initialisation, gates. One figure,
figures/long_term_memory.png, tells it all; report.html explains it.
"""

import dataclasses
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import keras

from keras_seq import runs, serving, training
from recipes.long_term_memory import answers, records, results
from recipes.long_term_memory.data import HELD_BACK, HELD_OUT, Data, held_out
from recipes.long_term_memory.models import EXPLODING, REMEDIES, recurrent_layer
from recipes.long_term_memory.pictures import save_gates
from recipes.long_term_memory.records import Trial, Trials
from recipes.long_term_memory.serving import card, requests, signatures
from recipes.long_term_memory.settings import OUT, CompleteConfig, Config, task_names
from recipes.long_term_memory.tasks import TASKS, marked_numbers
from recipes.long_term_memory.training import (
    STEPS,
    Gradients,
    Outcome,
    kept,
    loss_by_step,
)

VALIDATION, TEST = 256, 1024  # sequences; measured 256 at once
EXPLOSION_LENGTH, EXPLOSION_RATE, EXPLOSION_STEPS = 50, 1e-2, 200


def load_data(config: Config, task: str = "", length: int | None = None) -> Data:
    """Draws the held-out sequences: a function of the seed and the distance alone.

    By default of the first task and the longest distance asked for.
    """
    config = config.complete()
    chosen = TASKS[task or task_names(config)[0]]
    length = length or max(config.length)
    validation = held_out(chosen, length, config.seed, HELD_BACK, VALIDATION)
    test = held_out(chosen, length, config.seed, HELD_OUT, TEST)
    return Data(chosen, length, config.seed, config.batch_size, validation, test)


@training.by_dtype_policy
def build_model(
    config: Config,
    data: Data,
    name: str = "lstm-forget-1",
    *,
    optimizer: keras.optimizers.Optimizer | None = None,
    steps_per_execution: int = STEPS,
) -> keras.Model:
    """A recurrent layer, of a model in `REMEDIES` or "exploding", and a dense one."""
    config = config.complete()
    keras.utils.set_random_seed(config.seed)
    task, remedy = data.task, REMEDIES.get(name, EXPLODING)
    model = keras.Sequential(
        [
            keras.Input((None, task.features), name="sequence"),
            recurrent_layer(remedy.layer, config.units, data.steps, task.every_step),
            keras.layers.Dense(task.outputs, name="answer"),
        ],
        name="long_term_memory",
    )
    loss = (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if task.every_step
        else keras.losses.MeanSquaredError()
    )
    adam = keras.optimizers.Adam(
        config.learning_rate or remedy.learning_rate,
        global_clipnorm=config.clipnorm if remedy.clipped else None,
    )
    model.compile(
        optimizer or adam,
        loss,
        metrics=[task.right],
        steps_per_execution=steps_per_execution,
        jit_compile=False,  # XLA would compile again for every distance
    )
    # Or the first training step is traced twice.
    model.optimizer.build(model.trainable_variables)
    return model


def train(
    config: Config, data: Data, model: keras.Model, folder: Path | None = None
) -> Outcome:
    """Trains until the task is solved; the model ends with its best weights."""
    outcome = Outcome(target=data.task.threshold(data.length) / 2)
    with kept(folder) as checkpoint:
        checkpoint.fit(
            model,
            data.training_batches(checkpoint.first_epoch * STEPS),
            epochs=config.complete().epochs,
            steps_per_epoch=STEPS,
            shuffle=False,
            validation_data=data.validation,
            validation_batch_size=VALIDATION,
            callbacks=[outcome],
            verbose=0,
        )
    outcome.finish(model, checkpoint.seconds_trained)
    return outcome


def evaluate(data: Data, model: keras.Model) -> dict[str, float]:
    """The loss on the test sequences, and the share that is right."""
    return model.evaluate(
        *data.test, batch_size=VALIDATION, verbose=0, return_dict=True
    )


def run_trial(
    config: Config, data: Data, name: str, folder: Path
) -> tuple[keras.Model, Trial]:
    """Trains one model on one task at one distance, and measures all there is."""
    keras.utils.clear_session()
    model = build_model(config, data, name)
    gradients = Gradients(model, data)
    before = gradients()
    outcome = train(config, data, model, folder)
    test = evaluate(data, model)
    felt = {"before": before, "after": gradients()}
    return model, records.trial_of(name, data, model, outcome, test, felt)


def clipping(config: Config) -> dict[str, Any]:
    """What clipping does where gradients explode: a ReLU RNN, 1.5 × orthogonal.

    The optimizer is plain gradient descent, which takes the gradient as it is (Adam
    divides by its size).
    """
    config = dataclasses.replace(config, dtype_policy="float32")  # without scaling
    data = load_data(config, "adding", EXPLOSION_LENGTH)
    found: dict[str, Any] = {"length": data.length}
    for name, norm in (("unclipped", None), ("clipped", config.clipnorm)):
        descent = keras.optimizers.SGD(EXPLOSION_RATE, global_clipnorm=norm)
        model = build_model(
            config, data, "exploding", optimizer=descent, steps_per_execution=1
        )
        if "gradient" not in found:
            found["gradient"] = Gradients(model, data)()
        losses, diverged = loss_by_step(data, model, EXPLOSION_STEPS)
        found[name] = {"loss": losses, "diverged": diverged}
    return found


def study(config: Config, run: runs.RunDirectory) -> Trials:
    """Every model at growing distance, until it learns nothing.

    What the run has already is not done again.
    """
    config = config.complete()
    found: Trials = {task: [] for task in task_names(config)}
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
                    model, trial = run_trial(config, data, name, run / path / "state")
                    run.save_model(training.in_float32(model), f"{path}.keras")
                    run.write_json(f"{path}.json", trial)  # the last: it is finished
                    print(records.in_words(trial, data))
                shutil.rmtree(run / path, ignore_errors=True)
                trial = run.read_json(f"{path}.json")
                failures[name] = 0 if trial["learnt"] else failures[name] + 1
                trials.append(trial)
    if not (run / "trials" / "clipping.json").is_file():
        print("clipping where gradients explode", flush=True)
        run.write_json("trials/clipping.json", clipping(config))
    return found


def export(config: Config, run: runs.RunDirectory, found: Trials) -> None:
    """Writes the best model and saved_model/1, and proves that it serves."""
    task, trials = next(iter(found.items()))
    best = records.best_trial(trials)
    model = run.load_model(records.model_file(task, best))
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


def main(config: Config) -> None:
    """Runs the study, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    # Every model is traced, of which TensorFlow warns as if it were one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    how = {"resume": config.resume, "overwrite": config.overwrite}
    run = runs.RunDirectory.start(config.out, config, results=("trials",), **how)
    found = study(config, run)
    digest = results.digests(found)
    metrics = {
        "recipe": "long_term_memory",
        "config": run.config,
        "data": {"validation": VALIDATION, "test": TEST, "digest": digest},
        **results.summary(found),
    }
    export(config, run, found)
    results.write_results(run, metrics, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(path: str) -> tuple[runs.RunDirectory, CompleteConfig, Trials]:
    """A finished run's directory, its settings and its trials."""
    run = runs.RunDirectory(path)
    config = run.read_config(CompleteConfig)
    return run, config, records.read_trials(run)


def add_numbers(
    first: float,
    second: float,
    /,
    length: int | None = None,
    model: str | None = None,
    seed: int = 1,
    json: bool = False,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Lets a finished model add two numbers that stand far apart, and draws its gates.

    The first stands a quarter, the second three quarters down the sequence; the other
    numbers are drawn at random.

    Args:
        first: Number in [0, 1].
        second: Number in [0, 1].
        length: Steps of the sequence; by default as many as the model was trained on.
        model: Name of the model; by default the one that remembers furthest.
        seed: Seed of the numbers that don't count.
        json: Answer in JSON, without a picture.
        run: Folder of the run.
        out: PNG file for the gates; by default a new one in the current folder,
            gates.png. Of JSON, the file for the answer, which is printed by default.
    """
    directory, _, trials = _finished(run)
    trial = records.adding_trial(trials, model, run)
    path = None if json else runs.picture_file(out, "gates")
    runs.check_out(out)
    length = trial["length"] if length is None else length
    sequence = marked_numbers(first, second, length, seed)
    network = directory.load_model(records.model_file("adding", trial))
    found = float(network.predict(sequence, verbose=0)[0, 0])
    answers.answer((first, second), found, length, trial, json, out)
    if path is not None:
        save_gates(network, sequence, path)
        print(f"its gates are in {path}; + marks the two numbers")


def _measure(path: str) -> dict[str, Any]:
    run, config, found = _finished(path)
    figures: dict[str, Any] = {}
    for task, trials in found.items():
        for trial in trials:
            keras.utils.clear_session()
            data = load_data(config, task, trial["length"])
            model = build_model(config, data, trial["model"])
            trained = run.load_model(records.model_file(task, trial))
            model.set_weights(trained.get_weights())
            models = figures.setdefault(task, {}).setdefault(trial["model"], {})
            models[str(trial["length"])] = evaluate(data, model)
    return figures


def _export(path: str) -> None:
    run, config, found = _finished(path)
    export(config, run, found)


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
