"""A language model writes about scenes: the labels it gets, and what of its answers is kept."""

import base64
import io
import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="the extra [endpoint] is not installed")

from endpoint_stub import StubServer, run_stub
from lineament.annotation import Annotation, Fact, Subject
from lineament.endpoint import Settings
from lineament.errors import BadMedia, LineamentError
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.batch import BatchWriter
from lineament.records.write.endpoint import EndpointWriter
from lineament.records.write.prompts import SCENE_KINDS, STEPS, make_request, word_facts
from lineament.records.write.scenes.told import keep_rounds, keep_sentences
from lineament.records.write.scenes.writer import SCENE_COUNTS, SceneWriter
from lineament.records.write.steps import Plan, read_frames
from lineament.records.writers import Job
from lineament.render.scenes.sample import sample_scene

LISTED = ("ship", "vehicle", "bridge", "building", "storage_tank")
RIGHT = (
    "The white ship is about 30 meters long and runs horizontally.",
    "The bridge lies in the center.",
    "The white ship is to the left of the bridge.",
)
PLANTED = (
    "There are nine ships.",
    "The red ship lies in the top-right part.",
    "The bridge is to the left of the white ship.",
    "The gulls are loud.",
    "The white ship carries wooden containers.",
    "There are more bridges than ships.",
)
ROUNDS = [
    ("How many ships are there?", "There are two ships."),
    ("Is there a storage tank?", "No, there is no storage tank."),
    ("Are there more ships or more bridges? Think step by step.",
     "There are two ships and one bridge. Two is more than one, so it must be the former."),
]  # fmt: skip
WRONG_ROUNDS = [
    ("Where is the bridge?", "The bridge lies in the bottom-left part."),
    ("Which are more numerous, ships or bridges? Explain.",
     "There are two ships and one bridge. Two is more than one, so it must be the latter."),
]  # fmt: skip
QUESTIONS = [
    ("scene_box", "Give the box of: the bridge.", "[0.450, 0.400, 0.550, 0.600]", True),
    ("scene_box", "Locate: the red ship.", "[0.300, 0.800, 0.360, 0.860]", False),
    ("scene_yes_no", "Is there a building?", "Yes, there is a building.", True),
    ("scene_color", "What color is the building?", "The building is blue.", False),
    ("scene_relation", "Is the building below the bridge?", "No, it is above the bridge.", False),
    ("scene_kind", "What covers the ground?", "Water can be seen.", True),
]
UNREAD = ("scene_position", "Where is the red ship?", "The red ship was built in a far country.")


def harbour(media="harbour.png"):
    facts = [Fact("listed_class", name, subject="clip") for name in LISTED]
    facts += [Fact("water", True, subject="clip"), Fact("scene_class", "harbor", subject="clip")]
    things = (
        ("ship", (0.05, 0.05, 0.25, 0.12), "white"), ("ship", (0.1, 0.8, 0.16, 0.86), "red"),
        ("bridge", (0.45, 0.4, 0.55, 0.6), ""), ("building", (0.8, 0.8, 0.95, 0.95), "red"),
    )  # fmt: skip
    for number, (name, box, color) in enumerate(things):
        subject = f"object {number}"
        facts.append(Fact("object_class", name, subject=subject, region=box))
        facts += [Fact("object_color", color, subject=subject)] if color else []
    facts.append(Fact("length_meters", 30.0, subject="object 0"))
    facts.append(Fact("orientation_degrees", 2.0, subject="object 0"))
    subjects = tuple(Subject(f"object {n}", "object") for n in range(len(things)))
    return Annotation(media, subjects, tuple(facts), frozenset(("trees",)))


def words(body):
    return body["messages"][1]["content"][0]["text"]


def step_of(body):
    asked = words(body)
    return "ask" if '"questions"' in asked else "enrich" if '"local"' in asked else "caption"


