"""One to many: images captioned with visible attention.

An encoder makes a grid of features of an image; a decoder writes a caption word by
word, and attends to the grid's cells as it does. By default it learns to say what is
where in scenes of handwritten digits, and a checker says whether that is true; with
`--data` any images with captions. What it writes is measured beside baselines, and
where it looked is drawn over the image.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_seq import layers, runs, serving, text, training, vision
from recipes.image_captioning import answers, figures, results
from recipes.image_captioning.consensus import baselines
from recipes.image_captioning.data import LONGEST, Data
from recipes.image_captioning.images import draw_scenes, fit_vocabulary, read_images
from recipes.image_captioning.model import GridEncoder, ShowAttendAndTell
from recipes.image_captioning.settings import CNN, OUT, SCENES, CompleteConfig, Config

WIDTH = 5  # of the beam
PATIENCE = {"val_right": 4, "val_cider": 6}  # epochs without better captions
AVERAGED = 3  # of the best epochs
WIDTHS = (24, 48, 96, 128)  # channels of the network that is trained from scratch


def load_data(config: Config) -> Data:
    """Draws the scenes, or reads the images and makes their grids; in three parts."""
    config = config.complete()
    images = draw_scenes(config) if config.data == SCENES else read_images(config)
    return Data(**vars(images), vocabulary=fit_vocabulary(images), config=config)


@training.by_dtype_policy
def build_model(config: Config, data: Data) -> ShowAttendAndTell:
    """An encoder that makes a grid, a decoder that attends to it; compiled."""
    config = config.complete()
    keras.utils.set_random_seed(config.seed)
    dim, dropout, seed = config.units // 2, config.dropout, config.seed
    recurrent = config.architecture == "attention"
    encoder = GridEncoder(
        dim,
        # Convolutions of its own, or the grids of a network from elsewhere.
        widths=WIDTHS if config.encoder == CNN else (),
        # What the LSTM starts from is made of the whole image.
        decoder_units=config.units if recurrent else None,
        dropout=dropout,
        seed=seed,
    )
    if recurrent:  # Xu et al. (2015)
        decoder = layers.BahdanauDecoder(config.units, config.units // 4)
    else:  # Vaswani et al. (2017), small as suits small corpora
        decoder = layers.TransformerDecoder(
            num_layers=2,
            num_heads=4,
            intermediate_dim=config.units,
            dropout=dropout,
            attention_dropout=0.0,  # with it small corpora are learned more slowly
            name="decoder",
        )
    model = ShowAttendAndTell(  # embeds the words, and gives the logits of the next
        encoder,
        decoder,
        len(data.vocabulary),
        dim=dim,
        positions=None if recurrent else layers.PositionalEncoding(),
        readout=recurrent,
        dropout=dropout,
        seed=seed,
        doubly_stochastic=config.doubly_stochastic,
        name=config.architecture,
    )
    model.build({"source": (None, *data.extractor.shape), "target": (None, None)})
    steps = data.steps_per_epoch * data.epochs
    rate = training.warmed_up_cosine(
        config.learning_rate, steps, min(200, steps // 5), first=0.01
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
    captioner: vision.Captioner,
    run: runs.RunDirectory,
) -> training.EpochCheckpoint:
    """Trains; the model ends with its best epoch, or with the mean of the best."""
    checkpoint = training.EpochCheckpoint(
        run / "checkpoints",
        monitor=data.monitor,
        mode="max",
        patience=PATIENCE[data.monitor],
        progress="val_loss" if data.monitor == "val_cider" else None,
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
        callbacks=[figures.CaptionScore(captioner, data.validation)],
    )
    return checkpoint


def evaluate(
    config: Config, data: Data, captioner: vision.Captioner, width: int
) -> tuple[dict[str, Any], list[vision.Caption]]:
    """Figures on the test images, beside baselines; and the captions."""
    test, references = data.test, data.test.captions

    def measured(texts: list[str]) -> dict[str, Any]:
        likeness = figures.figures_of(texts, references, data.vocabulary)
        return likeness | (figures.truth(texts, test.scenes) if test.scenes else {})

    def captions(
        width: int, progress: runs.Progress | None = None
    ) -> list[vision.Caption]:
        found = captioner.caption_grids(
            test.batches(), width=width, total=len(test), progress=progress
        )
        return [best for best, *_ in found]

    found = captions(WIDTH, runs.Progress("captioning the test images"))
    greedy = captions(1)
    chosen = greedy if width == 1 else found
    nats, tokens = captioner.score(test.batches(), [some[0] for some in references])
    measures = {
        "width": width,
        **measured([caption.text for caption in chosen]),
        "greedy": measured([caption.text for caption in greedy]),
        "beam": measured([caption.text for caption in found]),
        "nats_per_token": float(nats.sum() / tokens.sum()),
    }
    if test.scenes:
        measures["attention"] = figures.attention_hits(chosen, test.scenes)
    compared = baselines(captioner, data).items()
    baseline = {name: measured(texts) for name, texts in compared}
    return {"test": measures, "baseline": baseline}, chosen


def export(
    config: Config,
    data: Data,
    captioner: vision.Captioner,
    run: runs.RunDirectory,
    test: dict[str, Any],
) -> None:
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    names = ("bleu_4", "cider", *(["right"] if "right" in test else []))
    places = range(min(3, len(data.test)))
    serving.export(
        [captioner.model, captioner.extractor.model or tf.Module()],
        run / "saved_model",
        vision.caption_signatures(captioner, width=test["width"]),
        warmup=vision.caption_requests(
            [data.test.image_bytes(place) for place in places],
            [data.test.captions[place][0] for place in places],
        ),
        model_card=vision.caption_card(
            "image_captioning", data.description(), {name: test[name] for name in names}
        ),
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
    kept = ("vocabulary.json", "encoder.keras", "captions.tsv")
    run = runs.RunDirectory.start(config.out, config, results=kept, **how)
    data.keep_known(run)
    if data.extractor.model is not None:
        run.save_model(data.extractor.model, "encoder.keras")
    model = build_model(config, data)
    captioner = build_captioner(model, data.vocabulary, data.extractor)
    checkpoint = train(config, data, model, captioner, run)
    run.save_model(model := training.in_float32(model))
    captioner = build_captioner(model, data.vocabulary, data.extractor)
    width, widths = figures.choose_width(captioner, data, (WIDTH, 1))
    measured, found = evaluate(config, data, captioner, width)
    metrics = {
        "recipe": "image_captioning",
        "config": run.config,
        "data": data.description(),
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": {**checkpoint.best_values, "widths": widths},
        **measured,
    }
    export(config, data, captioner, run, metrics["test"])
    results.write_results(run, metrics, checkpoint.history, data, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def build_captioner(
    model: keras.Model, vocabulary: text.Vocabulary, extractor: vision.GridExtractor
) -> vision.Captioner:
    """Images in, captions out."""
    return vision.Captioner(
        model, vocabulary, extractor, grid=model.encoder.grid, longest=LONGEST
    )


def _finished(run: str) -> tuple[runs.RunDirectory, CompleteConfig, vision.Captioner]:
    """A finished run's directory, its settings and its captioner.

    The settings name the run's own copy of an encoder: its file may be gone.
    """
    found = runs.open_finished(run, CompleteConfig, "vocabulary.json")
    directory, config, known, model = found
    encoder, kept = None, directory / "encoder.keras"
    if kept.is_file():
        encoder = directory.load_model("encoder.keras")
        pixels = known["extractor"]["pixels"]
        config = dataclasses.replace(config, encoder=str(kept), pixels=pixels)
    extractor = vision.GridExtractor(encoder, **known["extractor"])
    vocabulary = text.Vocabulary.from_config(known["vocabulary"])
    return directory, config, build_captioner(model, vocabulary, extractor)


def caption_image(
    images: tuple[str, ...] = (),
    /,
    file: str | None = None,
    encoding: str | None = None,
    json: bool = False,
    n_best: int | None = None,
    width: int | None = None,
    length_penalty: float = 1.0,
    run: str = OUT,
    out: str | None = None,
) -> None:
    """Captions an image with a finished run, and draws where it looked.

    Args:
        images: JPEG, PNG, GIF, BMP, WebP or TIFF file; several have a line each.
        file: File with a path in each line, instead, or - for standard input.
        encoding: Of the file. By default UTF-8.
        json: Answer in JSON Lines, with the probabilities.
        n_best: Captions to show, the best first. By default 3, of several images 1.
        width: Hypotheses that the search keeps; 1 is greedy. By default as chosen.
        length_penalty: 0 or more; above 0 favours longer captions.
        run: Folder of the run.
        out: PNG file for the attention of the best caption; by default a new one here,
            NAME-attention.png for NAME.jpg. Of several images, and of JSON, the file
            for the captions, which are printed by default.
    """
    asked = answers.images_asked(images, file, encoding)
    one = Path(images[0]) if len(images) == 1 and not json else None
    n_best = answers.wanted(n_best, 1 if one is None else 3, one is None and not json)
    if one is not None:
        path = results.attention_file(one, out)
        pixels = vision.load_image(one)
    runs.check_out(out)
    directory, _, captioner = _finished(run)
    width = directory.metrics["test"]["width"] if width is None else width
    search = answers.Search(captioner, n_best, width, length_penalty)
    if one is None:
        search.caption_lines(asked, json=json, name=file or "image", out=out)
    else:
        search.show(one, pixels, path)


def _measure(run: str) -> dict[str, Any]:
    directory, config, captioner = _finished(run)
    data = load_data(config)
    data.keep_known(directory)
    return evaluate(config, data, captioner, directory.metrics["test"]["width"])[0]


def _export(run: str) -> None:
    directory, config, captioner = _finished(run)
    data = load_data(config)
    data.keep_known(directory)
    export(config, data, captioner, directory, directory.metrics["test"])


evaluate_run = runs.evaluate_command(_measure, OUT)
export_run = runs.export_command(_export, OUT)
