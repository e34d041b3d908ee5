"""Text about aerial scenes: read to claims, checked by facts and geometry, and written."""

from random import Random

import pytest

from lineament import check
from lineament.annotation import Annotation, Fact, Subject
from lineament.claims.scenes_check import check_any_text, check_scene_text
from lineament.claims.scenes_read import read_scene_answer, read_scene_claims
from lineament.claims.scenes_say import say_scene_claim
from lineament.describe.verdicts import dict_from_checked, say_claim
from lineament.errors import BadInput
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.scenes.phrase import SceneView, read_asks
from lineament.records.write.scenes.questions import Asked
from lineament.records.write.scenes.sentences import write_local
from lineament.records.write.scenes.writer import (
    SCENE_COUNTS,
    SceneWriter,
    find_unsupported,
    make_record,
)
from lineament.render.scenes.sample import sample_scene

LISTED = ("ship", "vehicle", "bridge", "building", "storage_tank", "road")


def thing(number, name, box, color="", **more):
    subject = f"object {number}"
    facts = [Fact("object_class", name, subject=subject, region=box)]
    facts += [Fact("object_color", color, subject=subject)] if color else []
    return facts + [Fact(key, value, subject=subject) for key, value in more.items()]


def scene(*things, listed=LISTED, closed=("water", "trees"), flags=()):
    facts = [Fact("listed_class", name, subject="clip") for name in listed]
    facts += [Fact(name, True, subject="clip") for name in flags]
    for own in things:
        facts += own
    subjects = tuple(Subject(f"object {i}", "object") for i in range(len(things)))
    return Annotation("a.png", subjects, tuple(facts), frozenset(closed))


HARBOUR = scene(
    thing(0, "ship", (0.05, 0.05, 0.25, 0.12), "white", length_meters=30.0,
          orientation_degrees=2.0),
    thing(1, "ship", (0.1, 0.8, 0.16, 0.86), "red"),
    thing(2, "bridge", (0.45, 0.4, 0.55, 0.6)),
    thing(3, "building", (0.8, 0.8, 0.95, 0.95), "red"),
    thing(4, "vehicle", (0.48, 0.45, 0.51, 0.48), "blue"),
    flags=("water",),
)  # fmt: skip


def claims_of(text):
    return [(c.name, c.value, c.negated, c.subject) for c in read_scene_claims(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There are three white airplanes and a building.",
         [("object_count", (3, 4), False, "white airplane"),
          ("object_count", (1, None), False, "building")]),
        ("Two boats lie in the upper left.",
         [("object_count", (2, 3), False, "at:top_left ship")]),
        ("The largest ship is to the left of the bridge.",
         [("object_count", (1, None), False, "largest ship"),
          ("left_of", "bridge", False, "largest ship")]),
        ("The largest ship is on the right-hand side of the bridge.",
         [("object_count", (1, None), False, "largest ship"),
          ("right_of", "bridge", False, "largest ship")]),
        ("Two ships are on the left of the picture.",
         [("object_count", (2, 3), False, "side:left ship")]),
        ("No cars can be seen.", [("object_count", (0, 1), False, "vehicle")]),
        ("There aren't any ships.", [("object_count", (0, 1), False, "ship")]),
        ("At least four tanks are on the left side.",
         [("object_count", (4, None), False, "side:left storage_tank")]),
        ("The picture shows an airport area with grass and no water.",
         [("scene_class", "airport", False, ""), ("grass", True, False, ""),
          ("water", False, False, "")]),
        ("The vehicles are not white.",
         [("object_count", (1, None), False, "vehicle"),
          ("object_color", "white", True, "vehicle")]),
        ("Are there ships? If there were a bridge, it would be red.", []),
        ("It is a rural area.", [("urban", False, False, "")]),
    ],
)  # fmt: skip
def test_sentences_become_claims(text, expected):
    assert claims_of(text) == expected


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("How many ships are there?", "Three.", ("object_count", (3, 4), False, "ship")),
        ("How many ships are in the left half?", "2",
         ("object_count", (2, 3), False, "side:left ship")),
        ("Is there a bridge?", "No.", ("object_count", (0, 1), False, "bridge")),
        ("Are there any red vehicles?", "Yes.",
         ("object_count", (1, None), False, "red vehicle")),
        ("Where is the largest building?", "In the top-left part.",
         ("object_position", "top_left", False, "largest building")),
        ("What color is the ship?", "Blue.", ("object_color", "blue", False, "ship")),
        ("Is the ship left of the bridge?", "No.", ("left_of", "bridge", True, "ship")),
    ],
)  # fmt: skip
def test_bare_answers_are_read_with_their_question(question, answer, expected):
    (claim,) = read_scene_answer(question, answer)
    assert (claim.name, claim.value, claim.negated, claim.subject) == expected


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("There are two ships.", "supported"),
        ("There are three ships.", "contradicted"),
        ("There is no storage tank.", "supported"),
        ("There is an airport.", "unknown"),  # airports are not listed, so one may be there
        ("There is a red ship.", "supported"),
        ("There are two red ships.", "contradicted"),
        ("A ship is in the top-left part.", "supported"),
        ("Two ships are in the top-left part.", "contradicted"),
        ("Two ships are on the left side.", "supported"),
        ("Water can be seen.", "supported"),
        ("Trees can be seen.", "contradicted"),
        ("Grass can be seen.", "unknown"),
        ("It is an urban area.", "unknown"),
    ],
)
def test_counts_places_and_cover_are_checked(text, verdict):
    assert {c.verdict for c in check_scene_text(text, HARBOUR).claims} == {verdict}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The bridge is to the right of the largest ship.", "supported"),
        ("The bridge is to the left of the largest ship.", "contradicted"),
        ("The building is below the bridge.", "supported"),
        ("The vehicle is on the bridge.", "supported"),
        ("The building is on the bridge.", "contradicted"),
        ("The vehicle is near the bridge.", "supported"),
        ("The bridge is larger than the vehicle.", "supported"),
        ("The vehicle is larger than the bridge.", "contradicted"),
        ("The building is red.", "supported"),
        ("The building is not red.", "contradicted"),
        ("The white ship is about 31 meters long.", "supported"),
        ("The white ship is about 60 meters long.", "contradicted"),
        ("The white ship runs from left to right.", "supported"),
        ("The white ship runs vertically.", "contradicted"),
        ("The red ship is about 31 meters long.", "unknown"),
        ("All ships lie in the left half.", "supported"),
        ("All ships are white.", "contradicted"),
        ("The bridge lies in the middle.", "supported"),
        ("The bridge lies in the bottom right.", "contradicted"),
    ],
)
def test_single_objects_and_relations_are_checked(text, verdict):
    assert check_scene_text(text, HARBOUR).claims[-1].verdict == verdict


