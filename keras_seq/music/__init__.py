"""Tunes in ABC notation: corpora, reading and checking, copies, rendering."""

import importlib
from typing import TYPE_CHECKING, Any

from keras_seq.music._normalising import normalise
from keras_seq.music._splitting import title_of
from keras_seq.music.abc import (
    AbcError,
    Bar,
    Key,
    Meter,
    Note,
    Problem,
    Tempo,
    Tune,
    Validation,
    intervals,
    key_signature,
    notes_outside_key,
    parse,
    validate,
)
from keras_seq.music.copying import (
    Match,
    Neighbour,
    NeighbourIndex,
    NgramIndex,
    SubstringIndex,
    longest_common_substring,
)
from keras_seq.music.corpora import Corpus, CorpusTune, Rejected, load_corpus
from keras_seq.music.documents import (
    HeaderStyle,
    from_document,
    split_document,
    to_document,
)
from keras_seq.music.duplicates import duplicate_groups, split_by_group
from keras_seq.music.measuring import (
    MusicalFigures,
    compare_as_music,
    measure_tune,
)
from keras_seq.music.positions import (
    bar_position,
    characters_since_bar_line,
    inside_chord,
)
from keras_seq.music.rendering import (
    EngravingError,
    render_svg,
    render_svgs,
    write_midi,
    write_wav,
)
from keras_seq.music.request import INSTRUMENTS, TuneRequest
from keras_seq.music.statistics import (
    describe_tunes,
    parses_in_music21,
    reading_figures,
)
from keras_seq.music.transposing import transpose, transpose_at_random

if TYPE_CHECKING:
    from keras_seq.music.grammar import TuneGrammar
    from keras_seq.music.served import tune_card, tune_requests, tune_signatures
    from keras_seq.music.writing import TuneWriter, WrittenTune

# Imported when first asked for, since reading a tune should not import Keras.
_WITH_KERAS = {
    "TuneGrammar": "keras_seq.music.grammar",
    "TuneWriter": "keras_seq.music.writing",
    "WrittenTune": "keras_seq.music.writing",
    "tune_card": "keras_seq.music.served",
    "tune_requests": "keras_seq.music.served",
    "tune_signatures": "keras_seq.music.served",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_KERAS:
        return getattr(importlib.import_module(_WITH_KERAS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "INSTRUMENTS",
    "AbcError",
    "Bar",
    "Corpus",
    "CorpusTune",
    "EngravingError",
    "HeaderStyle",
    "Key",
    "Match",
    "Meter",
    "MusicalFigures",
    "Neighbour",
    "NeighbourIndex",
    "NgramIndex",
    "Note",
    "Problem",
    "Rejected",
    "SubstringIndex",
    "Tempo",
    "Tune",
    "TuneGrammar",
    "TuneRequest",
    "TuneWriter",
    "Validation",
    "WrittenTune",
    "bar_position",
    "characters_since_bar_line",
    "compare_as_music",
    "describe_tunes",
    "duplicate_groups",
    "from_document",
    "inside_chord",
    "intervals",
    "key_signature",
    "load_corpus",
    "longest_common_substring",
    "measure_tune",
    "normalise",
    "notes_outside_key",
    "parse",
    "parses_in_music21",
    "reading_figures",
    "render_svg",
    "render_svgs",
    "split_by_group",
    "split_document",
    "title_of",
    "to_document",
    "transpose",
    "transpose_at_random",
    "tune_card",
    "tune_requests",
    "tune_signatures",
    "validate",
    "write_midi",
    "write_wav",
]
