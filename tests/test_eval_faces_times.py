"""Questions about times: each is known by what it asks, and order and when have own figures."""

from collections import Counter

import pytest

from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.told_records import choose_questions
from lineament.evaluation.tasks.told_times import DOING, TIME_FORMS, find_time_form
from lineament.records.record import REASONING, TIMED, Record, Turn
from lineament.records.write.draft import frames
from lineament.records.write.grammar import VOICES

ACTS = {
    "nod": ("nod", "nods", "nodding"), "turn": ("turn their head", "turns their head",
    "turning their head"), "smile": ("smile", "smiles", "smiling"),
}  # fmt: skip
PEOPLE = 6


@pytest.mark.parametrize("form", TIME_FORMS)
def test_every_question_about_times_that_is_written_is_known_by_its_form(form):
    path = "actions.ask" if form == DOING else f"timed.{form}"
    asked = [
        frame.format(base=base, verbs=verbs, ing=ing, time="2.4", options=f"{ing} and blinking")
        for voice in VOICES
        for frame in frames(path, voice, "clip")
        for base, verbs, ing in ACTS.values()
    ]
    assert len(asked) > 50
    assert {find_time_form(question) for question in asked} == {form}


def test_other_words_are_known_too_and_a_time_is_asked_for_whatever_starts_then():
    assert find_time_form("When does she start to smile?") == "when"
    assert find_time_form("At which second does he begin nodding?") == "when"
    assert find_time_form("What is the sequence of events?") == "order"
    assert find_time_form("Describe the clip.") == DOING


def make_record(person: int, question: str, answer: str, level: int = TIMED) -> Record:
    turns = (Turn("user", question), Turn("assistant", answer))
    origin = {"split_key": f"person-{person}", "source": "made-up"}
    return Record("timed", level, f"{person}.mp4", turns, provenance=origin)


def make_records() -> list[Record]:
    """Return five questions about times of each of some people, whose acts differ in order."""
    made = []
    for person in range(PEOPLE):
        first, second = ("nods", "blinks")[:: 1 if person % 2 else -1]
        start = 0.5 * person
        when = f"from {start + 1:.1f} to {start + 2:.1f} s"
        made += [
            make_record(person, "Sort by time: nodding and blinking.",
                        f"He first {first}, then he {second}.", REASONING),
            make_record(person, "What does he do first?", f"First, he {first} {when}."),
            make_record(person, "What comes next, after he smiles?",
                        f"Then he {second} {when}.", REASONING),
            make_record(person, "When does he smile?", f"He smiles {when}."),
            make_record(person, f"Is he nodding at {start + 1.5:.1f} seconds?",
                        "Yes, he is nodding then." if person % 2 else "No, he is not nodding."),
        ]  # fmt: skip
    return made


def test_order_first_next_when_and_at_have_figures_of_their_own():
    dropped: Counter[str] = Counter()
    items = choose_questions(
        iter(make_records()), 100, lambda _: True, dropped, name="favchat-test"
    )
    groups = Counter(item.group for item in items)
    forms = ("order", "first", "after", "when", "at")
    assert groups == {f"timed/{form}": PEOPLE for form in forms}, dropped
    task = require_task("favchat-test")
    right = {item.id: str(item.truth) for item in items}
    figures = task.score(items, right).figures
    assert all(figures[f"kind/timed/{form}"].value == 1 for form in forms)
    assert "kind/timed" not in figures
    # Whoever has the times and turns every order round is wrong in the one and right in the other.
    turned = {
        item.id: "He first blinks, then he nods."
        if str(item.truth).startswith("He first nods")
        else "He first nods, then he blinks."
        for item in items
        if item.group == "timed/order"
    }
    figures = task.score(items, right | turned).figures
    assert figures["kind/timed/order"].value == 0
    assert figures["kind/timed/when"].value == 1
    # One and the same order to all is worth its prior, half here; the same time to all less.
    same = dict.fromkeys(turned, "He first nods, then he blinks.")
    figure = task.score(items, right | same).figures["kind/timed/order"]
    assert figure.value == figure.prior == 0.5
