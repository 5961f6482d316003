"""One to many: images captioned with visible attention.

An encoder makes a grid of features of an image; a decoder writes a caption word by
word, and attends to the grid's cells as it does. By default it learns to say what is
where in scenes of handwritten digits, and a checker says whether that is true; with
`--data` any images with captions. What it writes is measured beside baselines, and
where it looked is drawn over the image.
"""

import dataclasses
import json
import time
from pathlib import Path

import keras
import tensorflow as tf

from keras_seq import serving
from keras_seq.diagnostics import plot_image_attention
from keras_seq.files import replacing
from keras_seq.runs import (
    Progress,
    RunDirectory,
    check_out,
    print_or_write,
)
from keras_seq.text import Vocabulary
from keras_seq.training import EpochCheckpoint, SequenceCrossEntropy
from keras_seq.vision import (
    Captioner,
    GridExtractor,
    caption_card,
    caption_requests,
    caption_signatures,
    load_image,
)
from recipes.image_captioning.data import CNN, OUT, Config, load_data
from recipes.image_captioning.figures import (
    CaptionScore,
    attention_hits,
    baseline_captions,
    choose_width,
    figures_of,
    truth,
)
from recipes.image_captioning.images import LONGEST
from recipes.image_captioning.model import recurrent, transformer
from recipes.image_captioning.results import attention_file, write_results

WIDTH = 5  # of the beam
PATIENCE = {"val_right": 4, "val_cider": 6}  # epochs without better captions
AVERAGED = 3  # of the best epochs
WIDTHS = (24, 48, 96, 128)  # channels of the network that is trained from scratch

ARCHITECTURES = {"attention": recurrent, "transformer": transformer}


def build_model(config, data, architecture=None):
    """The encoder-decoder of the architecture asked for, compiled."""
    keras.utils.set_random_seed(config.seed)
    architecture = architecture or ARCHITECTURES[config.architecture]
    widths = WIDTHS if config.encoder == CNN else ()
    model = architecture(config, len(data.vocabulary), widths)
    model.build({"source": (None, *data.extractor.shape), "target": (None, None)})
    steps = data.steps_per_epoch * data.epochs
    warmup = min(200, steps // 5)
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


def build_captioner(model, vocabulary, extractor):
    """Images in, captions out."""
    return Captioner(
        model, vocabulary, extractor, grid=model.encoder.grid, longest=LONGEST
    )


def train(config, data, model, captioner, run):
    """Trains; the model ends with its best epoch, or with the mean of the best."""
    checkpoint = EpochCheckpoint(
        run / "checkpoints",
        monitor=data.monitor,
        mode="max",
        patience=PATIENCE[data.monitor],
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
        callbacks=[CaptionScore(captioner, data.validation)],
    )
    return checkpoint


def evaluate(config, data, captioner, width):
    """Figures on the test images, beside baselines; and the captions."""
    test, references = data.test, data.test.captions

    def measured(texts):
        figures = figures_of(texts, references, data.vocabulary)
        return {**figures, **(truth(texts, test.scenes) if test.scenes else {})}

    def captions(width, progress=None):
        found = captioner.caption_grids(
            test.batches(), width=width, total=len(test), progress=progress
        )
        return [best for best, *_ in found]

    found = captions(WIDTH, Progress("captioning the test images"))
    greedy = captions(1)
    chosen = greedy if width == 1 else found
    nats, tokens = captioner.score(test.batches(), [some[0] for some in references])
    figures = {
        "width": width,
        **measured([caption.text for caption in chosen]),
        "greedy": measured([caption.text for caption in greedy]),
        "beam": measured([caption.text for caption in found]),
        "nats_per_token": float(nats.sum() / tokens.sum()),
    }
    if test.scenes:
        figures["attention"] = attention_hits(chosen, test.scenes)
    baselines = baseline_captions(captioner, data)
    return {
        "test": figures,
        "baseline": {name: measured(texts) for name, texts in baselines.items()},
    }, chosen


def export(config, data, captioner, run, test):
    """Writes saved_model/1, and proves that it serves without keras_seq."""
    names = ("bleu_4", "cider", *(["right"] if "right" in test else []))
    places = range(min(3, len(data.test)))
    serving.export(
        [captioner.model, captioner.extractor.model or tf.Module()],
        run / "saved_model",
        caption_signatures(captioner, width=test["width"]),
        warmup=caption_requests(
            [data.test.image_bytes(place) for place in places],
            [data.test.captions[place][0] for place in places],
        ),
        model_card=caption_card(
            "image_captioning", data.description(), {name: test[name] for name in names}
        ),
        overwrite=True,
    )
    print(serving.check(run / "saved_model"))


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
        results=("vocabulary.json", "encoder.keras", "captions.tsv"),
    )
    data.keep_known(run)
    if data.extractor.model is not None:
        run.save_model(data.extractor.model, "encoder.keras")
    model = build_model(config, data)
    captioner = build_captioner(model, data.vocabulary, data.extractor)
    checkpoint = train(config, data, model, captioner, run)
    run.save_model(model)
    width = choose_width(captioner, data, (1, WIDTH))
    figures, found = evaluate(config, data, captioner, width)
    metrics = {
        "recipe": "image_captioning",
        "config": run.config,
        "data": data.description(),
        "parameters": model.count_params(),
        "train_seconds": round(checkpoint.seconds_trained, 1),
        "validation": checkpoint.history[checkpoint.best_epoch],
        **figures,
    }
    export(config, data, captioner, run, metrics["test"])
    write_results(run, metrics, checkpoint.history, data, found)
    run.write_json("metrics.json", metrics)
    print(f"Done in {time.time() - started:.0f} s. Open {run / 'report.html'}")


