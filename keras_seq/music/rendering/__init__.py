"""Tunes as sheet music, as MIDI, as sound."""

from keras_seq.music.rendering._errors import EngravingError
from keras_seq.music.rendering._sound import write_midi, write_wav
from keras_seq.music.rendering._svg import render_svg, render_svgs

__all__ = ["EngravingError", "render_svg", "render_svgs", "write_midi", "write_wav"]
