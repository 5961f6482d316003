from keras_seq.music import EngravingError, parse
from keras_seq.music.rendering._marks import read_marks
from keras_seq.music.rendering._mei import to_mei
from keras_seq.music.rendering._verovio import engrave

TUNE = "X:1\nT:Test\nM:4/4\nL:1/8\nK:C\nABcd efga|"
SCORE = to_mei(parse(TUNE), read_marks(TUNE))
# What Verovio 6.4 makes of these was tried: a staff that no definition has
# ends the process, a staff of that many lines takes minutes.
DEADLY = SCORE.replace('<staffDef n="1"', '<staffDef n="7"')
ENDLESS = SCORE.replace('lines="5"', 'lines="99999999"')


def test_crashes_and_hangs_cost_only_their_own_score():
    assert SCORE != DEADLY != ENDLESS != SCORE
    scores = [SCORE, DEADLY, SCORE, ENDLESS, "no score", DEADLY, SCORE]
    pages = engrave(scores, time_limit=2.0)
    for index in (0, 2, 6):
        assert pages[index].startswith("<svg")
    messages = {1: "crashed", 3: "longer than 2.0 s", 4: "drew nothing", 5: "crashed"}
    for index, message in messages.items():
        assert isinstance(pages[index], EngravingError)
        assert message in str(pages[index])