def test_what_lies_close_to_a_border_is_unknown():
    edge = scene(
        thing(0, "ship", (0.30, 0.1, 0.345, 0.12)), thing(1, "bridge", (0.36, 0.5, 0.4, 0.6))
    )
    for text in ("The ship is in the top-center part.", "The ship is to the left of the bridge."):
        assert check_scene_text(text, edge).claims[-1].verdict == "unknown"


def test_an_unlisted_class_never_refutes_more_of_it():
    open_scene = scene(thing(0, "ship", (0.1, 0.1, 0.2, 0.2)), listed=())
    verdicts = {
        text: check_scene_text(text, open_scene).claims[0].verdict
        for text in ("There is a ship.", "There are two ships.", "There are no ships.")
    }
    assert list(verdicts.values()) == ["supported", "unknown", "contradicted"]


def test_check_chooses_scenes_or_faces_by_the_annotation():
    assert check("There are two ships.", HARBOUR).supported == 1
    face = Annotation("a.jpg", (Subject("face 0"),), (Fact("smile", True),))
    assert check_any_text("She smiles.", face).supported >= 1


def test_claims_begin_at_their_first_letter():
    text = "The bridge is white. Three ships lie in the left half. About 30 meters long is one."
    said = [text[c.start : c.stop] for c in read_scene_claims(text)]
    assert "Three ships" in said
    assert all(words == words.strip() for words in said)


# --- writing


def test_every_question_has_at_least_eight_wordings():
    for kind, wordings in read_asks().items():
        assert len(set(wordings)) >= 8, kind


def test_everything_that_is_written_is_supported_and_every_kind_comes():
    writer, kinds, verifier = SceneWriter(), set(), Verifier()
    for seed in (0, 1, 4, 6, 11):
        annotation = sample_scene(seed)
        for record in writer.write(annotation, {"source": "rendered-scenes"}):
            kinds.add(record.kind)
            assert find_unsupported(record, annotation) is None
            assert not isinstance(verifier.verify(record, annotation), Rejected), record
            assert record.claims or record.kind == "scene_unanswerable"
    assert kinds == set(SCENE_COUNTS)


def test_what_cannot_be_answered_is_declined_or_denied():
    """Half ask for what no picture tells; half name a thing that is listed and not there."""
    declined = denied = 0
    for seed in range(6):
        annotation = sample_scene(seed)
        there = {str(fact.value) for fact in annotation.facts_named("object_class")}
        for record in SceneWriter({"scene_unanswerable": 4}).write(annotation):
            (claim,) = record.claims or (None,)
            declined += claim is None
            denied += claim is not None and claim["subject"] not in there
    assert (declined, denied) == (12, 12)


