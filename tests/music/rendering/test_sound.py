import wave
from pathlib import Path

import mido
import numpy as np
import pytest

from keras_seq.music import AbcError, write_midi, write_wav
from tests.music.data import irish_tunes

HEADER = "X:1\nT:Test\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n"


def read(path):
    """Sample rate and samples in [-1, 1) of a mono file of 16 bits."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), data / 32768


def spectrum(samples, rate):
    """Frequencies and magnitudes, a tenth of a hertz apart."""
    size = 10 * rate
    magnitudes = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    return np.fft.rfftfreq(size, 1 / rate), magnitudes


def strongest(samples, rate):
    frequencies, magnitudes = spectrum(samples, rate)
    return frequencies[magnitudes.argmax()]


@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_a_is_440_hertz(tmp_path, rate):
    path = write_wav(HEADER + "A2|", tmp_path / "a.wav", sample_rate=rate)
    got_rate, samples = read(path)
    assert got_rate == rate
    assert strongest(samples, rate) == pytest.approx(440, abs=0.5)


@pytest.mark.parametrize("letter", ["C,,", "C,", "C", "^F", "c", "c'", "c''"])
def test_partials_are_those_of_the_note(tmp_path, letter):
    path = write_wav(HEADER + letter + "4|", tmp_path / "note.wav")
    rate, samples = read(path)
    semitones = {"C,,": -33, "C,": -21, "C": -9, "^F": -3, "c": 3, "c'": 15, "c''": 27}
    fundamental = 440 * 2 ** (semitones[letter] / 12)
    frequencies, magnitudes = spectrum(samples, rate)
    partials = frequencies / fundamental
    near = np.abs(partials - np.round(partials)) * fundamental < 8
    near &= np.round(partials) >= 1
    assert (magnitudes[near] ** 2).sum() > 0.97 * (magnitudes**2).sum()
    assert magnitudes[np.abs(partials - 1) < 0.02].max() > 0.3 * magnitudes.max()


def test_notes_follow_each_other(tmp_path):
    rate, samples = read(write_wav(HEADER + "CEGc|", tmp_path / "scale.wav"))
    for second, semitone in enumerate((-9, -5, -2, 3)):
        # The last string is damped shortly after the next has been plucked.
        part = samples[int((second + 0.3) * rate) : (second + 1) * rate]
        expected = 440 * 2 ** (semitone / 12)
        assert strongest(part, rate) == pytest.approx(expected, rel=0.005)


def test_notes_of_a_chord_sound_together(tmp_path):
    rate, samples = read(write_wav(HEADER + "[CEG]4|", tmp_path / "chord.wav"))
    frequencies, magnitudes = spectrum(samples, rate)
    for semitone in (-9, -5, -2):
        near = np.abs(frequencies - 440 * 2 ** (semitone / 12)) < 2
        assert magnitudes[near].max() > 0.3 * magnitudes.max()


def test_a_note_dies_away_and_a_rest_is_silent(tmp_path):
    rate, samples = read(write_wav(HEADER + "C2z2|", tmp_path / "rest.wav"))
    level = [np.abs(samples[i * rate : (i + 1) * rate]).max() for i in range(4)]
    assert level[0] > 1.5 * level[1] > 0
    assert np.abs(samples[int(2.3 * rate) :]).max() == 0


def test_real_tunes_last_as_long_as_their_midi_and_do_not_clip(tmp_path):
    for number, tune in enumerate(irish_tunes()[1:400:100]):
        midi = mido.MidiFile(write_midi(tune, tmp_path / f"{number}.mid"))
        path = write_wav(tune, tmp_path / f"{number}.wav", sample_rate=22_050)
        rate, samples = read(path)
        assert 0 <= len(samples) / rate - midi.length < 0.3
        assert np.abs(samples).max() == pytest.approx(0.9, abs=0.001)
        loudness = np.sqrt((samples**2).mean())
        assert loudness > 0.05
        assert abs(samples.mean()) < 0.001


def test_midi_file_sounds_like_its_tune(tmp_path):
    tune = irish_tunes()[10]
    midi = write_midi(tune, tmp_path / "tune.mid")
    from_tune = write_wav(tune, tmp_path / "one.wav", sample_rate=8000).read_bytes()
    from_midi = write_wav(midi, tmp_path / "two.wav", sample_rate=8000).read_bytes()
    assert from_tune == from_midi


def test_percussion_of_a_midi_file_is_left_out(tmp_path):
    def save(name, channels):
        track = mido.MidiTrack()
        for channel in channels:
            track.append(mido.Message("note_on", note=60, channel=channel))
        for channel in channels:
            track.append(mido.Message("note_off", note=60, channel=channel, time=200))
        file = mido.MidiFile()
        file.tracks.append(track)
        file.save(tmp_path / name)
        return write_wav(tmp_path / name, tmp_path / "out.wav", sample_rate=8000)

    _, alone = read(save("alone.mid", [0]))
    _, both = read(save("both.mid", [0, 9]))
    np.testing.assert_array_equal(both[: len(alone) // 2], alone[: len(alone) // 2])
    with pytest.raises(ValueError, match="must hold a note to play; none came"):
        save("drums.mid", [9])


def test_malformed_tune_is_refused_with_its_place(tmp_path):
    with pytest.raises(AbcError) as caught:
        write_wav(HEADER + "CDEF|\n[CE|", tmp_path / "tune.wav")
    assert (caught.value.line, caught.value.column) == (8, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("body", ["z4|", "x8|", ""])
def test_silence_is_refused(tmp_path, body):
    with pytest.raises(ValueError, match="`tune` must hold a note to play; none came"):
        write_wav(HEADER + body, tmp_path / "tune.wav")


def test_endless_music_is_refused(tmp_path):
    with pytest.raises(ValueError, match="half an hour at most; 167 minutes came"):
        write_wav(HEADER + "C9999|", tmp_path / "tune.wav")


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF....WAVE", bytes(100)])
def test_what_is_no_midi_file_is_refused(tmp_path, content):
    path = Path(tmp_path / "broken.mid")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.mid' is no MIDI file"):
        write_wav(path, tmp_path / "tune.wav")


@pytest.mark.parametrize("rate", [0, 7999, 192_001])
def test_sample_rate_out_of_range_is_refused(tmp_path, rate):
    with pytest.raises(ValueError, match=f"between 8,000 and 192,000; {rate} came"):
        write_wav(HEADER + "C|", tmp_path / "tune.wav", sample_rate=rate)
