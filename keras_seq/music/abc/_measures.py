"""Figures that describe a tune's melody."""

from keras_seq.music.abc._tune import Tune


def notes_outside_key(tune: Tune) -> float:
    r"""Share of the sounding notes that lie outside the key signature.

    Rests and grace notes don't count, a chord counts once.

    Args:
        tune: A tune.

    Returns:
        A share from 0 to 1; 0 for a tune without notes.

    Example:

    >>> from keras_seq.music.abc import parse
    >>> notes_outside_key(parse("X:1\nK:G\nGA_Bc|"))
    0.25
    """
    sounding = [note for note in tune.notes if note.pitches and not note.grace]
    outside = sum(not note.in_key for note in sounding)
    return outside / len(sounding) if sounding else 0.0


def intervals(tune: Tune) -> tuple[int, ...]:
    r"""Steps of the melody in semitones, which transposing leaves as they are.

    Args:
        tune: A tune.

    Returns:
        Semitones from each note of the first voice to the next, in the order of
        the text; rests, grace notes and overlays are passed over, tied notes are
        one, and a chord counts with its first note.

    Example:

    >>> from keras_seq.music.abc import parse
    >>> intervals(parse("X:1\nK:D\nDFA-|A2d2|"))
    (4, 3, 5)
    """
    steps, last = [], None
    held = False
    for note in tune.notes:
        if note.voice != tune.voices[0]:
            break
        if note.pitch is None or note.grace or note.layer:
            continue
        if last is not None and not (held and note.pitch == last):
            steps.append(note.pitch - last)
        last, held = note.pitch, note.tie
    return tuple(steps)