def answer(body):
    if step_of(body) == "caption":
        return json.dumps({"caption": "A harbour with two ships."})
    if step_of(body) == "enrich":
        mixed = [s for pair in zip(RIGHT, PLANTED, strict=False) for s in pair]
        told = {"local": " ".join([*mixed, *PLANTED[3:]])}
        return json.dumps(told | {"global": "There are two ships. Trees can be seen."})
    rounds = [*ROUNDS[:2], *WRONG_ROUNDS, *ROUNDS[2:]]
    rows = [*(row[:3] for row in QUESTIONS), UNREAD, ("smile", "Who?", "There are two ships.")]
    return json.dumps(
        {"dialogue": [{"question": q, "answer": a} for q, a in rounds],
         "questions": [{"kind": k, "question": q, "answer": a} for k, q, a in rows]}
    )  # fmt: skip


def write(annotation, folder=None, plan=None):
    server = StubServer(answer)
    with run_stub(server) as url:
        settings = Settings(url, "stub", retry_seconds=0.01, timeout_seconds=60.0)
        writer = EndpointWriter(settings, plan or Plan(num_frames=1), folder)
        (outcome,) = writer.write_all([Job("key", annotation, {"source": "test"})])
    return server, outcome


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(tmp_path / "harbour.png")
    return tmp_path


def test_the_picture_and_the_labels_of_the_scene_go_to_the_server(folder):
    server, outcome = write(harbour(), folder)
    assert outcome.error == ""
    assert Counter(map(step_of, server.bodies)) == {"caption": 1, "enrich": 2, "ask": 1}
    by_step = {step_of(body): body for body in server.bodies}
    (part,) = by_step["caption"]["messages"][1]["content"][1:]
    data = base64.b64decode(part["image_url"]["url"].split(",")[1])
    assert Image.open(io.BytesIO(data)).size == (60, 40)
    for body in server.bodies:
        assert "aerial" in body["messages"][0]["content"]
        assert "people in pictures" not in body["messages"][0]["content"]
    labels = words(by_step["ask"])
    assert "[0.050, 0.050, 0.250, 0.120]" in labels
    assert "the white ship, white, about 30 meters long, runs horizontally" in labels
    assert "the white ship is to the left of the bridge" in labels
    assert "Number of ships: 2" in labels
    assert all(kind in labels for kind in SCENE_KINDS)


def test_of_descriptions_and_conversations_what_holds_is_kept_and_planted_errors_go(folder):
    _, outcome = write(harbour(), folder)
    records = {record.kind: record for record in outcome.records}
    assert records["scene_local"].turns[1].text == " ".join(RIGHT)
    assert records["scene_global"].turns[1].text == "There are two ships."
    assert "nine ships" in records["scene_local"].provenance["detail"]
    dialogue = [turn.text for turn in records["scene_dialogue"].turns]
    assert list(zip(dialogue[::2], dialogue[1::2], strict=True)) == ROUNDS
    assert outcome.records[0].provenance["writer"].startswith("endpoint stub")
    assert set(records) <= set(SCENE_COUNTS)


def test_the_build_keeps_right_answers_and_drops_wrong_ones(folder):
    _, outcome = write(harbour(), folder)
    verifier = Verifier()
    kept = {}
    for record in outcome.records:
        passed = not isinstance(verifier.verify(record, harbour()), Rejected)
        kept[record.turns[0].text] = passed
        if record.kind in ("scene_local", "scene_global", "scene_dialogue"):
            assert passed, record
    assert [kept[question] for _, question, _, _ in QUESTIONS] == [row[3] for row in QUESTIONS]
    assert UNREAD[1] not in kept  # nobody could check what it says
    assert "Who?" not in kept


def test_what_was_wrong_goes_back_once_and_is_not_shown_to_the_last_step(folder):
    server, _ = write(harbour(), folder)
    first, second = (words(body) for body in server.bodies if step_of(body) == "enrich")
    assert "leave it out" not in first
    assert "nine ships" in second.split("leave it out: ")[1]
    (last,) = (words(body) for body in server.bodies if step_of(body) == "ask")
    description = last.split("its labels, which are right")[0]
    assert RIGHT[0] in description
    assert "nine ships" not in description


