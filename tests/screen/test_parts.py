"""Text of others is text: no markup, no link, no emoji."""

import re

import pytest

from bnviz.screen.parts import escaped, table


@pytest.mark.parametrize(
    ("text", "tempting"),
    [
        (":smile: hi", ":smile:"),
        (":material/delete:", ":material/delete:"),
        ("https://a.b", "://"),
        ("www.a.b", "www."),
        ("a@b.c", "@b"),
        ("A\n===", "\n"),
        ("&copy;", " &"),
        ("<b>", " <"),
    ],
)
def test_foreign_text_is_no_markup(text: str, tempting: str) -> None:
    made = " " + escaped(text)
    assert tempting not in made
    bare = made.replace("\\", "").replace("\u2060", "")
    assert bare.split() == text.split()


def test_ordinary_sentences_stay() -> None:
    assert escaped("neuron 3: 0.1, of 5: done") == "neuron 3: 0.1, of 5: done"


def test_numbers_of_a_column_stand_with_their_points_below_each_other() -> None:
    rows = [["a", "−0.5", "x"], ["b", "12.25", "1.5 of 2"], ["c", "2.2e−16", "<b>"]]
    made = table(["", "∂L/∂x", "said"], rows)
    cells = re.findall(r'min-width:(\d+)ch">([^<]*)</span>', made)
    wholes, rests = cells[::2], cells[1::2]
    assert [text for _, text in wholes] == ["−0", "12", "2"]
    assert [text for _, text in rests] == [".5", ".25", ".2e−16"]
    assert {width for width, _ in wholes} == {"2"}
    assert {width for width, _ in rests} == {"6"}
    assert re.sub("<[^>]+>", "|", made).replace("||", "|").count("12|.25") == 1
    assert "1.5 of 2" in made, "what is more than a number stays as it is"
    assert "<b>" not in made
