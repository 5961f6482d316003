"""Next character: an LSTM learns folk tunes in ABC notation and writes new ones.

A tune is a document of characters between a start mark and an end mark. At every
character the model guesses the next; to write a tune, its guesses are drawn, within the
grammar of tunes, and fed back until it draws the end mark. What it writes is printed as
sheet music, played, and measured beside tunes that people wrote.
"""

import time
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from keras_seq import music, runs, serving, text, training
from keras_seq.layers import ExplicitLSTM, SuffixAttention
from keras_seq.runs import RunDirectory
from recipes.music_generation import generating
from recipes.music_generation import grammar as rules
from recipes.music_generation.copies import CopyCheck
from recipes.music_generation.data import LONGEST_TUNE, Data, read_tunes
from recipes.music_generation.measuring import measure_file
from recipes.music_generation.results import hand_out, write_results
from recipes.music_generation.settings import OUT, CompleteConfig, Config
from recipes.music_generation.units import bar_units

KNOWN = "vocabulary.json"
PATIENCE = 5  # epochs without a better validation loss


def load_data(config: Config) -> Data:
    """Reads, cleans and splits the tunes; settings of one tune stay together."""
    config = config.complete()
    corpus, tunes = read_tunes(config)
    groups = music.duplicate_groups(tunes)
    parts = music.split_by_group(groups, (0.8, 0.1, 0.1), seed=config.seed)
    train, validation, test = ([music.to_document(tunes[i]) for i in p] for p in parts)
    duplicates = len(tunes) - len(set(groups))
    vocabulary = text.CharacterVocabulary.fit(train, min_count=3)
    style = music.HeaderStyle.fit(train)
    return Data(corpus, train, validation, test, duplicates, vocabulary, style)


