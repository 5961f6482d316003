"""Many to many: sentences translated with visible attention.

An encoder reads the source; a decoder writes the translation token by token, and
attends to what the encoder made of the source. By default it learns to write
dates, in many languages and styles, as ISO 8601; with `--data` any pairs of
sentences. What it writes is measured beside baselines; where it looked is drawn.
"""

import time
from typing import Any

import keras

from keras_seq import layers, runs, serving, text, training
from recipes.translation import answers, figures, results
from recipes.translation.data import Data, date_pairs, fit_vocabularies
from recipes.translation.model import BidirectionalEncoder
from recipes.translation.sentences import sentence_pairs
from recipes.translation.settings import DATES, OUT, CompleteConfig, Config

WIDTH = 5  # of the beam
PATIENCE = 8  # epochs with neither better translations nor a lower loss
AVERAGED = 5  # of the best epochs


def load_data(config: Config) -> Data:
    """Reads or writes the pairs, splits them, and fits the vocabularies."""
    config = config.complete()
    pairs = date_pairs(config) if config.data == DATES else sentence_pairs(config)
    source, target = fit_vocabularies(pairs.train, config)
    data = Data(**vars(pairs), source=source, target=target, config=config)
    data.tell()
    return data


@training.by_dtype_policy
def build_model(config: Config, data: Data) -> layers.EncoderDecoder:
    """An encoder that reads the source, a decoder that attends to it; compiled."""
    config = config.complete()
    keras.utils.set_random_seed(config.seed)
    dim, dropout, seed = config.units // 2, config.dropout, config.seed
    recurrent = config.architecture == "attention"
    if recurrent:  # Bahdanau et al. (2015)
        readers = [
            keras.layers.Bidirectional(
                layers.ExplicitLSTM(dim, return_sequences=True, return_state=True),
                name=f"reader_{number}",
            )
            for number in range(config.layers)
        ]
        encoder = BidirectionalEncoder(readers, config.units, dropout, seed)
        decoder = layers.BahdanauDecoder(config.units, dim)
    else:  # Vaswani et al. (2017), narrow as suits small corpora (Wu et al., 2021)
        blocks: dict[str, Any] = {
            "num_layers": config.layers,
            "num_heads": 4,
            "intermediate_dim": config.units,
            "dropout": dropout,
            "attention_dropout": 0.0,  # with it small corpora are learned more slowly
        }
        encoder = layers.TransformerEncoder(**blocks, name="encoder")
        decoder = layers.TransformerDecoder(**blocks, name="decoder")
    model = layers.EncoderDecoder(  # embeds what they read, and gives the logits
        encoder,
        decoder,
        len(data.target),
        source_vocabulary=len(data.source),
        share_embeddings=data.source is data.target,
        dim=dim,
        positions=None if recurrent else layers.PositionalEncoding(),
        readout=recurrent,
        dropout=dropout,
        seed=seed,
        name=config.architecture,
    )
    model.build({"source": (None, None), "target": (None, None)})
    rate = training.warmed_up_cosine(
        config.learning_rate, data.steps, data.warmup_steps, first=0.01
    )
    model.compile(
        keras.optimizers.Adam(rate, beta_2=0.98, global_clipnorm=1.0),
        training.SequenceCrossEntropy(label_smoothing=config.label_smoothing),
        jit_compile=False,  # XLA would compile again for every length
    )
    return model


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    translator: text.Translator,
    run: runs.RunDirectory,
) -> training.EpochCheckpoint:
    """Trains; the model ends with the mean of its best epochs, or the best."""
    checkpoint = training.EpochCheckpoint(
        run / "checkpoints",
        monitor=data.monitor,
        mode="max",
        patience=PATIENCE,
        start_from_epoch=-(-data.warmup_steps // data.steps_per_epoch),
        progress="val_loss",
        average=AVERAGED,
        resume=config.resume,
    )
    scored = figures.spread(data.validation, config.defaults.scored)
    checkpoint.fit(
        model,
        data.training_batches(checkpoint.first_epoch),
        epochs=data.epochs,
        steps_per_epoch=data.steps_per_epoch,
        shuffle=False,
        validation_data=data.validation_batches(),
        callbacks=[figures.TranslationScore(translator, scored)],
    )
    return checkpoint


def evaluate(
    config: Config, data: Data, translator: text.Translator
) -> tuple[dict[str, Any], list[list[text.Translation]]]:
    """Figures on the test pairs, beside baselines; and the translations."""
    sources, references = map(list, zip(*data.test, strict=True))
    found = translator.translate(
        sources, width=WIDTH, progress=runs.Progress("translating the test sentences")
    )
    greedy = translator.translate(sources, width=1)
    nats, tokens = translator.score(sources, references)
    texts = [best.text for best, *_ in found]
    forced, free = figures.token_accuracy(translator, data.test, greedy)
    test = {
        "width": WIDTH,
        **figures.figures_of(texts, references),
        "greedy": figures.figures_of([best.text for best, *_ in greedy], references),
        "nats_per_token": float(nats.sum() / tokens.sum()),
        "accuracy_teacher_forced": forced,
        "accuracy_free_running": free,
        "by_length": figures.by_length(sources, texts, references),
    }
    if data.styles is not None:
        test["by_style"] = figures.by_style(data.styles, texts, references)
    nearest = figures.nearest_translations(data.train, sources)
    return {
        "test": test,
        "baseline": {
            "copy": figures.figures_of(sources, references),
            "nearest": figures.figures_of(nearest, references),
        },
    }, found


def export(
    config: Config,
    data: Data,
    translator: text.Translator,
    run: runs.RunDirectory,
    test: dict[str, Any],
) -> None:
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    shown = {name: test[name] for name in ("bleu", "chrf", "exact")}
    serving.export(
        translator.model,
        run / "saved_model",
        text.translation_signatures(translator, width=WIDTH, characters=300),
        warmup=text.translation_requests(data.test[:3]),
        model_card=text.translation_card("translation", data.description(), shown),
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
    model = build_model(config, data)  # it may refuse the settings: before all else
    run = runs.RunDirectory.start(
        config.out, config, results=("vocabulary.json", "translations.tsv"), **how
    )
    data.keep_vocabularies(run)
    translator = build_translator(config, model, data.source, data.target)
    checkpoint = train(config, data, model, translator, run)
    model = training.in_float32(model)
    translator = build_translator(config, model, data.source, data.target)
    run.save_model(model)
    measured, found = evaluate(config, data, translator)
    metrics = {
        "recipe": "translation",
        "config": run.config,
        "data": data.description(),
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.best_values
        | ((checkpoint.average_values or {}) if checkpoint.averaged else {})
        | {"averaged": checkpoint.averaged},
        **measured,
    }
    export(config, data, translator, run, metrics["test"])
    results.write_results(run, metrics, checkpoint.history, data, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


LONGEST_SOURCE = 4096  # tokens of a sentence that a transformer reads


def build_translator(
    config: Config,
    model: keras.Model,
    source: text.Vocabulary,
    target: text.Vocabulary,
) -> text.Translator:
    """The model with its vocabularies, as the settings want it."""
    longest = LONGEST_SOURCE if config.architecture == "transformer" else None
    return text.Translator(
        model, source, target, longest_source=longest, casefold=config.casefold
    )


def _finished(
    run: str,
) -> tuple[runs.RunDirectory, CompleteConfig, text.Translator]:
    """A finished run's directory, its settings and its translator."""
    found = runs.open_finished(run, CompleteConfig, "vocabulary.json")
    vocabularies = [
        text.Vocabulary.from_config(found.known[side]) for side in ("source", "target")
    ]
    translator = build_translator(found.config, found.model, *vocabularies)
    return found.directory, found.config, translator


def translate_text(
    text: tuple[str, ...] = (),
    /,
    file: str | None = None,
    json: bool = False,
    n_best: int | None = None,
    width: int = WIDTH,
    length_penalty: float = 1.0,
    coverage_penalty: float = 0.0,
    encoding: str | None = None,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Translates a sentence with a finished run, and draws where it looked.

    Args:
        text: The sentence, quoted.
        file: File with a sentence in each line, instead, or - for standard input:
            its translations come in as many lines.
        json: Answer in JSON Lines, with the scores.
        n_best: Translations to show. By default 3, of a file 1.
        width: Hypotheses that the beam search keeps; 1 is greedy.
        length_penalty: 0 or more; above 0 favours longer translations.
        coverage_penalty: 0 or more; above 0 favours translations that leave
            nothing out.
        encoding: Of the file. By default UTF-8.
        run: Folder of the run.
        out: PNG file for the alignment of the best translation; by default a new
            one in the current folder, alignment.png. Of a file, and of JSON, the
            file for the translations, which are printed by default.
    """
    sentence = runs.quoted_text(text, "sentence")
    lines = answers.lines_asked(sentence, file, encoding, n_best, json)
    drawn = file is None and not json
    if n_best is None:
        n_best = min(3, width) if drawn else 1
    path = runs.picture_file(out, "alignment") if drawn else None
    runs.check_out(out)
    translator = _finished(run)[2]
    penalties = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    search: dict[str, Any] = {"width": width, "n_best": n_best, **penalties}
    if path is not None:
        answers.show(translator.translate(lines, **search)[0], path)
    else:
        about: dict[str, Any] = {"json": json, "name": file or "text", "out": out}
        answers.translate_lines(translator, lines, search, **about)


def _measure(run: str) -> dict[str, Any]:
    directory, config, translator = _finished(run)
    data = load_data(config)
    data.keep_vocabularies(directory)
    return evaluate(config, data, translator)[0]


def _export(run: str) -> None:
    directory, config, translator = _finished(run)
    data = load_data(config)
    data.keep_vocabularies(directory)
    export(config, data, translator, directory, directory.metrics["test"])


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
