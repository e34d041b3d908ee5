"""Three wordings of the questions about drawn faces: all mean the same, and the first counts."""

from pathlib import Path

import pytest

from lineament.evaluation.prompts import read_prompts
from lineament.evaluation.reading import read_flag, read_spans
from lineament.evaluation.tasks.rendered import (
    FIRST_SEED,
    NUM_WORDINGS,
    RenderedFaces,
    ask_when,
    choose_questions,
    list_wordings,
)
from lineament.evaluation.tasks.task import Options

NAMES = tuple(name for name in read_prompts("rendered") if name != "version")


@pytest.mark.parametrize("name", NAMES)
def test_all_wordings_ask_the_same_in_the_same_polarity(name):
    asked = [wording for form in ("is", "is_not") for wording in list_wordings(name, form)]
    assert len(set(asked)) == 2 * NUM_WORDINGS
    for form, holds in (("is", True), ("is_not", False)):
        for wording in list_wordings(name, form):
            assert read_flag(wording, "Yes.", name) is holds, wording
            assert read_flag(wording, "No.", name) is not holds, wording
    if "when" in read_prompts("rendered")[name]:
        wordings = list_wordings(name, "when")
        assert len(set(wordings)) == NUM_WORDINGS
        for wording in wordings:
            assert read_spans(wording, "From 1.0 to 2.0 s.", name, 5.0) == [(1.0, 2.0)], wording


def answer_rightly(item) -> str:
    if item.kind == "spans":
        return "; ".join(f"from {a:.2f} to {b:.2f} s" for a, b in item.truth["spans"])
    return "Yes." if item.truth is not item.is_denied else "No."


def test_wordings_of_drawn_clips_stand_beside_and_the_first_is_scored():
    pytest.importorskip("skia")
    from lineament.render import sample_face

    drawn = [sample_face(FIRST_SEED + number) for number in range(14)]
    plain, _ = choose_questions(drawn)
    items, _ = choose_questions(drawn, range(NUM_WORDINGS))
    for annotation in drawn:
        plain += ask_when(annotation)
        items += ask_when(annotation, range(NUM_WORDINGS))
    assert len(items) == NUM_WORDINGS * len(plain) > 0
    first = [item for item in items if item.phrasing == 0]
    assert {(i.id, i.question) for i in first} == {(i.id, i.question) for i in plain}
    right = {item.id: answer_rightly(item) for item in items if item.phrasing != 2}
    figures = RenderedFaces().score(items, right).figures
    assert figures["balanced_accuracy"].value == figures["when_f1"].value == 1.0
    assert figures["when_f1"].extra["by_phrasing"] == [1.0, 1.0, 0.0]
    assert figures["yes_bias"].num_items == sum(item.kind == "yes_no" for item in plain)
    name = next(item.group for item in plain if item.kind == "yes_no")
    assert figures[name].extra["by_phrasing"] == [1.0, 1.0, 0.0]
    assert figures[name].extra["phrasing_range"] == 1.0


def test_the_option_asks_for_all_wordings():
    pytest.importorskip("skia")
    items = RenderedFaces().read_items(Path(), Options(count=2, with_phrasings=True)).items
    assert {item.phrasing for item in items} == set(range(NUM_WORDINGS))
    assert len({item.id for item in items}) == len(items)