@training.by_dtype_policy
def build_model(config: Config, data: Data) -> keras.Model:
    """Embedding, LSTM layers with dropout, logits of the next token, and repeats."""
    config = config.complete()
    keras.utils.set_random_seed(config.seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(len(data.vocabulary), 64, name="embedding")(ids)
    for i in range(config.layers):
        x, _, _ = ExplicitLSTM(
            config.units, return_sequences=True, return_state=True, name=f"lstm_{i}"
        )(x)
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{i}")(x)
    logits = keras.layers.Dense(len(data.vocabulary), name="logits")(x)
    if config.memory:
        logits = SuffixAttention(config.memory, name="memory")(logits, tokens=ids)
    model = keras.Model(ids, logits, name="tunes")
    steps = int(np.prod(data.training_length(config)))
    rate = training.warmed_up_cosine(config.learning_rate, steps, min(50, steps // 5))
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    nats = keras.metrics.SparseCategoricalCrossentropy("nats", from_logits=True)
    adam = keras.optimizers.AdamW(rate, weight_decay=0.1, beta_2=0.99, clipnorm=1.0)
    # XLA would compile again for every length of tune.
    model.compile(adam, loss, weighted_metrics=[nats], jit_compile=False)
    return model


def train(
    config: Config, data: Data, model: keras.Model, run: RunDirectory
) -> training.EpochCheckpoint:
    """Trains; the model ends with the weights of its best epoch."""
    config = config.complete()
    checkpoint = training.EpochCheckpoint(
        run / "checkpoints", monitor="val_nats", patience=PATIENCE, resume=config.resume
    )
    epochs, steps = data.training_length(config)
    checkpoint.fit(
        model,
        data.training_batches(config, checkpoint.first_epoch),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=data.validation_batches(),
    )
    return checkpoint


def evaluate(
    config: Config, data: Data, writer: music.TuneWriter
) -> tuple[dict[str, Any], list[str]]:
    """Figures on the test tunes and on written ones, each beside its baseline."""
    counted = training.ngram_nats(
        [data.ids(d) for d in data.train],
        [data.ids(d) for d in data.test],
        orders=(0, 1, 5),
        vocabulary_size=len(data.vocabulary),
    )
    model, uniform, unigram, five_gram = (
        music.reading_figures(nats, data.test)
        for nats in (writer.nats(data.test), *counted.values())
    )
    count = 32 if config.quick else 256
    how = {"temperature": config.temperature, "max_length": LONGEST_TUNE}
    written = rules.write_unforced(writer, count, seed=config.seed, **how)
    copies = music.SubstringIndex([music.split_document(d)[1] for d in data.train])
    melodies = music.NgramIndex([music.from_document(d) for d in data.train])
    people = [music.from_document(d) for d in data.test]
    described, human = (
        music.describe_tunes(tunes, copies, melodies, progress=runs.Progress(label))
        for label, tunes in (
            ("measuring written tunes", [tune.text for tune in written]),
            ("measuring test tunes", people),
        )
    )
    ends = float(np.mean([tune.finished for tune in written]))
    units, without_them = bar_units(writer, build_model(config, data), data.test)
    return {
        "test": {
            **model,
            "under_grammar": rules.nats_under_grammar(writer, data.test),
            "written": {"ends_by_itself": ends, **described},
            "as_music": music.compare_as_music([t.text for t in written], people),
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


def export(
    config: Config,
    data: Data,
    writer: music.TuneWriter,
    run: RunDirectory,
    test: dict[str, Any],
) -> None:
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


def main(config: Config) -> None:
    """Trains, evaluates, draws, exports, and says where everything is."""
    started = time.time()
    config = config.complete()
    how = {"resume": config.resume, "overwrite": config.overwrite}
    RunDirectory.check(config.out, **how)
    data = load_data(config)
    run = RunDirectory.start(config.out, config, results=(KNOWN, "tunes"), **how)
    run.keep_known(KNOWN, data.known(), data.corpus.name)
    model = build_model(config, data)
    checkpoint = train(config, data, model, run)
    run.save_model(model := training.in_float32(model))
    writer = rules.writer_of(model, data.vocabulary, data.style)
    figures, tunes = evaluate(config, data, writer)
    metrics = {
        "recipe": "music_generation",
        "config": run.config,
        "data": {"name": Path(config.data).resolve().name, **data.sizes()},
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.best_values,
        **figures,
    }
    export(config, data, writer, run, metrics["test"])
    write_results(run, metrics, checkpoint.history, tunes, writer, data.test)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(
    path: str, grammar: bool = True
) -> tuple[RunDirectory, CompleteConfig, music.TuneWriter]:
    """A finished run's directory, its settings and its writer."""
    run, config, known, model = runs.open_finished(path, CompleteConfig, KNOWN)
    vocabulary = text.CharacterVocabulary(known["characters"])
    style = music.HeaderStyle(known["headers"])
    return run, config, rules.writer_of(model, vocabulary, style, grammar)


def _again(path: str) -> tuple[RunDirectory, CompleteConfig, Data, music.TuneWriter]:
    """The same, and its tunes, which must be those that it was trained on."""
    run, config, writer = _finished(path)
    data = load_data(config)
    run.keep_known(KNOWN, data.known(), data.corpus.name)
    return run, config, data, writer


def generate_tunes(
    title: str | None = None,
    meter: str | None = None,
    key: str | None = None,
    type: str | None = None,
    unit: str | None = None,
    form: str | None = None,
    bars: tuple[int, ...] = (),
    pickup: Literal["yes", "no"] | None = None,
    instrument: str | None = None,
    lowest: str | None = None,
    highest: str | None = None,
    end_on: Literal["tonic"] | None = None,
    opening: str | None = None,
    count: int = 4,
    temperature: float = 0.85,
    top_p: float = 1.0,
    seed: int = 1,
    allow_copies: bool = False,
    grammar: bool = True,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Writes tunes with a finished run.

    A tune that has more of its melody from one training tune than people's tunes have
    is not handed out; another is drawn, and it is said.

    Args:
        title: Title; the model finds one where none is given.
        meter: Meter, such as 6/8.
        key: Key, such as D, Em or Ador.
        type: Type of tune, such as jig, if the training tunes name types.
        unit: Unit length of notes, such as 1/8, which an opening has unless given.
        form: Sections as they are played, such as AABB.
        bars: Bars of each section (by default 8), or of each in its turn.
        pickup: Whether the sections of a form begin with one.
        instrument: Whose range it has: fiddle, whistle, flute, accordion, ...
        lowest: Lowest note, such as D4; else of the instrument, or any.
        highest: Highest note, such as B5.
        end_on: The last note.
        opening: How the music begins; needs a meter and a key.
        count: Number of tunes.
        temperature: Above 0; lower is safer, higher bolder.
        top_p: In (0, 1]: draw from the likeliest characters only.
        seed: The same seed gives the same tunes.
        allow_copies: Hand out tunes that copy, too.
        grammar: Let the model write nothing but valid tunes that end.
        run: Folder of the run.
        out: Folder for ABC, MIDI, SVG and WAV; by default ABC is printed.
    """
    generating.check_folder(out)
    ends = (lowest, highest, instrument)
    asked = generating.request(form, bars, pickup, ends, end_on)
    given = {"T": title, "R": type, "M": meter, "L": unit, "K": key}
    directory, _, writer = _finished(run, grammar)
    how = (asked, opening, temperature, top_p)
    check = None if allow_copies else CopyCheck.of_run(directory)
    written = generating.draw(writer, check, count, seed, given, how)
    hand_out(written, out)


def _measure(path: str) -> dict[str, Any]:
    _, config, data, writer = _again(path)
    return evaluate(config, data, writer)[0]


def _export(path: str) -> None:
    run, config, data, writer = _again(path)
    export(config, data, writer, run, run.metrics["test"])


def evaluate_run(
    tunes: str | None = None, run: str | None = None, out: str | None = None
) -> None:
    """Measures a finished run again, or tunes in ABC notation as music.

    Args:
        tunes: ABC file or folder to measure beside the run's test tunes, and to
            compare with its training tunes; without it the run is measured again. No
            run is needed for that: without one it is O'Neill's tunes.
        run: Folder of the run; by default runs/music_generation.
        out: JSON file for the figures; by default they are printed.
    """
    if tunes is None:
        runs.evaluate_command(_measure, OUT)(run or OUT, out)
        return
    measure_file(tunes, run, out, load_data)


export_run = runs.export_command(_export, OUT)
