"""Many to one: what a text says of its subject, good or bad, and which words say it.

Strings go in, probabilities come out. Bidirectional LSTMs read the pieces of a text's
words, attention pooling sums up what they read, and n-grams add what bags of words
know. Every word is coloured by what it adds to the answer.
"""

import json
import sys
import time
from pathlib import Path

import keras

from keras_seq import serving
from keras_seq.files import atomic_write
from keras_seq.runs import (
    Progress,
    RunDirectory,
    check_out,
    print_or_write,
)
from keras_seq.text import decoded_lines, normalise
from recipes.sentiment.data import OUT, Config, load_data
from recipes.sentiment.explaining import TextClassifier
from recipes.sentiment.figures import baseline_predictions, difference, figures_of
from recipes.sentiment.model import build_member
from recipes.sentiment.reading import Reader
from recipes.sentiment.results import (
    answer_lines,
    answers_page,
    answers_table,
    by_length,
    write_results,
)
from recipes.sentiment.serving import card, requests, signatures
from recipes.sentiment.training import fit


def build_model(config, data, vocabulary_size):
    """One of the LSTMs, untrained: pieces of words → logits of the labels."""
    keras.utils.set_random_seed(config.seed)
    return build_member(config, vocabulary_size, len(data.labels))


def train(config, data, run):
    """Trains all parts, each held out from some texts, and puts them together."""
    count, folder = len(data.labels), run / "checkpoints"
    return fit(config, data.train, count, folder, config.resume, data.unlabelled)


def evaluate(config, data, classifier, names):
    """Figures on the test texts, beside bags of words; and the probabilities."""
    progress = Progress("classifying the test texts")
    probabilities, _, parts = classifier.predict(data.test.texts, progress)
    labels = data.test.labels
    predicted = probabilities.argmax(axis=1)
    of_parts = (parts.argmax(axis=-1) == labels[:, None]).mean(axis=0)
    test = {
        **figures_of(probabilities, labels),
        "parts": dict(zip(names, of_parts.tolist(), strict=True)),
        "by_length": by_length(data.test.texts, predicted == labels),
    }
    baselines = {}
    guesses = baseline_predictions(data.train, data.test.texts, len(data.labels))
    for name, guess in guesses.items():
        gain, error = difference(predicted, guess, labels)
        baselines[name] = {
            "accuracy": float((guess == labels).mean()),
            "difference": gain,
            "standard_error": error,
        }
    return {"test": test, "baseline": baselines}, probabilities


def export(config, data, classifier, run, test):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        classifier.model,
        run / "saved_model",
        signatures(classifier),
        warmup=requests(data.test.texts[:2]),
        model_card=card(classifier, data.description(), test),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def keep_reader(run, data, classifier, names):
    """Writes what the verbs need beside the model."""
    known = {
        "digest": data.corpus.digest,
        "labels": data.labels,
        "parts": names,
        **classifier.reader.to_config(),
    }
    run.keep_known("reader.json", known, data.corpus.name)


def main(config):
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    RunDirectory.check(config.out, resume=config.resume, overwrite=config.overwrite)
    data = load_data(config)
    run = RunDirectory.start(
        config.out,
        config,
        resume=config.resume,
        overwrite=config.overwrite,
        results=("reader.json", "data.json", "predictions.tsv"),
    )
    run.keep_known("data.json", {"digest": data.corpus.digest}, data.corpus.name)
    training_started = time.time()
    fitted = train(config, data, run)
    train_seconds = time.time() - training_started
    run.save_model(fitted.model)
    run.write("history.csv", fitted.history_table())
    classifier = TextClassifier(fitted.model, fitted.reader, data.labels)
    keep_reader(run, data, classifier, fitted.names)
    figures, probabilities = evaluate(config, data, classifier, fitted.names)
    held_out = keras.ops.softmax(fitted.held_out_logits.astype("float32"))
    metrics = {
        "recipe": "sentiment",
        "config": run.config,
        "data": data.description(),
        "parameters": fitted.model.count_params(),
        "train_seconds": round(train_seconds + fitted.earlier_seconds, 1),
        "validation": {
            "held_out": figures_of(
                keras.ops.convert_to_numpy(held_out), fitted.held_out_labels
            ),
            "weights": dict(zip(fitted.names, fitted.weights.tolist(), strict=True)),
            "best_epochs": [epoch + 1 for epoch in fitted.best_epochs],
            **_of_validation(data, classifier),
        },
        **figures,
    }
    export(config, data, classifier, run, metrics["test"])
    progress = Progress("explaining test texts")
    write_results(run, metrics, data, fitted, classifier, probabilities, progress)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _of_validation(data, classifier):
    """Figures on the validation texts, where the files have some."""
    if not len(data.validation):
        return {}
    probabilities, *_ = classifier.predict(data.validation.texts)
    return {"texts": figures_of(probabilities, data.validation.labels)}


def _finished(run):
    """A finished run's directory, its settings, its classifier and its parts."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("reader.json")
    model = keras.models.load_model(directory / "model.keras", compile=False)
    classifier = TextClassifier(model, Reader.from_config(known), known["labels"])
    return directory, config, classifier, known["parts"]


def classify(
    texts: tuple[str, ...] = (),
    /,
    file: str | None = None,
    run: str = OUT,
    out: str | None = None,
):
    """Classifies texts with a finished run, and colours the words by what they add.

    Args:
        texts: Texts.
        file: File with a text in each line, instead.
        run: Folder of the run.
        out: File for the results: .html for coloured texts, else a TSV; by default
            they are printed.
    """
    if bool(texts) == (file is not None):
        raise ValueError("either texts or `file` must be given, and not both.")
    check_out(out)
    if file is not None:
        texts = tuple(decoded_lines(file, Path(file).read_bytes()))
        if not texts:
            raise ValueError(f"`file` {file!r} has no lines.")
    _, _, classifier, _ = _finished(run)
    progress = Progress("classifying") if file is not None and out is not None else None
    explained = classifier.explained([normalise(text) for text in texts], progress)
    if out is None:
        for one in explained:
            print("\n".join(answer_lines(classifier, one, sys.stdout.isatty())))
    else:
        make = answers_page if Path(out).suffix == ".html" else answers_table
        atomic_write(out, make(classifier, explained))
        print(f"{len(explained)} texts are in {out}")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    _, config, classifier, names = _finished(run)
    data = _same_data(run, config)
    figures, _ = evaluate(config, data, classifier, names)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, classifier, _ = _finished(run)
    data = _same_data(run, config)
    export(config, data, classifier, directory, directory.metrics["test"])


def _same_data(run, config):
    """The run's data, if they are still what it was trained on."""
    data = load_data(config)
    known = {"digest": data.corpus.digest}
    RunDirectory(run).keep_known("data.json", known, data.corpus.name)
    return data
