"""Next word: an LSTM language model foresees and writes words.

At every word of a text it guesses the next from all that came before. Its input
and output share one matrix of embeddings, variational dropout keeps it from
learning small texts by heart, and its state goes on from window to window while
gradients are cut. What it has learnt is measured on documents that it hasn't read,
beside n-gram models; what its embeddings have learnt is drawn.
"""

import json
import time

import keras
import numpy as np

from keras_seq import serving
from keras_seq.layers import RecurrentLanguageModel
from keras_seq.runs import (
    Progress,
    RunDirectory,
    check_out,
    print_or_write,
)
from keras_seq.text import (
    START,
    TextPredictor,
    Vocabulary,
    prediction_card,
    prediction_requests,
    prediction_signatures,
)
from keras_seq.training import (
    EpochCheckpoint,
    ResetState,
    SequenceCrossEntropy,
    stream_dataset,
    stream_steps,
)
from recipes.next_word.baselines import (
    baseline_nats,
    reading_figures,
    spelling_nats,
)
from recipes.next_word.data import OUT, READ, Config, load_data
from recipes.next_word.prompts import (
    continued,
    next_words_table,
    read_prompt,
    unknown_words,
)
from recipes.next_word.results import HeldOutPerplexity, write_results

PATIENCE = 4  # epochs without a better perplexity of the validation documents
AVERAGED = 4  # of the best epochs
LONGEST = 10_000  # words that `predict` writes at most
FRESH = 0.1  # share of the windows that begin like a text, without what was before


def epochs(config, data):
    """How often the training texts are read."""
    tokens = sum(map(len, data.train_ids))
    return config.epochs or int(np.clip(round(READ / tokens), 1, 40))


def steps_per_epoch(config, data):
    """Training steps in an epoch; ValueError if the texts are too short for them."""
    longest = sum(map(len, data.train_ids)) // config.batch_size
    if 0 < longest < config.window:
        raise ValueError(
            f"`window` must be at most {longest}, what each of {config.batch_size} "
            f"streams of the training texts has; received {config.window}."
        )
    return stream_steps(data.train_ids, config.batch_size, config.window)


