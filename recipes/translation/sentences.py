"""The translation recipe's pairs of sentences from files, in three parts."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_seq.text import (
    PairCorpus,
    near_duplicates,
    normalise,
    parse_columns,
    read_pairs,
    read_two,
    shared_pairs,
    split_pairs,
)
from recipes.translation.data import Pair, Pairs
from recipes.translation.settings import TATOEBA, CompleteConfig, files_of

TATOEBA_URL = "https://www.manythings.org/anki/fra-eng.zip"
FEWEST_PAIRS = 20  # to train on, validate and test
PARTS = ("train", "validation", "test")
LARGEST_TEST = 1000  # pairs, and of the validation


def sentence_pairs(config: CompleteConfig) -> Pairs:
    """Pairs of sentences from files, none of which is in two parts."""
    terms = "Those of your file."
    path: Path | str = config.data
    reverse = config.reverse
    try:
        if config.data == TATOEBA:
            path, terms = _fetched(), "CC BY 2.0, the contributors of tatoeba.org."
            reverse = not reverse  # the file has English first
        corpus = _read(path, config)
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    if reverse:
        pairs = tuple((target, source) for source, target in corpus.pairs)
        corpus = dataclasses.replace(corpus, pairs=pairs)
    print(corpus.summary())
    parts, shared = _parts(corpus, config)
    if config.quick:
        parts = [part[:count] for part, count in zip(parts, (400, 50, 50), strict=True)]
    train, validation, test = parts
    if min(map(len, parts)) < 1 or len(train) < FEWEST_PAIRS:
        raise ValueError(
            f"--data {config.data!r} has {len(train)} training, {len(validation)} "
            f"validation and {len(test)} test pairs; {FEWEST_PAIRS}, 1 and 1 are "
            "needed at least."
        )
    return Pairs(
        name=corpus.name,
        digest=corpus.digest,
        terms=terms,
        train=train,
        validation=validation,
        test=test,
        shared=shared,
    )


def _read(path: Path | str, config: CompleteConfig) -> PairCorpus:
    names = files_of(config.data)
    if len(names) == 2:
        if config.columns is not None:
            raise ValueError(
                "`columns` is for a table, not for two files; received "
                f"{config.columns!r}."
            )
        return read_two(*names, encoding=config.encoding)
    columns = None
    if config.columns is not None:
        first, second = parse_columns(config.columns, 2)
        columns = first, second
    return read_pairs(path, columns=columns, encoding=config.encoding)


def _parts(corpus: PairCorpus, config: CompleteConfig) -> tuple[list[list[Pair]], int]:
    """Training, validation and test pairs, and how many of the latter have a sentence
    that training pairs had: these are left out.
    """
    found = {
        part: [(normalise(s), normalise(t)) for s, t in corpus.part(part)]
        for part in (PARTS if corpus.parts else ("",))
    }
    if not corpus.parts:
        return _split(found[""], config, PARTS), 0
    train, validation, test = (found[part] for part in PARTS)
    missing = [part for part in PARTS if not found[part]]
    shared = len(shared_pairs(test, train))
    if shared:
        print(f"{shared} of {len(test)} test pairs have a sentence that training has")
    validation = _unshared(validation, test, "validation")
    train = _unshared(train, [*validation, *test], "training")
    if missing and "train" not in missing:  # drawn from what is trained on
        names = ["train", *missing]
        drawn = dict(zip(names, _split(train, config, names), strict=True))
        train = drawn["train"]
        validation, test = drawn.get("validation", validation), drawn.get("test", test)
    return [train, validation, test], shared


def _unshared(pairs: list[Pair], judged: list[Pair], name: str) -> list[Pair]:
    """The pairs that have no sentence in common with those that judge the model."""
    left_out = set(shared_pairs(pairs, judged))
    if left_out:
        print(f"{len(left_out)} {name} pairs have one of the parts behind: left out")
    return [pair for pair in pairs if pair not in left_out]


def _split(
    pairs: list[Pair], config: CompleteConfig, parts: Sequence[str]
) -> list[list[Pair]]:
    share = min(0.1, LARGEST_TEST / max(1, len(pairs)))
    sizes = (1 - (len(parts) - 1) * share, *[share] * (len(parts) - 1))
    try:
        found = split_pairs(pairs, sizes, seed=config.seed, by="both")
    except ValueError as error:
        raise ValueError(
            f"--data {config.data!r}: {len(pairs)} pairs can't be split into "
            f"{', '.join(parts)}: {error}"
        ) from error
    if near := near_duplicates(source for source, _ in pairs):
        print(
            f"{near} sources are another but for case, space or punctuation: they are "
            "in one part with it"
        )
    return list(found)


def _fetched() -> Path:
    """The file with Tatoeba's pairs, downloaded once."""
    try:
        return Path(
            keras.utils.get_file("fra-eng.zip", TATOEBA_URL, cache_subdir="datasets")
        )
    except Exception as error:  # Keras raises nothing more special
        raise OSError(
            f"{TATOEBA_URL} can't be fetched: {error}. If you have the file, give it "
            "with --data FILE --reverse."
        ) from error
