"""Tunes that copy: how near they are to the training tunes, and how near people's."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_seq import music
from keras_seq.runs import RunDirectory

QUANTILE = 0.95  # of people's tunes are no nearer to another than the limit
ROUNDS = 8  # of drawing again


@dataclasses.dataclass(frozen=True)
class CopyCheck:
    """What tells whether a tune copies more than people do from each other.

    Attributes:
        index: The training tunes' melodies.
        limit: The share of its melody that a tune may have from one of them.
    """

    index: music.NeighbourIndex
    limit: float

    @classmethod
    def from_known(cls, known: dict[str, Any]) -> "CopyCheck":
        """The check made of what `known_melodies` gives."""
        index = music.NeighbourIndex(known["melodies"], known["names"])
        return cls(index, float(known["limit"]))

    @classmethod
    def of_run(cls, run: RunDirectory) -> "CopyCheck | None":
        """The check of a finished run; None, which is told, for one without."""
        known = run.read_json("vocabulary.json").get("copying")
        if known is None:
            print(f"{run.path}: of another version; copies are not found")
            return None
        return cls.from_known(known)

    def nearest(self, tune: str) -> music.Neighbour:
        """The training tune nearest to one, which may be malformed."""
        read = music.validate(tune).tune
        return self.index.nearest(read) if read else music.Neighbour("", 0.0)

    def complaint(self, tune: str) -> str:
        """Why a tune is not to be handed out, `""` where nothing is against it."""
        nearest = self.nearest(tune)
        if nearest.share <= self.limit:
            return ""
        return (
            f"{nearest.share:.0%} of its melody stands in {nearest.name!r}, a training "
            f"tune; {QUANTILE:.0%} of people's tunes have {self.limit:.0%} at most"
        )

    def report(self, tunes: Sequence[str]) -> dict[str, Any]:
        """The nearest training tune of each tune, and how many copy.

        Args:
            tunes: ABC texts.

        Returns:
            Dict of "limit", "share_above_limit" and "nearest", the list of tune,
            nearest and share, the most copied first.
        """
        nearest = [self.nearest(tune) for tune in tunes]
        order = sorted(range(len(tunes)), key=lambda i: -nearest[i].share)
        above = [each.share > self.limit for each in nearest]
        return {
            "limit": self.limit,
            "share_above_limit": float(np.mean(above)),
            "nearest": [
                {
                    "tune": music.title_of(tunes[i]) or f"number {i + 1}",
                    "nearest": nearest[i].name,
                    "share": nearest[i].share,
                }
                for i in order
            ],
        }


def known_melodies(train: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    """What a run keeps, so that its tunes can be compared with the training tunes.

    The limit is measured on people's tunes that training never saw, against those that
    it did: settings of one tune are on one side, so what they share is common property.

    Args:
        train: The training tunes, as documents.
        others: Those that training never saw.
    """
    texts = [music.from_document(document) for document in train]
    melodies = [music.intervals(music.parse(text)) for text in texts]
    names = [music.title_of(text) or "untitled" for text in texts]
    index = music.NeighbourIndex(melodies, names)
    shares = [index.nearest(music.from_document(document)).share for document in others]
    limit = float(np.quantile(shares, QUANTILE))
    return {"limit": limit, "names": names, "melodies": melodies}


def draw_originals(
    draw: Callable[[int, int], list[music.WrittenTune]],
    count: int,
    seed: int,
    check: CopyCheck,
) -> list[music.WrittenTune]:
    """Draws tunes, and others in the place of those that copy.

    Args:
        draw: Function from a number of tunes and a seed to as many tunes.
        count: Number of tunes.
        seed: Seed of the first drawing; those of the others come from it.
        check: What tells whether a tune copies.

    Returns:
        The tunes; fewer than `count` where too many copy.

    Raises:
        ValueError: If all of them do.
    """
    tunes = draw(count, seed)
    waiting = list(range(count))
    for again in range(1, ROUNDS + 2):
        still = []
        for place in waiting:
            if complaint := check.complaint(tunes[place].text):
                still.append(place)
                then = "drawn again" if again <= ROUNDS else "left out"
                print(f"tune {place + 1}: {complaint}; {then}")
        waiting = still
        if not waiting or again > ROUNDS:
            break
        chance = np.random.default_rng((seed, again))
        others = draw(len(waiting), int(chance.integers(2**31)))
        for place, tune in zip(waiting, others, strict=True):
            document = tune.text.partition("\n")[2]
            text = music.from_document(document, place + 1)
            tunes[place] = dataclasses.replace(tune, text=text)
    if len(waiting) == count:
        raise ValueError(
            "every tune that was drawn copies a training tune; with --allow-copies "
            "they are handed out"
        )
    return [tune for place, tune in enumerate(tunes) if place not in waiting]
