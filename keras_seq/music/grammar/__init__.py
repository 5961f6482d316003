"""The grammar of tunes, as a constraint on what a model writes.

`_places` are the text, character by character, as `_header` and `_music` declare it;
`_bars` says what a bar line may be, `_lengths` how notes fill a bar; `_tables` puts all
of it into arrays for a vocabulary, which `constraint` reads in the graph.
"""

from keras_seq.music.grammar.constraint import TuneGrammar

__all__ = ["TuneGrammar"]
