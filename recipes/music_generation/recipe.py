"""Next character: an LSTM learns folk tunes in ABC notation and writes new ones.

A tune is a document of characters between a start mark and an end mark. At
every character the model guesses the next; to write a tune, its guesses are
drawn and fed back until it draws the end mark. What it writes is printed as
sheet music, played, and measured beside tunes that people wrote.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_seq import music, serving
from keras_seq.layers import ExplicitLSTM
from keras_seq.runs import (
    Progress,
    RunDirectory,
    check_out,
    print_or_write,
)
from keras_seq.text import CharacterVocabulary
from keras_seq.training import EpochCheckpoint, next_token_dataset, ngram_nats
from recipes.music_generation.data import LONGEST_TUNE, OUT, Config, load_data
from recipes.music_generation.results import write_results, write_tunes
from recipes.music_generation.units import bar_units

PATIENCE = 5  # epochs without a better validation loss


def epochs(config, data):
    """How often the training tunes are read."""
    characters = sum(map(len, data.train))
    return config.epochs or int(np.clip(round(5e6 / characters), 1, 24))


def steps_per_epoch(config, data):
    """Training steps in an epoch."""
    return -(-len(data.train) // config.batch_size)


def build_model(config, data):
    """Embedding, LSTM layers with dropout, logits of the next token."""
    keras.utils.set_random_seed(config.seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(len(data.vocabulary), 64, name="embedding")(ids)
    for i in range(config.layers):
        lstm = ExplicitLSTM(
            config.units, return_sequences=True, return_state=True, name=f"lstm_{i}"
        )
        x, _, _ = lstm(x)
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{i}")(x)
    logits = keras.layers.Dense(len(data.vocabulary), name="logits")(x)
    model = keras.Model(ids, logits, name="tunes")

    steps = steps_per_epoch(config, data) * epochs(config, data)
    warmup = min(50, steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 50,
        decay_steps=steps - warmup,
        alpha=0.02,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.1, beta_2=0.99, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            keras.metrics.SparseCategoricalCrossentropy("nats", from_logits=True)
        ],
        jit_compile=False,  # XLA would compile again for every length of tune
    )
    return model


def train(config, data, model, run):
    """Trains; the model ends with the weights of its best epoch."""

    def training_documents(epoch):
        chance = np.random.default_rng((config.seed, epoch))
        return [
            data.ids(
                music.transpose_at_random(document, data.style, chance)
                if chance.random() < config.transpose
                else document
            )
            for document in data.train
        ]

    checkpoint = EpochCheckpoint(
        run / "checkpoints",
        monitor="val_nats",
        patience=PATIENCE,
        resume=config.resume,
    )
    checkpoint.fit(
        model,
        next_token_dataset(
            training_documents,
            config.batch_size,
            seed=config.seed,
            first_epoch=checkpoint.first_epoch,
        ),
        epochs=epochs(config, data),
        steps_per_epoch=steps_per_epoch(config, data),
        shuffle=False,
        validation_data=next_token_dataset([data.ids(d) for d in data.validation], 32),
    )
    return checkpoint


def evaluate(config, data, writer):
    """Figures on the test tunes and on written ones, each beside its baseline."""
    nats: dict = {"model": writer.nats(data.test)}
    nats |= ngram_nats(
        [data.ids(d) for d in data.train],
        [data.ids(d) for d in data.test],
        orders=(0, 1, 5),
        vocabulary_size=len(data.vocabulary),
    )
    model, uniform, unigram, five_gram = (
        music.reading_figures(values, data.test) for values in nats.values()
    )
    written = writer.write(
        32 if config.quick else 256,
        temperature=config.temperature,
        seed=config.seed,
        max_length=LONGEST_TUNE,
    )
    copies = music.SubstringIndex([music.split_document(d)[1] for d in data.train])
    melodies = music.NgramIndex([music.from_document(d) for d in data.train])
    described, human = (
        music.describe_tunes(tunes, copies, melodies, progress=Progress(label))
        for label, tunes in (
            ("measuring written tunes", [tune.text for tune in written]),
            ("measuring test tunes", [music.from_document(d) for d in data.test]),
        )
    )
    ends = float(np.mean([tune.finished for tune in written]))
    units, without_them = bar_units(writer, build_model(config, data), data.test)
    return {
        "test": {
            **model,
            "written": {"ends_by_itself": ends, **described},
            "bar_units": units,
        },
        "baseline": {
            "uniform": uniform,
            "unigram": unigram,
            "5-gram": five_gram,
            "human": human,
            "bar_units": without_them,
        },
    }, [tune.text for tune in written]


def export(config, data, writer, run, test):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    figures = {"nats_per_character": test["nats_per_character"], **test["written"]}
    serving.export(
        writer.model,
        run / "saved_model",
        music.tune_signatures(
            writer, temperature=config.temperature, longest=LONGEST_TUNE
        ),
        warmup=music.tune_requests([music.from_document(d) for d in data.test[:2]]),
        model_card=music.tune_card("music_generation", data.corpus, figures),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


def keep_vocabulary(run, data):
    """Writes what the verbs need of the data; refuses data that have changed."""
    known = {
        "digest": data.corpus.digest,
        "characters": data.vocabulary.characters,
        "headers": data.style.counts,
    }
    run.keep_known("vocabulary.json", known, data.corpus.name)


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
        results=("vocabulary.json", "tunes"),
    )
    keep_vocabulary(run, data)
    model = build_model(config, data)
    checkpoint = train(config, data, model, run)
    run.save_model(model)
    writer = music.TuneWriter(model, data.vocabulary, data.style)
    figures, tunes = evaluate(config, data, writer)
    metrics = {
        "recipe": "music_generation",
        "config": run.config,
        "data": {
            "name": Path(config.data).name,
            "digest": data.corpus.digest,
            "train": len(data.train),
            "validation": len(data.validation),
            "test": len(data.test),
            "train_characters": sum(map(len, data.train)),
            "rejected": len(data.corpus.rejected),
            "near_duplicates": data.duplicates,
            "terms": data.corpus.terms,
        },
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.history[checkpoint.best_epoch],
        **figures,
    }
    export(config, data, writer, run, metrics["test"])
    write_results(run, metrics, checkpoint.history, tunes, writer, data.test)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its writer."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("vocabulary.json")
    if not (directory / "model.keras").is_file():
        raise FileNotFoundError(f"the run in {run!r} has not finished: use --resume.")
    model = keras.models.load_model(directory / "model.keras", compile=False)
    vocabulary = CharacterVocabulary(known["characters"])
    style = music.HeaderStyle(known["headers"])
    return directory, config, music.TuneWriter(model, vocabulary, style)


def generate_tunes(
    title: str | None = None,
    meter: str | None = None,
    key: str | None = None,
    type: str | None = None,
    count: int = 4,
    temperature: float = 0.7,
    top_p: float = 1.0,
    seed: int = 1,
    run: str = OUT,
    out: str | None = None,
):
    """Writes tunes with a finished run.

    Args:
        title: Title; the model finds one where none is given.
        meter: Meter, such as 6/8.
        key: Key, such as D, Em or Ador.
        type: Type of tune, such as jig, if the training tunes name types.
        count: Number of tunes.
        temperature: Above 0; lower is safer, higher bolder.
        top_p: In (0, 1]: draw from the likeliest characters only.
        seed: The same seed gives the same tunes.
        run: Folder of the run.
        out: Folder for the tunes as ABC, MIDI, SVG and WAV; by default they are
            printed on the terminal as ABC.
    """
    if out is not None and Path(out).exists() and any(Path(out).iterdir()):
        raise FileExistsError(f"`out` {out!r} is not empty; nothing is written there.")
    _, _, writer = _finished(run)
    given = {"T": title, "R": type, "M": meter, "K": key}
    written = writer.write(
        count,
        given={f: writer.style.spell(f, v) for f, v in given.items() if v is not None},
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        max_length=LONGEST_TUNE,
    )
    for number, tune in enumerate(written, start=1):
        if not tune.finished:
            limit = f"{LONGEST_TUNE} characters"
            print(f"tune {number} did not end within {limit}", file=sys.stderr)
    tunes = [tune.text for tune in written]
    if out is None:
        print("\n".join(tunes), end="")
    else:
        write_tunes(tunes, Path(out))
        print(f"{len(tunes)} tunes are in {out}")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, writer = _finished(run)
    data = load_data(config)
    keep_vocabulary(directory, data)
    figures, _ = evaluate(config, data, writer)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, writer = _finished(run)
    data = load_data(config)
    keep_vocabulary(directory, data)
    export(config, data, writer, directory, directory.metrics["test"])
