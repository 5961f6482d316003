"""How well the translation recipe's models translate, and models without their parts.

    python benchmarks/translation.py --data FOLDER [--minutes 45] [--epochs N]
                                     [--models attention,transformer,...] [--out FOLDER]
                                     [--resume]

FOLDER holds train.tsv, validation.tsv and test.tsv, source<TAB>target; for Tatoeba's
French-English file (29,000 training pairs, split by English sentence) make it with

    python benchmarks/translation.py --tatoeba fra-eng.zip --data FOLDER

Models: "attention" and "transformer" are the recipe's with its default settings;
"without_attention" is the recurrent one whose decoder sees a summary of the source
alone; "tutorial" is a bidirectional GRU with `keras.layers.AdditiveAttention`, Adam
at 0.001, neither dropout nor label smoothing, as the well-known tutorials have it (but
it reads the subwords as the others do, split at random with a probability of 0.1).

All read the same subwords and are trained for the same time: a few steps are timed,
and as many epochs are run as the minutes allow (or as `--epochs` says, where other
work disturbs the timing), so that every schedule comes to its end; `--resume` goes on
with a training that was stopped. As in the recipe, a model stops sooner that hasn't
translated the validation sentences better for 8 epochs. The weights of the best epoch
(by BLEU on them), of the recipe's models the mean of the best five if it is better, are
judged on the test sentences, the tutorial's greedily, the others with a beam of 5 too.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import keras
from _timing import machine, write_json
from _tutorial_translation import Tutorial, without_attention

from keras_seq.runs import RunDirectory
from keras_seq.text import read_pairs, split_pairs
from keras_seq.training import EpochCheckpoint, SequenceCrossEntropy
from recipes.translation import recipe
from recipes.translation.figures import TranslationScore, figures_of, spread
from recipes.translation.settings import Config

RECIPES = ("attention", "transformer")
MODELS = (*RECIPES, "without_attention", "tutorial")
TIMED = 30  # steps


def tatoeba(archive, folder):
    """Writes 29,000 training, 1,000 validation and 1,000 test pairs."""
    corpus = read_pairs(archive, columns=(1, 0))
    parts = split_pairs(corpus, (29_000, 1000, 1000), seed=1, by="target")
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in zip(("train", "validation", "test"), parts, strict=True):
        lines = "".join(f"{source}\t{target}\n" for source, target in pairs)
        (folder / f"{name}.tsv").write_text(lines, "utf-8")
        print(f"{len(pairs)} pairs in {folder / name}.tsv")


def build(name, config, data):
    """A compiled model."""
    if name in RECIPES:
        return recipe.build_model(config, data)
    if name == "without_attention":
        return without_attention(config, data)
    keras.utils.set_random_seed(config.seed)
    model = Tutorial(
        len(data.source), len(data.target), config.units // 2, config.units
    )
    ids = keras.ops.ones((1, 2), "int32")
    model({"source": ids, "target": ids})
    model.compile(
        keras.optimizers.Adam(1e-3), SequenceCrossEntropy(), jit_compile=False
    )
    return model


def seconds_per_epoch(name, config, data):
    """Time of an epoch, of some of its steps."""
    model = build(name, config, data)
    batches = iter(data.training_batches(0))
    for _ in range(3):
        model.train_on_batch(*next(batches))
    start = time.perf_counter()
    for _ in range(TIMED):
        model.train_on_batch(*next(batches))
    return (time.perf_counter() - start) / TIMED * data.steps_per_epoch


def run(name, folder, minutes, epochs, out, resume):
    """Trains a model, or goes on where it was stopped, and judges it."""
    config = Config(data=str(folder.resolve()), out=str(out))
    if name in RECIPES:
        config = dataclasses.replace(config, architecture=name)
    config = config.complete()
    data = recipe.load_data(config)
    if epochs is None:
        epochs = max(1, round(60 * minutes / seconds_per_epoch(name, config, data)))
    config = dataclasses.replace(config, epochs=epochs)
    data = dataclasses.replace(data, config=config)
    directory = RunDirectory.start(
        out / name, config, resume=resume, overwrite=not resume
    )
    data.keep_vocabularies(directory)
    print(f"{name}: {epochs} epochs", flush=True)
    model = build(name, config, data)
    translator = recipe.build_translator(config, model, data.source, data.target)
    averaged = recipe.AVERAGED if name != "tutorial" else None
    checkpoint = EpochCheckpoint(
        directory / "checkpoints",
        monitor="val_bleu",
        mode="max",
        patience=recipe.PATIENCE,
        average=averaged,
        resume=resume,
    )
    checkpoint.fit(
        model,
        data.training_batches(checkpoint.first_epoch),
        epochs=epochs,
        steps_per_epoch=data.steps_per_epoch,
        shuffle=False,
        validation_data=data.validation_batches(),
        callbacks=[
            TranslationScore(
                translator, spread(data.validation, config.defaults.scored)
            )
        ],
        verbose=2,
    )
    sources, references = zip(*data.test, strict=True)
    figures = {
        f"beam_{width}" if width > 1 else "greedy": figures_of(
            [best.text for (best,) in translator.translate(sources, width=width)],
            references,
        )
        for width in ((1,) if name == "tutorial" else (1, 5))
    }
    return {
        "parameters": model.count_params(),
        "epochs": epochs,
        "seconds": round(checkpoint.seconds_trained),
        "best_epoch": checkpoint.best_epoch + 1,
        **figures,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tatoeba", type=Path, help="write DATA from this file")
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--epochs", type=int, help="instead of minutes")
    parser.add_argument("--resume", action="store_true", help="needs --epochs")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/translation"))
    arguments = parser.parse_args()
    if arguments.resume and arguments.epochs is None:
        parser.error("--resume needs --epochs, as many as before")
    if arguments.tatoeba:
        tatoeba(arguments.tatoeba, arguments.data)
        return
    path = arguments.out / "translation.json"
    kept = json.loads(path.read_text()) if arguments.resume and path.is_file() else {}
    results = {"machine": machine(), "models": kept.get("models", {})}
    if arguments.epochs is None:
        results["minutes"] = arguments.minutes
    for name in arguments.models.split(","):
        results["models"][name] = run(
            name,
            arguments.data,
            arguments.minutes,
            arguments.epochs,
            arguments.out,
            arguments.resume,
        )
        print(name, results["models"][name], flush=True)
        write_json(path, results)


if __name__ == "__main__":
    main()
