import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from keras_seq.music import (
    duplicate_groups,
    load_corpus,
    parse,
    split_by_group,
    validate,
)
from keras_seq.music.transposing import transpose
from tests.music.data import irish_tunes, music21_corpus

PITCHES = [f"{letter}{octave}" for octave in (",", "") for letter in "CDEFGAB"] + [
    f"{letter}{octave}" for octave in ("", "'") for letter in "cdefgab"
]


def melody(seed, length=64):
    """A random walk on the scale."""
    generator = random.Random(seed)
    place, places = 12, []
    for _ in range(length):
        place = min(max(place + generator.choice([-3, -2, -1, 1, 2, 3]), 4), 24)
        places.append(place)
    return places


def write(places, *, key="C", shift=0, title="Tune", end="|"):
    return f"X:1\nT:{title}\nL:1/8\nK:{key}\n" + end.join(
        "".join(PITCHES[place + shift] for place in places[start : start + 8])
        for start in range(0, len(places), 8)
    )


def test_same_melody_under_another_name_in_another_key():
    one, other = melody(1), melody(2)
    tunes = [
        write(one),
        write(other),
        # C major up three letters in F is the same melody.
        write(one, key="F", shift=3, title="Another", end=" | "),
        write(other, key="G", shift=-3),
    ]
    assert duplicate_groups(tunes) == [0, 1, 0, 1]
    assert duplicate_groups([parse(tune) for tune in tunes]) == [0, 1, 0, 1]


def test_variants_are_joined_and_strangers_are_not():
    one = melody(1)
    variant = list(one)
    for place in range(15, 64, 16):
        variant[place] += 1
    tunes = [
        write(one),
        write(variant),
        write(one[:40] + melody(3, 24)),
        write(melody(4)),
    ]
    assert duplicate_groups(tunes) == [0, 0, 0, 3]


def test_groups_are_closed_under_joining():
    one, other = melody(1), melody(2)
    both = one[:32] + other[:32]
    assert duplicate_groups([write(one), write(other)]) == [0, 1]
    assert duplicate_groups([write(one), write(other), write(both)]) == [0, 0, 0]


def test_threshold_is_a_share_of_the_shorter_tune():
    # 57 runs of 8 in 64 notes; the first 32 notes hold 24 of them (and one of
    # 8 intervals is between notes 24 and 32).
    one = melody(1, 65)
    half = one[:33] + melody(5, 32)
    shared = 25 / 57
    assert duplicate_groups([write(one), write(half)], threshold=shared) == [0, 0]
    assert duplicate_groups([write(one), write(half)], threshold=shared + 0.05) == [
        0,
        1,
    ]


def test_short_tunes_need_more_than_a_common_phrase():
    phrase = melody(1, 14)
    tunes = [write(phrase + melody(seed, 6)) for seed in (2, 3)]
    assert duplicate_groups(tunes) == [0, 1]
    assert duplicate_groups([write(phrase), write(phrase)]) == [0, 0]


def test_tunes_without_notes_are_alone():
    empty = "X:1\nK:C\nz4|"
    assert duplicate_groups([empty, empty]) == [0, 1]
    assert duplicate_groups([]) == []


def test_transposed_real_tunes_are_found():
    tunes = [tune for tune in irish_tunes() if "\nK:D Major\n" in tune]
    tunes = [tune for tune in tunes if tune.count("\nK:") == 1 and validate(tune).valid]
    tunes = tunes[:40]
    moved = [transpose(tune, "G Major") for tune in tunes]
    groups = duplicate_groups(tunes + moved)
    assert groups[len(tunes) :] == groups[: len(tunes)]
    assert len(set(groups)) > len(tunes) / 2


def test_settings_of_one_tune_in_two_collections_are_joined():
    oneills = load_corpus(music21_corpus() / "oneills1850" / "1276-1375.abc").tunes
    ryans = load_corpus(music21_corpus() / "ryansMammoth" / "SalamancaReel.abc").tunes
    tunes = [*oneills, *ryans]
    groups = duplicate_groups([tune.text for tune in tunes])
    (salamanca,) = (i for i, tune in enumerate(oneills) if "Salamanca" in tune.title)
    assert [i for i, group in enumerate(groups) if group == groups[-1]] == [
        salamanca,
        len(oneills),
    ]
    assert Counter(groups).most_common(1)[0][1] < 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "`n` must be at least 1; 0 came"),
        ({"threshold": 0.0}, r"`threshold` must lie in \(0, 1\]; 0.0 came"),
        ({"threshold": 1.5}, r"`threshold` must lie in \(0, 1\]; 1.5 came"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        duplicate_groups([], **options)


@pytest.mark.parametrize("seed", range(20))
def test_split_keeps_groups_together_and_sizes_close(seed):
    generator = random.Random(seed)
    groups = [generator.randrange(150) for _ in range(400)]
    sides = split_by_group(groups, (0.8, 0.1, 0.1), seed=seed)
    assert sorted(index for side in sides for index in side) == list(range(400))
    homes = [{groups[index] for index in side} for side in sides]
    assert not homes[0] & homes[1]
    assert not homes[0] & homes[2]
    assert not homes[1] & homes[2]
    largest = max(Counter(groups).values())
    for side, wanted in zip(sides, (320, 40, 40), strict=True):
        assert abs(len(side) - wanted) < largest


def test_every_side_gets_large_groups():
    groups = [index // 4 for index in range(400)] + list(range(100, 500))
    for side in split_by_group(groups, (0.8, 0.1, 0.1), seed=0):
        share = sum(index < 400 for index in side) / len(side)
        assert 0.4 < share < 0.6


def test_seed_decides_the_split():
    groups = list(range(100))
    split = split_by_group(groups, (0.5, 0.5), seed=1)
    assert split == split_by_group(groups, (0.5, 0.5), seed=1)
    assert split != split_by_group(groups, (0.5, 0.5), seed=2)


def test_hash_seed_does_not_matter():
    code = (
        "from tests.music.test_duplicates import *\n"
        "tunes = [write(melody(i % 7)) for i in range(20)]\n"
        "groups = duplicate_groups(tunes)\n"
        "print(groups, split_by_group(groups, (0.6, 0.4), seed=3))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("fractions", [(), (0.5, 0.4), (1.5, -0.5), (1.0, 0.0)])
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(ValueError, match="`fractions` must be positive and add up"):
        split_by_group([0, 1], fractions, seed=0)