def test_what_declines_to_tell_what_can_be_told_is_found_out():
    asked = Asked("How many ships are there?", "I cannot tell.")
    record = make_record("scene_count", 1, [asked], HARBOUR, {})
    assert find_unsupported(record, HARBOUR) == "nothing read back"


def test_objects_beyond_the_eighth_are_told_by_class_and_half():
    ships = [thing(i, "ship", (0.02, 0.1 * i, 0.06, 0.1 * i + 0.03), "white") for i in range(9)]
    told = write_local(
        SceneView(scene(*ships, thing(9, "bridge", (0.45, 0.4, 0.55, 0.6)))), Random(0)
    )
    assert "There are nine ships." in told
    assert "All ships lie in the left half." in told
    assert "There is one bridge." not in told


def test_the_same_seed_writes_the_same_and_another_writes_otherwise():
    annotation = sample_scene(2)
    first = [r.id for r in SceneWriter().write(annotation)]
    assert first == [r.id for r in SceneWriter().write(annotation)]
    assert first != [r.id for r in SceneWriter(seed=1).write(annotation)]
    with pytest.raises(BadInput, match="unknown kind"):
        SceneWriter({"scene_counts": 1})


def test_conversations_hold_a_negative_and_end_with_two_steps():
    negatives = 0
    for seed in range(4):
        records = list(SceneWriter({"scene_dialogue": 1}).write(sample_scene(seed)))
        for record in records:
            answers = [turn.text for turn in record.turns[1::2]]
            assert 3 <= len(answers) <= 10
            negatives += any(answer.startswith("No, ") for answer in answers)
    assert negatives >= 3


@pytest.mark.parametrize(
    "answer",
    ["There are three ships.", "The bridge is to the left of the largest ship.", "Hello."],
)
def test_a_wrong_or_empty_answer_is_found_out(answer):
    record = make_record("scene_count", 1, [Asked("What is there?", answer)], HARBOUR, {})
    assert find_unsupported(record, HARBOUR) is not None
    assert isinstance(Verifier().verify(record, HARBOUR), Rejected)


SIZED = scene(
    thing(0, "ship", (0.1, 0.1, 0.4, 0.3), "white"),
    thing(1, "ship", (0.6, 0.6, 0.65, 0.65), "white"),
    thing(2, "ship", (0.8, 0.1, 0.86, 0.15), "red"),
    thing(3, "bridge", (0.45, 0.4, 0.55, 0.6)),
)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("There are three ships.", "supported"),
        ("There are two large ships.", "contradicted"),  # one is
        ("There is one large ship.", "supported"),
        ("There is a big white ship.", "supported"),
        ("There is a large red ship.", "contradicted"),
        ("There is a large bridge.", "unknown"),  # alone of its class it is neither
        ("The large ship is white.", "supported"),
        ("The red ship is large.", "contradicted"),
        ("The red ship is not large.", "supported"),
    ],
)
def test_large_and_small_are_told_beside_others_of_the_class(text, verdict):
    assert [row.verdict for row in check_scene_text(text, SIZED).claims][-1] == verdict


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("There are two ships.", ["2 ships"]),
        ("There is no bridge.", ["no bridges"]),
        ("Two boats lie in the upper left.", ["2 ships in the top-left part"]),
        ("There are at least three white cars.", ["at least 3 white vehicles"]),
        ("There is a large ship near a pier.", ["at least 1 large ship near a pier"]),
        ("The largest ship is not to the left of the airplane.",
         ["at least 1 largest ship", "the largest ship is not to the left of an airplane"]),
        ("All ships are white.", ["at least 1 ship", "all ships are white"]),
        ("The ship is about 30 meters long.",
         ["at least 1 ship", "the ship is 27 to 33 meters long"]),
        ("Water can be seen.", [""]),
    ],
)  # fmt: skip
def test_claims_about_objects_are_said_with_their_class(text, said):
    assert [say_scene_claim(claim) for claim in read_scene_claims(text)] == said


def test_the_check_says_of_what_a_number_is():
    (row,) = check_scene_text("There are three white ships.", HARBOUR).claims
    assert say_claim(row) == "3 white ships"
    assert row.evidence.startswith("1 white ship counted")
    (row,) = dict_from_checked(check_scene_text("There are two ships.", HARBOUR), "a")["claims"]
    assert row["subject"] == "ship"
