"""Next word: an LSTM language model foresees and writes words.

At every word of a text it guesses the next from all that came before. Its input
and output share one matrix of embeddings, variational dropout keeps it from
learning small texts by heart, and its state goes on from window to window while
gradients are cut. What it has learnt is measured on documents that it hasn't read,
beside n-gram models; what its embeddings have learnt is drawn.
"""

import time
from typing import Any

import keras
import numpy as np

from keras_seq import runs, serving, training
from keras_seq.layers import RecurrentLanguageModel
from keras_seq.runs import RunDirectory
from keras_seq.text import (
    START,
    SubwordVocabulary,
    TextPredictor,
    Vocabulary,
    mark_lines,
    prediction_card,
    prediction_requests,
    prediction_signatures,
)
from recipes.next_word import baselines, prompts
from recipes.next_word.data import Data, known_words, read_texts, used_parts
from recipes.next_word.results import write_results
from recipes.next_word.settings import OUT, CompleteConfig, Config

PATIENCE = 4  # epochs without a better perplexity of the validation documents
AVERAGED = 4  # of the best epochs
SUBWORDS = 3000
LONGEST = 10_000  # words that `predict` writes at most


def load_data(config: Config) -> Data:
    """Reads and splits the texts, and fits the vocabularies."""
    config = config.complete()
    corpus, terms, split = read_texts(config)
    train, validation, test = used_parts(config, split)
    marked = [mark_lines(text) for text in train]
    words = known_words(config, marked)
    vocabulary: Vocabulary = words
    if config.level == "subword":
        vocabulary = SubwordVocabulary.fit(marked, size=SUBWORDS)
    return Data(corpus, split, terms, train, validation, test, words, vocabulary)


