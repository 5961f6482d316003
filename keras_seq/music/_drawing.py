"""Tunes drawn: headers that are given or written, openings, what is asked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_seq.decoding import Sample
from keras_seq.music.documents import FIELDS
from keras_seq.music.grammar._typed import without_layout
from keras_seq.music.grammar.asking import continue_asked
from keras_seq.music.grammar.beside import check_prompts
from keras_seq.music.grammar.collisions import (
    Opening,
    check_collisions,
    check_notes,
)
from keras_seq.music.request import TuneRequest

if TYPE_CHECKING:
    from keras_seq.music.writing import TuneWriter

# R: is for the model to write or not; the others every document has.
_OPTIONAL = "R"
# What an opening hangs on.
_NEEDED = ("M", "L", "K")


def draw_tunes(
    writer: "TuneWriter",
    count: int,
    *,
    given: Mapping[str, str] | None,
    asked: TuneRequest | None,
    opening: str | None,
    temperature: float,
    top_p: float,
    seed: int,
    max_length: int,
) -> list[tuple[str, bool]]:
    """What `TuneWriter.write` says, as documents, and whether each was ended."""
    if count < 1:
        raise ValueError(f"`count` must be at least 1; received {count!r}.")
    if not 0 <= seed < 2**31:
        raise ValueError(f"`seed` must be in [0, 2**31); received {seed!r}.")
    if max_length < 1:
        raise ValueError(f"`max_length` must be at least 1; received {max_length!r}.")
    Sample(temperature=temperature, top_p=top_p)
    left = dict(given or {})
    unknown = sorted(set(left) - set(FIELDS))
    if unknown:
        raise ValueError(
            f"`given` must have fields among {', '.join(FIELDS)}; received {unknown}."
        )
    typed = _checked_opening(writer, opening, left)
    request = asked if asked is not None and asked.asks else None
    if request is not None and writer.grammar is None:
        raise ValueError("`asked` needs a writer with a `grammar`.")
    if request is not None:
        check_notes(request, writer.vocabulary.characters, left.get("K"))
    chances = np.random.default_rng(seed)
    seeds = chances.integers(2**31, size=(len(FIELDS) + 1, count))
    how = (temperature, top_p)
    prompts = [""] * count
    for row, field in enumerate(FIELDS):
        if not left:
            break
        if field in left:
            lines = [f"{field}:{left.pop(field)}\n"] * count
        elif field in _OPTIONAL:
            lines = [""] * count
        else:
            begun = [prompt + f"{field}:" for prompt in prompts]
            check_prompts(writer.grammar, begun, max_length)
            # A line of 80 characters, of a tune that may be longer.
            texts, _ = _continue(writer, begun, how, seeds[row], 80, max_length)
            lines = [f"{field}:" + text.split("\n")[0] + "\n" for text in texts]
        prompts = [p + line for p, line in zip(prompts, lines, strict=True)]
    check_prompts(writer.grammar, prompts, max_length)
    if request is None and not typed:
        texts, finished = _continue(
            writer, prompts, how, seeds[-1], max_length, max_length
        )
    else:
        assert writer.grammar is not None
        music = without_layout([typed]).numpy()[0].decode()
        request = request or TuneRequest()
        check_collisions(
            writer.grammar,
            writer.asked_functions[1],
            prompts,
            request,
            Opening(typed, music),
            max_length,
        )
        begun = [prompt + music for prompt in prompts]
        free = bool(music) and not music.startswith("|:")
        texts, finished = continue_asked(
            writer, begun, request, free, how, seeds[-1], max_length
        )
    return [
        (prompt + typed + text, bool(end))
        for prompt, text, end in zip(prompts, texts, finished, strict=True)
    ]


def _checked_opening(
    writer: "TuneWriter", opening: str | None, given: Mapping[str, str]
) -> str:
    """The opening with newlines as line ends, `""` for none."""
    if opening is None:
        return ""
    if not isinstance(opening, str) or not opening.strip():
        raise ValueError(f"`opening` must be music; received {opening!r}.")
    if writer.grammar is None:
        raise ValueError("`opening` needs a writer with a `grammar`.")
    lacking = [field for field in _NEEDED if field not in given]
    if lacking:
        raise ValueError(
            "`opening` needs M, L and K in `given`, by which it is read; lacking "
            f"{', '.join(lacking)}."
        )
    return opening.replace("\r\n", "\n").replace("\r", "\n")


def _continue(
    writer: "TuneWriter",
    prompts: list[str],
    how: tuple[float, float],
    seeds: np.ndarray,
    max_length: int,
    room: int,
) -> tuple[list[str], np.ndarray]:
    count = len(prompts)
    texts, finished = writer.continued(
        prompts,
        *(np.full(count, each, "float32") for each in how),
        seeds.astype("int32"),
        np.full(count, max_length, "int32"),
        np.full(count, room, "int32"),
    )
    return [text.decode() for text in texts.numpy()], finished.numpy()
