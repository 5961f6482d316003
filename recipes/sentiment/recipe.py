"""Many to one: what a text says of its subject, good or bad, and which words say it.

Strings go in, probabilities come out. Bidirectional LSTMs read the pieces of a text's
words, attention pooling sums up what they read, and n-grams add what bags of words
know. Every word is coloured by what it adds to the answer. `--plain` trains the model
of the lecture alone: embedding, one LSTM, softmax cross-entropy on the labels.
"""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_seq import runs, serving, training
from keras_seq.layers import AttentionPooling, ExplicitLSTM
from keras_seq.text import normalise
from recipes.sentiment import answers, figures, results
from recipes.sentiment.combination import (
    Fitted,
    Member,
    alone,
    put_together,
    seconds_trained,
)
from recipes.sentiment.data import Data, read_texts, read_unlabelled, split
from recipes.sentiment.explaining import PLAIN, TextClassifier, plain_beside
from recipes.sentiment.ngrams import fit_ngrams
from recipes.sentiment.pieces import Pieces, Share
from recipes.sentiment.pretraining import LanguageBatches, Pretraining, start_from
from recipes.sentiment.reading import Reader, at_last_piece
from recipes.sentiment.serving import card, requests, signatures
from recipes.sentiment.settings import OUT, CompleteConfig, Config

LEARNING_RATE = 2e-3


def load_data(config: Config) -> Data:
    """Reads the texts, tells what they are, and splits them."""
    config = config.complete()
    corpus, terms = read_texts(config)
    train, validation, test, notes = split(corpus, config)
    unlabelled = read_unlabelled(config, (validation, test), notes)
    for note in notes:
        print(f"note: {note}")
    notes = [line.strip() for line in corpus.summary().splitlines()[1:]] + notes
    labels = corpus.labels
    return Data(corpus, terms, labels, train, validation, test, unlabelled, notes)


@training.by_dtype_policy
def build_model(config: Config, share: Share, *, plain: bool = False) -> keras.Model:
    """One LSTM's model, compiled: pieces of words (B, T) → logits (B, labels).

        x_t = embedding of piece t
        h_t = [forward LSTM(x)_t; backward LSTM(x)_t]
        logits = W Σ_t a_t h_t + b        a: `AttentionPooling`; plain: W h_T + b

    Its layer "body" is the part after the embeddings, from (vectors, mask) to the
    logits and a; of the plain model a is 1 at the last piece, for that is all it uses.
    """
    config = config.complete()
    keras.utils.set_random_seed(share.seed)
    pieces = keras.Input((None,), dtype="int32", name="pieces")
    ids, size = len(share.pieces.vocabulary), share.pieces.features
    embedding = keras.layers.Embedding(ids, size, name="embedding")
    x = vectors = keras.Input((None, size), name="vectors")
    mask = keras.Input((None,), dtype="bool", name="mask")
    if plain:
        lstm = ExplicitLSTM(config.units, dropout=config.dropout, name="reader")
        summary, weights = lstm(x, mask=mask), at_last_piece(mask)
    else:
        x = keras.layers.SpatialDropout1D(config.dropout, name="dropped_features")(x)
        lstm = ExplicitLSTM(config.units, return_sequences=True)
        h = keras.layers.Bidirectional(lstm, name="reader")(x, mask=mask)
        h = keras.layers.Dropout(config.dropout, name="dropped_states")(h)
        pooling = AttentionPooling(config.units, name="pooling")
        summary, weights = pooling(h, mask=mask, return_attention_scores=True)
        summary = keras.layers.Dropout(config.dropout, name="dropped_summary")(summary)
    logits = keras.layers.Dense(len(share.pieces.names), name="label")(summary)
    body = keras.Model([vectors, mask], [logits, weights], name="body")
    logits, _ = body([embedding(pieces), keras.ops.not_equal(pieces, 0)])
    model = keras.Model(pieces, logits, name="member")
    if share.pieces.vectors is not None:
        embedding.set_weights([share.pieces.vectors])
    steps = share.epochs * share.steps_per_epoch
    rate = training.warmed_up_cosine(
        LEARNING_RATE, steps, max(1, steps // 10), first=0.05, last=0.01
    )
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA would compile again for every length
    )
    return model


def train(
    config: Config,
    share: Share | LanguageBatches,
    model: keras.Model,
    folder: Path,
    verbose: str | int = "auto",
) -> training.EpochCheckpoint:
    """Trains one LSTM; it ends with the weights of its best epoch."""
    checkpoint = training.EpochCheckpoint(folder / "state", resume=config.resume)
    checkpoint.fit(
        model,
        share.training(checkpoint.first_epoch),
        epochs=share.epochs,
        steps_per_epoch=share.steps_per_epoch,
        shuffle=False,
        validation_data=share.validation(),
        verbose=verbose,
    )
    return checkpoint


def train_all(
    config: Config, data: Data, folder: Path, verbose: str | int = "auto"
) -> Fitted:
    """Trains all parts, each held out from some texts, and puts them together."""
    pieces = Pieces.of(config, data, verbose)
    count = pieces.plan.members
    ngrams = fit_ngrams(pieces, verbose) if config.ngrams and count else {}
    started = pretrain(config, data, pieces, folder / "pretraining", verbose)
    trained = []
    for number in range(count + 1):
        plain = number == count  # the last
        share = pieces.of_plain() if plain else pieces.of_member(number)
        title = "plain LSTM" if plain else f"LSTM {number + 1} of {count}"
        if verbose:
            print(f"{title}: {len(share.chosen)} texts")
        model = build_model(config, share, plain=plain)
        if not plain:
            start_from(model, started)
        place = folder / ("plain" if plain else f"member_{number + 1}")
        checkpoint = train(config, share, model, place, verbose)
        trained.append(Member.of(training.in_float32(model), share, checkpoint))
    *members, last = trained
    beside = alone(pieces, last)
    return put_together(pieces, members, ngrams, beside) if members else beside


