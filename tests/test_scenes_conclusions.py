"""Conclusions and boxes are claims: a reversed one, or a shifted box, is found out."""

import re

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims.scenes_check import check_scene_claims, check_scene_text
from lineament.claims.scenes_read import read_scene_answer, read_scene_claims
from lineament.claims.scenes_say import say_scene_claim
from lineament.records.record import Record, Turn
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.scenes.phrase import read_asks
from lineament.records.write.scenes.questions import Asked
from lineament.records.write.scenes.writer import SceneWriter, find_unsupported, make_record
from lineament.render.scenes.sample import sample_scene

LISTED = ("ship", "bridge", "vehicle", "building")
THINGS = (
    ("ship", (0.05, 0.05, 0.25, 0.12), "white"),
    ("ship", (0.10, 0.80, 0.16, 0.86), "red"),
    ("bridge", (0.60, 0.40, 0.70, 0.60), ""),
    ("vehicle", (0.62, 0.45, 0.65, 0.48), "blue"),
)
STEPS = "There are two ships and one bridge."
SIDES = "The red ship lies in the left half. The bridge lies in the right half."


def harbour(listed=LISTED):
    facts = [Fact("listed_class", name, subject="clip") for name in listed]
    for number, (name, box, color) in enumerate(THINGS):
        subject = f"object {number}"
        facts.append(Fact("object_class", name, subject=subject, region=box))
        facts += [Fact("object_color", color, subject=subject)] if color else []
    subjects = tuple(Subject(f"object {n}", "object") for n in range(len(THINGS)))
    return Annotation("a.png", subjects, tuple(facts))


def verdicts(question, answer, annotation=None):
    claims = read_scene_answer(question, answer)
    return [row.verdict for row in check_scene_claims(claims, annotation or harbour()).claims]


@pytest.mark.parametrize("wording", read_asks()["more"])
def test_which_are_more_is_read_from_question_and_answer(wording):
    question = wording.format(p="ships", q="bridges")
    right = f"{STEPS} Two is more than one, so it must be the former."
    claims = [(c.name, c.subject, c.value) for c in read_scene_answer(question, right)]
    assert ("more_than", "ship", "bridge") in claims
    assert set(verdicts(question, right)) == {"supported"}
    turned = wording.format(p="bridges", q="ships")
    for asked, wrong in (
        (question, f"{STEPS} Two is more than one, so it must be the latter."),
        (question, f"{STEPS} Three is more than one, so it must be the former."),
        (question, f"{STEPS} Both numbers are equal, so neither kind is in the majority."),
        (turned, f"{STEPS} Two is more than one, so it must be the former."),
    ):
        assert "contradicted" in verdicts(asked, wrong), (asked, wrong)
    same = wording.format(p="bridges", q="vehicles")
    equal = "Both numbers are equal, so neither kind is in the majority."
    assert set(verdicts(same, f"There is one bridge and one vehicle. {equal}")) == {"supported"}


@pytest.mark.parametrize("wording", read_asks()["same_side"])
def test_a_shared_half_is_read_from_question_and_answer(wording):
    question = wording.format(n="the red ship", o="the bridge")
    assert set(verdicts(question, f"{SIDES} So no, they are parted.")) == {"supported"}
    assert "contradicted" in verdicts(question, f"{SIDES} So yes, both share a half.")
    both = wording.format(n="the red ship", o="the white ship")
    assert verdicts(both, "So yes, both share a half.") == ["supported"]
    assert verdicts(both, "So no, they are parted.") == ["contradicted"]
    assert verdicts(both, "They are in different halves.") == ["contradicted"]
    assert verdicts(both, "They are not parted.") == ["supported"]


@pytest.mark.parametrize("wording", read_asks()["same_side"])
def test_yes_says_that_a_half_is_shared(wording):
    question = wording.format(n="the red ship", o="the white ship")
    assert verdicts(question, "Yes.") == ["supported"]
    assert verdicts(question, f"{SIDES.split('. ')[0]}. So no, they are parted.")[-1] == (
        "contradicted"
    )


@pytest.mark.parametrize(
    "question",
    [
        "Would a vertical line through the middle part the red ship from the white ship?",
        "Does the middle line lie between the red ship and the white ship?",
        "Are the red ship and the white ship in different halves, left or right?",
    ],
)
def test_yes_to_whether_two_are_parted_says_that_they_are(question):
    assert verdicts(question, "Yes.") == ["contradicted"]
    assert verdicts(question, "No.") == ["supported"]
    assert verdicts(question, "So no, both share a half.") == ["supported"]


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        ("There are more ships than bridges.", "supported", "there are more ships than bridges"),
        ("There are more bridges than ships.", "contradicted",
         "there are more bridges than ships"),
        ("There are fewer bridges than ships.", "supported", "there are more ships than bridges"),
        ("Ships outnumber vehicles.", "supported", "there are more ships than vehicles"),
        ("There are not more ships than bridges.", "contradicted",
         "there are not more ships than bridges"),
        ("There are as many bridges as vehicles.", "supported",
         "there are as many bridges as vehicles"),
        ("There are not as many bridges as ships.", "supported",
         "there are more ships than bridges"),
        ("There are equal numbers of ships and bridges.", "contradicted",
         "there are as many ships as bridges"),
        ("There are more bridges than buildings.", "supported",
         "there are more bridges than buildings"),
        ("There are more ships than airplanes.", "unknown", "there are more ships than airplanes"),
    ],
)  # fmt: skip
def test_numbers_of_two_kinds_are_compared_in_any_text(text, verdict, said):
    (claim,) = read_scene_claims(text)  # and nothing of "ships" or "bridges" alone
    assert say_scene_claim(claim) == said
    assert text[claim.start : claim.stop] == claim.text
    assert check_scene_text(text, harbour()).claims[0].verdict == verdict


