"""Text that is no text: bytes that are no UTF-8 arrive as halves of characters."""

import pytest

from lineament.annotation import Annotation
from lineament.claims.scenes_check import check_any_text
from lineament.cli.app import run
from lineament.describe.chat import Chat
from lineament.errors import BadInput, refuse_half_characters

BROKEN = "is it a m\udcffan?"


def test_whole_characters_of_any_script_are_let_through():
    refuse_half_characters("naïve 😀 顔 \x00", "the text")


def test_a_text_to_check_is_refused():
    with pytest.raises(BadInput, match="the text is no text in UTF-8"):
        check_any_text(BROKEN, Annotation("face.jpg"))


def test_a_question_is_refused_before_anything_is_opened():
    with pytest.raises(BadInput, match="the question is no text in UTF-8"):
        Chat(answerer="rule").ask("absent.jpg", BROKEN)


def test_the_command_ends_in_one_line_that_can_be_printed(tmp_path, capsys):
    path = tmp_path / "a.json"
    path.write_text('{"media": "face.jpg", "facts": []}', encoding="utf-8")
    assert run(["check", BROKEN, "--against", str(path)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("error: the text is no text in UTF-8")
