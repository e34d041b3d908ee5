"""The six principles as figures: small records by hand with known values, and planted faults."""

from dataclasses import replace

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.record import Record, Turn
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.label import Label, label_extra
from lineament.records.write.scenes.phrase import read_asks
from lineament.records.write.scenes.principles import (
    find_objects,
    measure_principles,
    plant_error,
)
from lineament.records.write.scenes.shapes import find_ask, is_complex, shape_question
from lineament.records.write.scenes.writer import read_scene_record

BOXES = (
    ("ship", (0.05, 0.05, 0.25, 0.15), "white"),
    ("ship", (0.10, 0.80, 0.16, 0.86), "red"),
    ("bridge", (0.45, 0.40, 0.55, 0.60), ""),
    ("ship", (0.56, 0.45, 0.60, 0.50), "white"),
)
LABELS = (
    Label("grounding", "the white ship", "", box_px=(10.0, 5.0, 50.0, 15.0), row="1"),
    Label("vqa", "Is it a harbour?", "yes", type="presence", row="2"),
    Label("vqa", "How many ships?", "3", type="count", row="3", is_number=True),
)


def harbour(media="harbour.png", boxes=BOXES) -> Annotation:
    facts = [Fact("listed_class", n, subject="clip") for n in ("ship", "bridge", "airplane")]
    facts += [Fact("width_px", 200.0, subject="clip"), Fact("height_px", 100.0, subject="clip")]
    for number, (name, box, color) in enumerate(boxes):
        subject = f"object {number}"
        facts.append(Fact("object_class", name, subject=subject, region=box))
        if color:
            facts.append(Fact("object_color", color, subject=subject))
    subjects = tuple(Subject(f"object {i}", "object") for i in range(len(boxes)))
    return Annotation(media, subjects, tuple(facts), extra=label_extra(LABELS))


def record(kind, *pairs, media="harbour.png") -> Record:
    turns = [turn for q, a in pairs for turn in (Turn("user", q), Turn("assistant", a))]
    return Record(kind, 1, media, tuple(turns), provenance={"writer": "scenes-1"})


def measure(*records, answer=None, annotations=None):
    found = annotations or {"harbour.png": harbour()}
    return measure_principles(records, found, answer)


# Unity: one schema, and every task gives back the labels of its source.


def test_adapted_records_give_back_the_labels_of_their_source():
    records = list(adapt_annotation(harbour()))
    figures = measure(*records, record("scene_count", ("How many ships?", "There are 3 ships.")))
    assert figures.unity == 1
    assert figures.labels_compared == len(records) == 2
    assert figures.num_records == 3


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("10.0", "11.0"),
        ('"presence"', '"comp"'),
        ('"row": "3"', '"row": "4"'),
        ("labels", "lables"),
    ],
)
def test_a_label_that_comes_back_changed_breaks_unity(said, instead):
    records = list(adapt_annotation(harbour()))
    changed = []
    for one in records:
        detail = one.provenance["detail"].replace(said, instead)
        changed.append(replace(one, provenance={**one.provenance, "detail": detail}))
    num_changed = sum(a.provenance != b.provenance for a, b in zip(records, changed, strict=True))
    assert num_changed > 0
    assert measure(*changed).unity == 1 - num_changed / len(records)


def test_a_changed_answer_breaks_unity_of_an_adapted_record():
    (grounding, packed) = adapt_annotation(harbour())
    turns = (*packed.turns[:-1], Turn("assistant", "no"))
    changed = Record(packed.kind, packed.level, packed.media, turns, provenance=packed.provenance)
    assert measure(grounding, changed).unity == 0.5


def test_what_the_schema_cannot_hold_or_names_wrongly_breaks_unity():
    good = record("scene_count", ("How many ships are there?", "There are three ships."))
    assert measure(good, replace(good, id="0" * 16)).unity == 0.5
    assert measure(good, replace(good, claims=({"name": 3, "turn": "first"},))).unity == 0.5


# Diversity: wordings by task, those of conversations by what they ask for.


def test_conversations_count_among_the_wordings_by_what_is_asked():
    talk = record(
        "scene_dialogue",
        ("How many ships are there?", "There are three ships."),
        ("How many bridges are there?", "There is one bridge."),
        ("What is the number of airplanes?", "There are no airplanes."),
        ("Is there a white ship?", "Yes, there is a white ship."),
    )
    alone = record("scene_yes_no", ("Can a ship be seen?", "Yes, there is a ship."))
    figures = measure(talk, alone, *adapt_annotation(harbour()))
    assert figures.wordings["scene_dialogue: count"] == 2
    assert figures.wordings["scene_dialogue: exists"] == 1
    assert figures.wordings["scene_yes_no"] == 1
    assert figures.wordings["grounding"] == 1
    assert measure(talk).commonest_share == 1  # the one question on presence
    assert measure(replace(talk, turns=talk.turns[:6], id="")).commonest_share == 2 / 3


def test_every_wording_of_ours_is_known_by_its_shape_whatever_it_asks_about():
    slots = {
        "n": "the largest storage tank", "o": "the red vehicle", "p": "tennis courts",
        "q": "small vehicles", "r": "to the left of", "b": "[0.125, 0.250, 0.500, 1.000]",
    }  # fmt: skip
    shapes = set()
    for kind, wordings in read_asks().items():
        for wording in wordings:
            assert find_ask(wording.format(**slots)) == kind, wording
            shapes.add(shape_question(wording.format(**slots)))
    assert len(shapes) == sum(map(len, read_asks().values()))
    assert find_ask("Who owns the ship?") == "other"