def test_batch_files_take_scenes_through_the_same_steps(tmp_path):
    def make():
        return BatchWriter(tmp_path, "m", Plan(num_frames=0))

    jobs = [Job("key", harbour(), {"source": "test"})]
    for step in ("enrich", "ask"):
        with pytest.raises(LineamentError, match=f"requests-{step}"):
            list(make().write_all(jobs))
        (line,) = (tmp_path / f"requests-{step}.jsonl").read_text().splitlines()
        request = json.loads(line)
        message = {"role": "assistant", "content": answer(request["body"])}
        response = {"status_code": 200, "body": {"choices": [{"message": message}]}}
        row = {"custom_id": request["custom_id"], "error": None, "response": response}
        (tmp_path / f"answers-{step}.jsonl").write_text(json.dumps(row) + "\n")
    (outcome,) = make().write_all(jobs)
    assert [r.kind for r in outcome.records][:3] == ["scene_local", "scene_global",
                                                     "scene_dialogue"]  # fmt: skip


def test_a_scene_without_objects_costs_nothing():
    bare = Annotation("a.png", facts=(Fact("scene_class", "harbor", subject="clip"),))
    server, outcome = write(bare)
    assert server.bodies == []
    assert outcome.records == ()


def test_pictures_in_tiff_go_along_too(tmp_path):
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "a.tif")
    (url,) = read_frames(harbour("a.tif"), tmp_path, 4)
    assert Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).size == (30, 20)
    assert read_frames(harbour("a.tif"), None, 4) == ()
    with pytest.raises(BadMedia):
        read_frames(harbour("../a.tif"), tmp_path, 4)


def test_prompts_of_scenes_are_whole_and_those_of_faces_speak_of_people():
    for step in STEPS:
        request = make_request(step, harbour(), text="A draft.")
        assert not re.search(r"\{[a-z]+\}", words({"messages": request.messages}))
        assert request.schema is not None
    face = Annotation("a.jpg", (Subject("face 0"),), (Fact("smile", True),))
    request = make_request("ask", face, text="A draft.")
    assert "people in pictures" in request.messages[0]["content"]
    assert "scene_" not in words({"messages": request.messages})


def test_labels_say_what_is_not_there_and_what_may_be():
    labels = word_facts(harbour())
    assert "Not there: trees" in labels
    assert "storage tanks" in labels.split("None there: ")[1].splitlines()[0]
    facts = tuple(f for f in harbour().facts if f.value != "ship" or f.name != "listed_class")
    some = Annotation("a.png", harbour().subjects, facts)
    assert "Number of ships: at least 2" in word_facts(some)


def test_sentences_in_the_words_of_the_labels_are_all_kept():
    kinds = {"scene_local": 1, "scene_global": 1, "scene_dialogue": 1}
    for seed in (0, 1, 4):
        annotation = sample_scene(seed)
        for record in SceneWriter(kinds).write(annotation):
            texts = [turn.text for turn in record.turns]
            rounds = list(zip(texts[::2], texts[1::2], strict=True))
            if record.kind == "scene_dialogue":
                assert keep_rounds(rounds, annotation).wrong == ()
            else:
                assert keep_sentences(texts[1], annotation).wrong == ()


def test_a_sentence_that_leans_on_one_that_goes_is_read_again():
    text = "The bridge lies in the center. The red ship is blue. It lies in the bottom-left part."
    kept = keep_sentences(text, harbour())
    assert kept.parts == ("The bridge lies in the center.",)  # or it would speak of the bridge
    assert len(kept.wrong) == 2


def test_a_question_is_asked_once_in_a_conversation():
    kept = keep_rounds([ROUNDS[0], ROUNDS[0], ROUNDS[1]], harbour())
    assert [question for question, _ in kept.parts] == [ROUNDS[0][0], ROUNDS[1][0]]
