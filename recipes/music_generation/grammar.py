"""The grammar of tunes beside the music recipe's model."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_seq import music
from keras_seq.text import CharacterVocabulary

# Nats by which the grammar may push a tune off what its model would write; most need
# less than 10, and those that have lost their way, and don't end, some hundred.
MOST_PUSHED = 15.0
# The same where a form is asked: its first |: alone is a surprise of 6 or more.
MOST_PUSHED_BY_FORM = 25.0
ROUNDS = 4

_OPTIONS = {"T": "title", "R": "type", "M": "meter", "L": "unit", "K": "key"}


def writer_of(
    model: keras.Model,
    vocabulary: CharacterVocabulary,
    style: music.HeaderStyle,
    grammar: bool = True,
) -> music.TuneWriter:
    """The writer of a model, within the grammar if its vocabulary has whole tunes."""
    rules = None
    if grammar:
        try:
            rules = music.TuneGrammar(vocabulary)
        except ValueError as error:
            print(f"written without a grammar: {error}")
    return music.TuneWriter(model, vocabulary, style, rules)


def spell_given(writer: music.TuneWriter, **given: str | None) -> dict[str, str]:
    """The header fields that are given, as the training tunes spell them.

    Raises:
        ValueError: If one can't be used, or isn't of the grammar.
    """
    assert writer.style is not None  # `writer_of` gives it
    spelled = {}
    for field, value in given.items():
        if value is None:
            continue
        spelled[field] = writer.style.spell(field, value)
        if writer.grammar is None:
            continue
        try:
            spelled[field] = writer.grammar.spell(field, spelled[field])
        except ValueError as error:
            raise ValueError(
                f"--{_OPTIONS[field]} {value!r}: {error}; --no-grammar takes it"
            ) from None
    return spelled


def nats_pushed(
    writer: music.TuneWriter,
    tunes: list[music.WrittenTune],
    asked: music.TuneRequest | None = None,
) -> np.ndarray:
    """By how much the grammar made each tune likelier: Σ ln 1 / p(what it allows).

    Args:
        writer: The `TuneWriter`.
        tunes: What it wrote.
        asked: What they had to obey.

    Returns:
        Array of shape (N,), in nats.
    """
    documents = [music.to_document(tune.text) for tune in tunes]
    plain = writer.nats(documents)
    within = writer.nats(documents, in_grammar=True, asked=asked)
    pushed = [a.sum() - b.sum() for a, b in zip(plain, within, strict=True)]
    # What can't be written within it, as it was normalised, isn't known to be unforced.
    return np.where(np.isfinite(pushed), pushed, np.inf).astype("float64")


def write_unforced(
    writer: music.TuneWriter, count: int, *, seed: int, **options: Any
) -> list[music.WrittenTune]:
    """Writes tunes; those that the grammar pushed far are drawn again, some times.

    A model that is kept from what it wants, as it has lost count of a bar, say, comes
    to where no tune has ever been, and wanders on to the limit of length. Where
    another drawing isn't better the one before stays, and all stay where most are such
    though no form was asked: the model is hardly trained, or the temperature wild.

    Args:
        writer: The `TuneWriter`; without a grammar it writes as it is.
        count: Number of tunes.
        seed: Seed; the same gives the same tunes.
        options: What else `TuneWriter.write` takes.
    """
    tunes = writer.write(count, seed=seed, **options)
    if writer.grammar is None:
        return tunes
    asked = options.get("asked")
    form = bool(asked and asked.form)
    most = MOST_PUSHED_BY_FORM if form else MOST_PUSHED
    pushed = nats_pushed(writer, tunes, asked)
    for again in range(1, ROUNDS + 1):
        places = np.flatnonzero(pushed > most)
        such = 2 * len(places) > count and not form  # they are all that it knows
        if not len(places) or such:
            break
        chance = int(np.random.default_rng((seed, again, 1)).integers(2**31))
        others = writer.write(len(places), seed=chance, **options)
        for place, tune, nats in zip(
            places, others, nats_pushed(writer, others, asked), strict=True
        ):
            if nats < pushed[place]:
                document = tune.text.partition("\n")[2]
                text = music.from_document(document, int(place) + 1)
                tunes[place] = dataclasses.replace(tune, text=text)
                pushed[place] = nats
    return tunes


def nats_under_grammar(
    writer: music.TuneWriter, documents: list[str]
) -> dict[str, float | None]:
    """How likely tunes are where the grammar is on, beside how likely without it.

    Args:
        writer: The `TuneWriter`.
        documents: The tunes.

    Returns:
        Dict of "share_of_tunes", those that might be written as they are, and of
        "nats_per_character" and "nats_per_character_plain" of these; all of them
        None where there is no grammar, the last two where there is no such tune.
    """
    figures: dict[str, float | None] = dict.fromkeys(
        ("share_of_tunes", "nats_per_character", "nats_per_character_plain")
    )
    if writer.grammar is None:
        return figures
    within = writer.nats(documents, in_grammar=True)
    inside = [bool(np.isfinite(nats).all()) for nats in within]
    figures["share_of_tunes"] = float(np.mean(inside))
    if any(inside):
        plain = writer.nats(documents)
        for name, found in (("", within), ("_plain", plain)):
            kept = [nats for nats, kept in zip(found, inside, strict=True) if kept]
            figures["nats_per_character" + name] = float(np.concatenate(kept).mean())
    return figures