@training.by_dtype_policy
def build_model(config: Config, data: Data) -> RecurrentLanguageModel:
    """Tied embeddings, LSTM layers, variational dropout; compiled."""
    config = config.complete()
    keras.utils.set_random_seed(config.seed)
    model = RecurrentLanguageModel(
        len(data.vocabulary),
        dim=config.units // 2,
        units=config.units,
        depth=config.layers,
        batch_size=config.batch_size,
        start_token=START,
        word_dropout=config.dropout / 4,
        input_dropout=config.dropout,
        dropout=config.dropout,
        output_dropout=config.dropout,
        weight_dropout=config.dropout,
        seed=config.seed,
        name="next_word",
    )
    model.build((None, None))
    steps = int(np.prod(data.training_length(config)))
    rate = training.warmed_up_cosine(config.learning_rate, steps, min(100, steps // 5))
    adam = keras.optimizers.AdamW(
        rate, weight_decay=0.01, beta_2=0.99, global_clipnorm=1.0
    )
    loss = training.SequenceCrossEntropy(mask_id=None)
    # The recurrence has blocks and threads of its own.
    model.compile(adam, loss, jit_compile=False)
    return model


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    predictor: TextPredictor,
    run: RunDirectory,
) -> training.EpochCheckpoint:
    """Trains; the model ends with the mean of its best epochs, or the best."""
    config = config.complete()
    checkpoint = training.EpochCheckpoint(
        run / "checkpoints",
        monitor="val_perplexity",
        patience=PATIENCE,
        average=AVERAGED,
        resume=config.resume,
    )
    epochs, steps = data.training_length(config)
    held_out = baselines.HeldOutPerplexity(predictor, data)
    checkpoint.fit(
        model,
        data.training_batches(config, checkpoint.first_epoch),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[training.ResetState(), held_out],
    )
    return checkpoint


def evaluate(
    config: Config, data: Data, predictor: TextPredictor
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Perplexity of the test documents, beside baselines; and what it is made of."""
    nats = predictor.nats(
        data.test, progress=runs.Progress("reading the test documents")
    )
    in_words = config.level == "word"
    spelling = [
        baselines.spelling_nats(data, part) for part in (data.test, data.validation)
    ]
    test = baselines.reading_figures(
        data, data.test, nats, spelling[0] if in_words else None
    )
    figure = "perplexity" if in_words else "perplexity_spelled"
    baseline: dict[str, dict[str, float]] = {}
    counted = baselines.baseline_nats(data, runs.Progress("counting n-grams"))
    for name, parts in counted.items():
        baseline[name] = baselines.reading_figures(
            data, data.test, parts[0], spelling[0]
        )
        validation = baselines.reading_figures(
            data, data.validation, parts[1], spelling[1]
        )
        baseline[name]["val_perplexity"] = validation[figure]
    trigram = baseline["Kneser-Ney trigram"][figure]
    test["of_kneser_ney"] = test[figure] / trigram
    return {"test": test, "baseline": baseline}, {
        "model": nats,
        **{name: parts[0] for name, parts in counted.items()},
    }


def export(
    data: Data, predictor: TextPredictor, run: RunDirectory, figures: dict[str, Any]
) -> None:
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        predictor.model,
        run / "saved_model",
        prediction_signatures(predictor, characters=2000, rows=32),
        warmup=prediction_requests([text[:2000] for text in data.test[:2]]),
        model_card=prediction_card("next_word", data.description(), figures["test"]),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def main(config: Config) -> None:
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    how = {"resume": config.resume, "overwrite": config.overwrite}
    RunDirectory.check(config.out, **how)
    data = load_data(config)
    model = build_model(config, data)  # it may refuse the settings: before all else
    kept = ("vocabulary.json", "samples.txt")
    run = RunDirectory.start(config.out, config, results=kept, **how)
    run.keep_known("vocabulary.json", data.known(), data.corpus.name)
    predictor = TextPredictor(model, data.vocabulary)
    untrained = keras.ops.convert_to_numpy(model.embedding.embeddings)
    checkpoint = train(config, data, model, predictor, run)
    model = training.in_float32(model)
    predictor = TextPredictor(model, data.vocabulary)
    model.reset_state()
    run.save_model(model)
    figures, nats = evaluate(config, data, predictor)
    metrics = {
        "recipe": "next_word",
        "config": run.config,
        "data": data.description(),
        "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.best_values
        | ((checkpoint.averaged and checkpoint.average_values) or {})
        | {"averaged": checkpoint.averaged},
        **figures,
    }
    export(data, predictor, run, figures)
    learned = keras.ops.convert_to_numpy(model.embedding.embeddings)
    history = checkpoint.history
    write_results(run, metrics, history, data, predictor, nats, untrained, learned)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(path: str) -> tuple[RunDirectory, CompleteConfig, TextPredictor]:
    """A finished run's directory, its settings and its predictor."""
    found = runs.open_finished(path, CompleteConfig, "vocabulary.json")
    run, config, known, model = found
    vocabulary = Vocabulary.from_config(known["vocabulary"])
    return run, config, TextPredictor(model, vocabulary)


def _with_data(path: str) -> tuple[RunDirectory, CompleteConfig, Data, TextPredictor]:
    """The same, and its texts, which must be those that it was trained on."""
    run, config, predictor = _finished(path)
    data = load_data(config)
    run.keep_known("vocabulary.json", data.known(), data.corpus.name)
    return run, config, data, predictor


def predict_words(
    text: tuple[str, ...] = (),
    /,
    file: str | None = None,
    lines: str | None = None,
    json: bool = False,
    count: int = 10,
    complete: int = 0,
    temperature: float = 0.7,
    top_p: float = 1.0,
    seed: int = 1,
    encoding: str | None = None,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """The likeliest next words, with a finished run; or a continuation.

    Args:
        text: What was written so far, quoted; nothing asks for the first words of a
            text.
        file: File with the text instead, or - for standard input: the shell takes no
            long ones.
        lines: File with a text in each line, or - for standard input, instead: the
            next words of each, or its continuation, come in as many lines.
        json: Answer in JSON Lines, with the probabilities.
        count: Words to show; fewer come if the model has fewer.
        complete: Words to go on with, 10,000 at most; 0 for none.
        temperature: Of the continuation: lower is safer, higher bolder; 0 takes the
            likeliest word each time.
        top_p: In (0, 1]: draw from the likeliest words only.
        seed: The same seed gives the same continuation.
        encoding: Of the file. By default UTF-8.
        run: Folder of the run.
        out: File for the result; by default it is printed.
    """
    if not 0 <= complete <= LONGEST:
        raise ValueError(
            f"`complete` must be in [0, {LONGEST}]; received {complete!r}."
        )
    runs.check_out(out)
    asked = prompts.texts_asked(text, file, lines, encoding)
    if temperature == 0:  # the likeliest alone
        temperature, top_p = 1.0, 1e-9
    predictor = _finished(run)[2]
    drawn = {"temperature": temperature, "top_p": top_p, "seed": seed}
    prompt = prompts.Prompt(predictor, count, complete, drawn)
    if lines is None and not json:
        [whole] = asked
        runs.print_or_write("\n".join(prompt.answer(whole)), out)
    else:
        prompt.answer_lines(asked, json=json, name=lines or file or "text", out=out)


def _measure(path: str) -> dict[str, Any]:
    _, config, data, predictor = _with_data(path)
    figures, _ = evaluate(config, data, predictor)
    return figures


def _export(path: str) -> None:
    run, _, data, predictor = _with_data(path)
    export(data, predictor, run, run.metrics)


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