def _finished(run):
    """A finished run's directory, its settings and its captioner.

    The settings name the run's own copy of an encoder: its file may be gone.
    """
    directory = RunDirectory(run)
    config = directory.read_config(Config)
    known = directory.read_json("vocabulary.json")
    if not (directory / "model.keras").is_file():
        raise FileNotFoundError(f"the run in {run!r} has not finished: use --resume.")
    model = keras.models.load_model(directory / "model.keras", compile=False)
    encoder = None
    if (directory / "encoder.keras").is_file():
        kept = directory / "encoder.keras"
        encoder = keras.models.load_model(kept, compile=False)
        pixels = known["extractor"]["pixels"]
        config = dataclasses.replace(config, encoder=str(kept), pixels=pixels)
    extractor = GridExtractor(encoder, **known["extractor"])
    vocabulary = Vocabulary.from_config(known["vocabulary"])
    return directory, config, build_captioner(model, vocabulary, extractor)


def caption_image(
    image: Path,
    /,
    n_best: int = 3,
    width: int | None = None,
    length_penalty: float = 1.0,
    run: str = OUT,
    out: str | None = None,
):
    """Captions an image with a finished run, and draws where it looked.

    Args:
        image: JPEG, PNG, GIF or BMP file.
        n_best: Captions to show, with their probabilities: the best, then others that
            a beam search finds.
        width: Hypotheses that the search for the best keeps; 1 is greedy. By default
            what did best on the validation images.
        length_penalty: 0 or more; above 0 favours longer captions.
        run: Folder of the run.
        out: PNG file for the attention of the best caption; by default a new one in
            the current folder, NAME-attention.png for an image NAME.jpg.
    """
    if n_best < 1:
        raise ValueError(f"`n_best` must be at least 1; received {n_best}.")
    path = attention_file(image, out)
    pixels = load_image(image)
    directory, _, captioner = _finished(run)
    width = directory.metrics["test"]["width"] if width is None else width
    found: list = []
    for kept in (width, max(width, n_best)):
        if len(found) < n_best:
            [some] = captioner.caption(
                [image.read_bytes()],
                width=kept,
                n_best=min(kept, n_best),
                length_penalty=length_penalty,
            )
            known = {caption.text for caption in found}
            found += [caption for caption in some if caption.text not in known]
    found = found[:n_best]
    for caption in found:
        unfinished = "" if caption.finished else "  (cut off)"
        print(f"{caption.probability:8.2%}  {caption.text}{unfinished}")
    best = found[0]
    if best.words:
        figure = plot_image_attention(
            pixels / 255, best.attention, best.words, title=best.text
        )
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
        print(f"the attention is in {path}")


def evaluate_run(run: str = OUT, out: str | None = None):
    """Measures a finished run again.

    Args:
        run: Folder of the run.
        out: JSON file for the figures; by default they are printed.
    """
    check_out(out)
    directory, config, captioner = _finished(run)
    data = load_data(config)
    data.keep_known(directory)
    width = directory.metrics["test"]["width"]
    figures, _ = evaluate(config, data, captioner, width)
    print_or_write(json.dumps(figures, indent=2), out)


def export_run(run: str = OUT):
    """Exports a finished run again and checks that the export serves.

    Args:
        run: Folder of the run.
    """
    directory, config, captioner = _finished(run)
    data = load_data(config)
    data.keep_known(directory)
    export(config, data, captioner, directory, directory.metrics["test"])
