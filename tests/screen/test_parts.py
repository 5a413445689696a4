"""Text of others is text: no markup, no link, no emoji."""

import pytest

from bnviz.screen.parts import escaped


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