def build_model(config, data):
    """Tied embeddings, LSTM layers, variational dropout; compiled."""
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
    steps = steps_per_epoch(config, data) * epochs(config, data)
    warmup = min(100, steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 50,
        decay_steps=steps - warmup,
        alpha=0.02,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    model.compile(
        keras.optimizers.AdamW(
            schedule, weight_decay=0.01, beta_2=0.99, global_clipnorm=1.0
        ),
        SequenceCrossEntropy(mask_id=None),
        jit_compile=False,  # the recurrence has blocks and threads of its own
    )
    return model


def train(config, data, model, predictor, run):
    """Trains; the model ends with the mean of its best epochs, or the best."""
    checkpoint = EpochCheckpoint(
        run / "checkpoints",
        monitor="val_perplexity",
        patience=PATIENCE,
        average=AVERAGED,
        resume=config.resume,
    )
    checkpoint.fit(
        model,
        stream_dataset(
            data.train_ids,
            config.batch_size,
            config.window,
            seed=config.seed,
            first_epoch=checkpoint.first_epoch,
            fresh=FRESH,
        ),
        epochs=epochs(config, data),
        steps_per_epoch=steps_per_epoch(config, data),
        shuffle=False,
        callbacks=[ResetState(), HeldOutPerplexity(predictor, data)],
    )
    return checkpoint


def evaluate(config, data, predictor):
    """Perplexity of the test documents, beside baselines; and what it is made of."""
    nats = predictor.nats(data.test, progress=Progress("reading the test documents"))
    in_words = config.level == "word"
    spelling = [spelling_nats(data, part) for part in (data.test, data.validation)]
    test = reading_figures(data, data.test, nats, spelling[0] if in_words else None)
    figure = "perplexity" if in_words else "perplexity_spelled"
    baseline = {}
    counted = baseline_nats(data, Progress("counting n-grams"))
    for name, parts in counted.items():
        baseline[name] = reading_figures(data, data.test, parts[0], spelling[0])
        validation = reading_figures(data, data.validation, parts[1], spelling[1])
        baseline[name]["val_perplexity"] = validation[figure]
    trigram = baseline["Kneser-Ney trigram"][figure]
    test["of_kneser_ney"] = test[figure] / trigram
    return {"test": test, "baseline": baseline}, {
        "model": nats,
        **{name: parts[0] for name, parts in counted.items()},
    }


def export(data, predictor, run, figures):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    serving.export(
        predictor.model,
        run / "saved_model",
        prediction_signatures(predictor),
        warmup=prediction_requests([text[:2000] for text in data.test[:2]]),
        model_card=prediction_card("next_word", data.description(), figures["test"]),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def main(config):
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    RunDirectory.check(config.out, resume=config.resume, overwrite=config.overwrite)
    data = load_data(config)
    model = build_model(config, data)  # it may refuse the settings: before all else
    run = RunDirectory.start(
        config.out,
        config,
        resume=config.resume,
        overwrite=config.overwrite,
        results=("vocabulary.json", "samples.txt"),
    )
    run.keep_known("vocabulary.json", data.known(), data.corpus.name)
    predictor = TextPredictor(model, data.vocabulary)
    untrained = keras.ops.convert_to_numpy(model.embedding.embeddings)
    checkpoint = train(config, data, model, predictor, run)
    model.reset_state()
    run.save_model(model)
    figures, nats = evaluate(config, data, predictor)
    metrics = {
        "recipe": "next_word",
        "config": run.config,
        "data": data.description(),
        "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.history[checkpoint.best_epoch]
        | (checkpoint.average_values if checkpoint.averaged else {})
        | {"averaged": checkpoint.averaged},
        **figures,
    }
    export(data, predictor, run, figures)
    write_results(run, metrics, checkpoint.history, data, predictor, nats, untrained)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its predictor."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("vocabulary.json")
    if not (directory / "model.keras").is_file():
        raise FileNotFoundError(f"the run in {run!r} has not finished: use --resume.")
    model = keras.models.load_model(directory / "model.keras", compile=False)
    vocabulary = Vocabulary.from_config(known["vocabulary"])
    return directory, config, TextPredictor(model, vocabulary)


def predict_words(
    text: str = "",
    /,
    file: str | None = None,
    count: int = 10,
    complete: int = 0,
    temperature: float = 0.7,
    top_p: float = 1.0,
    seed: int = 1,
    run: str = OUT,
    out: str | None = None,
):
    """The likeliest next words, with a finished run; or a continuation.

    Args:
        text: What was written so far; nothing asks for the first words of a text.
        file: File with the text, UTF-8, instead: the shell takes no long ones.
        count: Words to show; fewer come if the model has fewer.
        complete: Words to go on with, 10,000 at most; 0 for none.
        temperature: Of the continuation: lower is safer, higher bolder; 0 takes the
            likeliest word each time.
        top_p: In (0, 1]: draw from the likeliest words only.
        seed: The same seed gives the same continuation.
        run: Folder of the run.
        out: File for the result; by default it is printed.
    """
    if not 0 <= complete <= LONGEST:
        raise ValueError(
            f"`complete` must be in [0, {LONGEST}]; received {complete!r}."
        )
    check_out(out)
    text = read_prompt(text, file)
    if temperature == 0:  # the likeliest alone
        temperature, top_p = 1.0, 1e-9
    _, _, predictor = _finished(run)
    lines = unknown_words(predictor, text)
    [found] = predictor.predict([text], count=count)
    lines += next_words_table(found)
    if complete:
        [more] = predictor.continue_texts(
            [text], words=complete, temperature=temperature, top_p=top_p, seed=seed
        )
        lines += ["", continued(text, more)]
    print_or_write("\n".join(lines), out)


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, predictor = _finished(run)
    data = load_data(config)
    directory.keep_known("vocabulary.json", data.known(), data.corpus.name)
    figures, _ = evaluate(config, data, predictor)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, predictor = _finished(run)
    data = load_data(config)
    directory.keep_known("vocabulary.json", data.known(), data.corpus.name)
    export(data, predictor, directory, directory.metrics)
