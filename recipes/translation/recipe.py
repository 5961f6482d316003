"""Many to many: sentences translated with visible attention.

An encoder reads the source; a decoder writes the translation token by token, and
attends to what the encoder made of the source. By default it learns to write
dates, in many languages and styles, as ISO 8601; with `--data` any pairs of
sentences. What it writes is measured beside baselines, and where it looked is
drawn.
"""

import json
import time

import keras

from keras_seq import serving
from keras_seq.diagnostics import plot_attention
from keras_seq.files import replacing
from keras_seq.runs import (
    Progress,
    RunDirectory,
    check_out,
    picture_file,
    print_or_write,
)
from keras_seq.text import (
    Translator,
    Vocabulary,
    translation_card,
    translation_requests,
    translation_signatures,
)
from keras_seq.training import EpochCheckpoint, SequenceCrossEntropy
from recipes.translation.data import load_data
from recipes.translation.model import recurrent, transformer
from recipes.translation.results import (
    TranslationScore,
    by_length,
    by_style,
    figures_of,
    nearest_translations,
    spread,
    token_accuracy,
    write_results,
)
from recipes.translation.settings import OUT, Config

WIDTH = 5  # of the beam
PATIENCE = 8  # epochs without better translations
AVERAGED = 5  # of the best epochs
LONGEST_SOURCE = 4096  # tokens of a sentence that a transformer reads


ARCHITECTURES = {"attention": recurrent, "transformer": transformer}


def build_model(config, data, architecture=None):
    """The encoder-decoder of the architecture asked for, compiled."""
    keras.utils.set_random_seed(config.seed)
    architecture = architecture or ARCHITECTURES[config.architecture]
    shared = data.source is data.target
    model = architecture(config, len(data.source), len(data.target), shared)
    model.build({"source": (None, None), "target": (None, None)})
    steps = data.steps_per_epoch * data.epochs
    warmup = min(400, steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 100,
        decay_steps=steps - warmup,
        alpha=0.02,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.98, global_clipnorm=1.0),
        SequenceCrossEntropy(label_smoothing=config.label_smoothing),
        jit_compile=False,  # XLA would compile again for every length
    )
    return model


def train(config, data, model, translator, run):
    """Trains; the model ends with the mean of its best epochs, or the best."""
    checkpoint = EpochCheckpoint(
        run / "checkpoints",
        monitor=data.monitor,
        mode="max",
        patience=PATIENCE,
        average=AVERAGED,
        resume=config.resume,
    )
    checkpoint.fit(
        model,
        data.training_batches(checkpoint.first_epoch),
        epochs=data.epochs,
        steps_per_epoch=data.steps_per_epoch,
        shuffle=False,
        validation_data=data.validation_batches(),
        callbacks=[
            TranslationScore(
                translator, spread(data.validation, config.defaults.scored)
            )
        ],
    )
    return checkpoint


def evaluate(config, data, translator):
    """Figures on the test pairs, beside baselines; and the translations."""
    sources, references = zip(*data.test, strict=True)
    found = translator.translate(
        sources, width=WIDTH, progress=Progress("translating the test sentences")
    )
    greedy = translator.translate(sources, width=1)
    nats, tokens = translator.score(sources, references)
    texts = [best.text for best, *_ in found]
    forced, free = token_accuracy(translator, data.test, greedy)
    test = {
        "width": WIDTH,
        **figures_of(texts, references),
        "greedy": figures_of([best.text for best, *_ in greedy], references),
        "nats_per_token": float(nats.sum() / tokens.sum()),
        "accuracy_teacher_forced": forced,
        "accuracy_free_running": free,
        "by_length": by_length(sources, texts, references),
    }
    if data.styles is not None:
        test["by_style"] = by_style(data.styles, texts, references)
    nearest = nearest_translations(data.train, sources)
    return {
        "test": test,
        "baseline": {
            "copy": figures_of(sources, references),
            "nearest": figures_of(nearest, references),
        },
    }, found


def export(config, data, translator, run, test):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    figures = {name: test[name] for name in ("bleu", "chrf", "exact")}
    serving.export(
        translator.model,
        run / "saved_model",
        translation_signatures(translator, width=WIDTH),
        warmup=translation_requests(data.test[:3]),
        model_card=translation_card("translation", data.description(), figures),
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
        results=("vocabulary.json", "translations.tsv"),
    )
    data.keep_vocabularies(run)
    translator = build_translator(config, model, data.source, data.target)
    checkpoint = train(config, data, model, translator, run)
    run.save_model(model)
    figures, found = evaluate(config, data, translator)
    metrics = {
        "recipe": "translation",
        "config": run.config,
        "data": data.description(),
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.history[checkpoint.best_epoch]
        | (checkpoint.average_values if checkpoint.averaged else {})
        | {"averaged": checkpoint.averaged},
        **figures,
    }
    export(config, data, translator, run, metrics["test"])
    write_results(run, metrics, checkpoint.history, data, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its translator."""
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("vocabulary.json")
    if not (directory / "model.keras").is_file():
        raise FileNotFoundError(f"the run in {run!r} has not finished: use --resume.")
    model = keras.models.load_model(directory / "model.keras", compile=False)
    source, target = (Vocabulary.from_config(known[k]) for k in ("source", "target"))
    return directory, config, build_translator(config, model, source, target)


def build_translator(config, model, source, target):
    """The model with its vocabularies, as the settings want it."""
    longest = LONGEST_SOURCE if config.architecture == "transformer" else None
    return Translator(
        model, source, target, longest_source=longest, casefold=config.casefold
    )


def translate_text(
    text: str,
    /,
    n_best: int = 3,
    width: int = WIDTH,
    length_penalty: float = 1.0,
    coverage_penalty: float = 0.0,
    run: str = OUT,
    out: str | None = None,
):
    """Translates a sentence with a finished run, and draws where it looked.

    Args:
        text: The sentence.
        n_best: Translations to show.
        width: Hypotheses that the beam search keeps; 1 is greedy.
        length_penalty: 0 or more; above 0 favours longer translations.
        coverage_penalty: 0 or more; above 0 favours translations that leave
            nothing out.
        run: Folder of the run.
        out: PNG file for the alignment of the best translation; by default a new
            one in the current folder, alignment.png.
    """
    path = picture_file(out, "alignment")
    _, _, translator = _finished(run)
    [found] = translator.translate(
        [text],
        width=width,
        n_best=n_best,
        length_penalty=length_penalty,
        coverage_penalty=coverage_penalty,
    )
    best = found[0]
    for translation in found:
        if translation is best or translation.score > float("-inf"):  # there is one
            unfinished = "" if translation.finished else "  (cut off)"
            print(f"{translation.score:8.3f}  {translation.text}{unfinished}")
    if best.text:
        figure = plot_attention(best.alignment, best.source, best.target)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
        print(f"the alignment is in {path}")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, translator = _finished(run)
    data = load_data(config)
    data.keep_vocabularies(directory)
    figures, _ = evaluate(config, data, translator)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, translator = _finished(run)
    data = load_data(config)
    data.keep_vocabularies(directory)
    export(config, data, translator, directory, directory.metrics["test"])