# Correctness: claims that the annotation supports, and planted errors that it contradicts.


def test_claims_are_supported_or_not_and_planted_errors_found():
    right = record("scene_count", ("How many ships are there?", "There are three ships."))
    wrong = record("scene_count", ("How many ships are there?", "There are four ships."))
    assert measure(right).correctness == 1
    assert measure(right, wrong).correctness == 0.5
    assert measure(right).planted_found == 1


def test_planted_errors_turn_what_is_said_round():
    text = "There are three ships. The red ship lies in the bottom-left part. The bridge is to the "
    text += "right of the red ship."
    claims = [c for _, c in read_scene_record(record("scene_local", ("Tell.", text)))]
    planted = {c.name: plant_error(c) for c in claims if plant_error(c) is not None}
    assert {name: wrong.value for name, wrong in planted.items() if name != "right_of"} == {
        "object_count": (4, 5), "object_position": "top_right",
    }  # fmt: skip
    assert planted["right_of"].name == "left_of"


# Complexity: questions in conversations on several kinds of objects or a relation.


def test_questions_on_several_objects_or_a_relation_are_complex():
    talk = record(
        "scene_dialogue",
        ("Is the bridge to the right of the red ship?", "Yes, the bridge is to the right of it."),
        ("Are there more ships or more bridges? Think step by step.", "There are three ships."),
        ("Looking from above, how many ships do you find?", "There are three ships."),
        ("Seen from above, what color is the bridge?", "The bridge is gray."),
    )
    single = record("scene_relation", ("Is the bridge near the red ship?", "No."))
    assert measure(talk, single).complexity == 0.5


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("What is near the bridge?", True),
        ("Which is larger, the bridge or the red ship?", True),
        ("Looking from above, is there a ship?", False),
        ("Is there a white ship?", False),
        ("What covers the ground?", False),
    ],
)
def test_above_is_a_relation_only_where_something_is_below(question, holds):
    assert is_complex(question) is holds


# Richness: objects spoken of singly, numbers, attributes and relations.

TOLD = "There are three ships and one bridge. The red ship lies in the bottom-left part."
MORE = f"{TOLD} The bridge is to the right of the red ship."


def test_objects_are_counted_once_and_numbers_of_a_class_are_none():
    claims = [c for _, c in read_scene_record(record("scene_local", ("Tell.", MORE)))]
    scene = measure_scene(harbour())
    assert find_objects(claims, scene) == {"object 1", "object 2"}
    everything = "All ships lie in the left half. There are three ships."
    claims = [c for _, c in read_scene_record(record("scene_local", ("Tell.", everything)))]
    assert find_objects(claims, scene) == set()


def measure_scene(annotation):
    from lineament.claims.scenes_objects import read_scene

    return read_scene(annotation)


def test_richness_is_a_mean_over_descriptions():
    figures = measure(
        record("scene_local", ("Tell.", TOLD)), record("scene_global", ("Tell.", MORE))
    )
    assert figures.objects_a_description == 1.5  # the red ship; the red ship and the bridge
    assert figures.classes_a_description == 2
    assert figures.attributes_a_description == 1
    assert figures.relations_a_description == 0.5
    assert figures.rich_share == 0


def test_three_objects_are_asked_for_only_where_the_picture_has_them():
    few = harbour("few.png", BOXES[1:3])
    annotations = {"harbour.png": harbour(), "few.png": few}
    rich = f"{MORE} The largest ship lies in the top-left part."
    poor = record("scene_local", ("Tell.", "The bridge lies in the center."), media="few.png")
    full = record("scene_local", ("Tell.", rich))
    assert measure(poor, full, annotations=annotations).rich_share == 1
    thin = record("scene_global", ("Tell.", TOLD))
    assert measure(poor, full, thin, annotations=annotations).rich_share == 0.5


# Robustness: what is not there, what cannot be told, and the same question in other words.


def test_questions_on_what_is_not_there_and_on_what_cannot_be_told_are_apart():
    talk = record(
        "scene_dialogue",
        ("Is there an airplane?", "No, there is no airplane."),
        ("How many airplanes are there?", "There are no airplanes."),
        ("Who owns the bridge?", "That cannot be told from the picture."),
        ("How many ships are there?", "There are three ships."),
    )
    description = record("scene_global", ("Tell.", "There is no water."))
    figures = measure(talk, description)
    assert (figures.negative_share, figures.unanswerable_share) == (0.5, 0.25)


def test_other_wordings_are_asked_of_somebody_and_compared_with_the_record():
    counted = record("scene_count", ("How many ships are there?", "There are three ships."))
    others = [w.format(p="ships") for w in read_asks()["count"]]
    others.remove("How many ships are there?")
    asked = []

    def answer(question, annotation):
        asked.append(question)
        number = "two" if question == others[0] else "three"
        return f"There are {number} ships."

    agreed = measure(counted, answer=answer).paraphrase_agreement
    assert asked == others
    assert agreed == pytest.approx(1 - 1 / len(others))
    assert measure(counted).paraphrase_agreement is None


@pytest.mark.parametrize("said", ["Yes, it is.", "No, the bridge is not there."])
def test_yes_and_no_are_compared_whatever_follows(said):
    related = record(
        "scene_relation",
        ("Is the bridge to the right of the red ship?",
         "Yes, the bridge is to the right of the red ship."),
    )  # fmt: skip
    agreed = measure(related, answer=lambda question, annotation: said).paraphrase_agreement
    assert agreed == float(said.startswith("Yes"))
