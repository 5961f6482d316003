"""`Progress`: a label and a bar."""

from keras_seq.runs import Progress


def test_a_bar(capsys):
    progress = Progress("reading tunes")
    assert capsys.readouterr().out == ""
    for done in range(4):
        progress(done, 3)
    out = capsys.readouterr().out
    assert out.startswith("reading tunes\n")
    assert out.count("reading tunes") == 1
    assert "3/3" in out


def test_nothing_to_do(capsys):
    Progress("reading tunes")(0, 0)
    assert capsys.readouterr().out == "reading tunes\n"