@training.by_dtype_policy
def pretrain(
    config: Config, data: Data, pieces: Pieces, folder: Path, verbose: str | int
) -> dict[str, list[np.ndarray]]:
    """Trains a model of the texts' language, and gives its weights, from which all
    members start; none without `config.pretrain`.
    """
    if not config.pretrain:
        return {}
    share = pieces.of_member(0)
    batches = LanguageBatches(pieces, data.unlabelled, config.pretrain, verbose)
    model = Pretraining(build_model(config, share), config.complete().dropout / 2)
    model.build((None, None))
    steps = max(1, batches.steps_per_epoch * batches.epochs)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps, alpha=0.05)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), jit_compile=False)
    if verbose:
        print(f"pre-training on {len(batches.chosen)} texts")
    train(config, batches, model, folder, verbose)
    return model.learnt_weights()


def evaluate(
    config: Config,
    data: Data,
    classifier: TextClassifier,
    names: list[str],
    plain: TextClassifier | None = None,
) -> tuple[dict[str, Any], np.ndarray]:
    """Test figures, beside the plain model's and bags of words'; the probabilities."""
    progress = runs.Progress("classifying the test texts")
    found, _, parts = classifier.predict(data.test.texts, progress)
    test = figures.test_figures(data, names, found, parts, plain)
    return {"test": test, "baseline": figures.baseline_figures(data, found)}, found


def export(
    config: Config,
    data: Data,
    classifier: TextClassifier,
    run: runs.RunDirectory,
    test: dict[str, Any],
) -> None:
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        classifier.model,
        run / "saved_model",
        signatures(classifier),
        warmup=requests(data.test.texts[:2]),
        model_card=card(config, classifier, data.description(), test),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def main(config: Config) -> None:
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    how = {"resume": config.resume, "overwrite": config.overwrite}
    runs.RunDirectory.check(config.out, **how)
    data = load_data(config)
    kept = ("reader.json", "data.json", "predictions.tsv", PLAIN)
    run = runs.RunDirectory.start(config.out, config, results=kept, **how)
    run.keep_known("data.json", data.known(), data.corpus.name)
    earlier = seconds_trained(run / "checkpoints")
    training_started = time.time()
    fitted = train_all(config, data, run / "checkpoints")
    train_seconds = earlier + time.time() - training_started
    run.save_model(fitted.model)
    run.write("history.csv", fitted.history_table())
    classifier = TextClassifier(fitted.model, fitted.reader, data.labels)
    known: dict[str, Any] = {"labels": data.labels, "parts": fitted.names}
    known |= {**data.known(), **fitted.reader.to_config()}
    run.keep_known("reader.json", known, data.corpus.name)
    if fitted.plain is not None:
        run.save_model(fitted.plain.model, PLAIN)
    plain = plain_beside(classifier, run)
    measured, probabilities = evaluate(config, data, classifier, fitted.names, plain)
    metrics = {
        "recipe": "sentiment",
        "config": run.config,
        "data": data.description(),
        "parameters": fitted.model.count_params(),
        "train_seconds": round(train_seconds, 1),
        "validation": fitted.figures() | figures.of_validation(data, classifier),
        **measured,
    }
    export(config, data, classifier, run, metrics["test"])
    progress = runs.Progress("explaining test texts")
    results.write_results(
        run, metrics, data, fitted, classifier, probabilities, progress
    )
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(
    run: str,
) -> tuple[runs.RunDirectory, CompleteConfig, TextClassifier, list[str]]:
    """A finished run's directory, its settings, its classifier and its parts."""
    found = runs.open_finished(run, CompleteConfig, "reader.json")
    reader = Reader.from_config(found.known)
    classifier = TextClassifier(found.model, reader, found.known["labels"])
    return found.directory, found.config, classifier, found.known["parts"]


def classify(
    texts: tuple[str, ...] = (),
    /,
    file: str | None = None,
    json: bool = False,
    encoding: str | None = None,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Classifies texts with a finished run, and colours the words by what they add.

    Args:
        texts: Texts, each quoted.
        file: File with a text in each line, instead, or - for standard input: its
            labels and their probabilities come in as many lines.
        json: Answer in JSON Lines, with the probabilities of all labels.
        encoding: Of the file. By default UTF-8.
        run: Folder of the run.
        out: File for the results: JSON Lines, if asked for; else .html for coloured
            texts, or a TSV with the words and what they add. By default printed.
    """
    lines = answers.lines_asked(texts, file, encoding)
    runs.check_out(out)
    classifier = _finished(run)[2]
    if file is None and out is None and not json:
        answers.show(classifier, classifier.explained(map(normalise, texts)))
    else:
        answers.classify_lines(classifier, lines, json=json, name=file, out=out)


def _measure(run: str) -> dict[str, Any]:
    directory, config, classifier, names = _finished(run)
    data = load_data(config)
    directory.keep_known("data.json", data.known(), data.corpus.name)
    plain = plain_beside(classifier, directory)
    return evaluate(config, data, classifier, names, plain)[0]


def _export(run: str) -> None:
    directory, config, classifier, _ = _finished(run)
    data = load_data(config)
    directory.keep_known("data.json", data.known(), data.corpus.name)
    export(config, data, classifier, directory, directory.metrics["test"])


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
