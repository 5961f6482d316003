"""The grammar of tunes, as a constraint on what a model writes."""