def test_bounds_and_twice_as_many_are_no_comparison():
    for text in ("There are more than two ships.", "There are twice as many ships as bridges."):
        assert {claim.name for claim in read_scene_claims(text)} == {"object_count"}


def test_a_number_of_a_class_that_is_not_listed_wins_nothing():
    some = harbour(listed=("bridge",))
    assert verdicts("Are there more bridges than ships?", "Yes.", some) == ["contradicted"]
    assert verdicts("Are there more ships than bridges?", "Yes.", some) == ["supported"]
    more = harbour(listed=("ship",))
    assert verdicts("Are there more ships than bridges?", "Yes.", more) == ["unknown"]


def test_the_former_of_two_sizes_is_the_first_that_was_named():
    question = "Which is larger, the bridge or the vehicle?"
    assert verdicts(question, "The former.") == ["supported"]
    assert verdicts(question, "The latter.") == ["contradicted"]
    assert verdicts(question.replace("larger", "smaller"), "The latter.") == ["supported"]


# --- boxes


@pytest.mark.parametrize("wording", read_asks()["box"])
def test_a_box_is_compared_with_that_of_the_object_that_was_asked_for(wording):
    question = wording.format(n="the white ship")
    assert verdicts(question, "[0.050, 0.050, 0.250, 0.120]") == ["supported"]
    assert verdicts(question, "[0.0505, 0.050, 0.250, 0.120]") == ["supported"]  # rounding
    assert verdicts(question, "[0.200, 0.050, 0.400, 0.120]") == ["contradicted"]  # shifted
    assert verdicts(question, "[0.100, 0.800, 0.160, 0.860]") == ["contradicted"]  # the red one's
    assert verdicts(question, "[0.080, 0.050, 0.280, 0.120]") == ["unknown"]  # half right
    assert verdicts(question, "[50, 50, 250, 120]") == ["contradicted"]  # another scale


@pytest.mark.parametrize("wording", read_asks()["region"])
def test_words_for_a_box_are_compared_with_what_lies_there(wording):
    question = wording.format(b="[0.600, 0.400, 0.700, 0.600]")
    assert set(verdicts(question, "The bridge.")) == {"supported"}
    assert "contradicted" in verdicts(question, "The red ship.")


def test_a_box_of_a_class_that_is_not_listed_may_be_of_another():
    some = harbour(listed=())
    question = "Give the box of: the bridge."
    assert verdicts(question, "[0.600, 0.400, 0.700, 0.600]", some) == ["supported"]
    assert verdicts(question, "[0.100, 0.400, 0.200, 0.600]", some) == ["unknown"]


# --- building


@pytest.mark.parametrize(
    ("kind", "question", "answer"),
    [
        ("scene_box", "Give the box of: the bridge.", "[0.300, 0.400, 0.400, 0.600]"),
        ("scene_box", "What is inside the box [0.600, 0.400, 0.700, 0.600]?", "The red ship."),
        ("scene_box", "Give the box of: the bridge.", "It is over there."),
        ("scene_reasoning", "Are there more ships or more bridges?",
         f"{STEPS} Two is more than one, so it must be the latter."),
        ("scene_reasoning", "Are the red ship and the bridge in the same half, left or right?",
         f"{SIDES} So yes, both share a half."),
    ],
)  # fmt: skip
def test_the_build_drops_a_wrong_conclusion_and_a_wrong_box(kind, question, answer):
    record = make_record(kind, 4, [Asked(question, answer)], harbour(), {})
    assert find_unsupported(record, harbour()) is not None
    turns = (Turn("user", question), Turn("assistant", answer))
    assert isinstance(Verifier().verify(Record(kind, 4, "a.png", turns), harbour()), Rejected)


def test_everything_the_templates_conclude_and_every_box_is_claimed_and_turned_round_is_found():
    turned = {
        "former": "latter", "latter": "former",
        "So yes, both share a half": "So no, they are parted",
        "So no, they are parted": "So yes, both share a half",
    }  # fmt: skip
    pattern = re.compile("|".join(turned))
    kinds = {"scene_reasoning": 3, "scene_dialogue": 1, "scene_box": 4}
    num_turned = num_boxes = 0
    for seed in (0, 1, 4, 6, 11):
        annotation = sample_scene(seed)
        for record in SceneWriter(kinds).write(annotation):
            assert find_unsupported(record, annotation) is None
            last = record.turns[-1].text
            if record.kind == "scene_box":
                assert any(row["name"] == "object_box" for row in record.claims)
                wrong = "[0.000, 0.000, 0.020, 0.020]" if last.startswith("[") else ""
                num_boxes += 1
            else:
                wrong = pattern.sub(lambda match: turned[match[0]], last)
                wrong = "" if wrong == last else wrong
                num_turned += bool(wrong)
            if wrong:
                turns = (*record.turns[:-1], Turn("assistant", wrong))
                changed = Record(record.kind, 4, record.media, turns)
                assert find_unsupported(changed, annotation) is not None, wrong
    assert num_turned >= 5
    assert num_boxes >= 12
