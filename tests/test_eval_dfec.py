"""DFEC captions: the published layout, right answers, absent clips, wrong splits, doubled ids."""

import json
from pathlib import Path

import numpy as np
import pytest

from endpoint_stub import StubServer, run_stub
from lineament.cli.app import run
from lineament.endpoint import Settings
from lineament.errors import BadInput
from lineament.evaluation.answerer import Blindfold, ChatAnswerer, Constant
from lineament.evaluation.events import ClaimEvents
from lineament.evaluation.events_endpoint import EndpointEvents, prompt_id, read_matches
from lineament.evaluation.judges import EndpointJudge, RuleJudge
from lineament.evaluation.run import run_task
from lineament.evaluation.scorers import measure_events
from lineament.evaluation.tasks.dfec import find_subject
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options, require_gradable
from lineament.video import write_clip

# As the file has them: the set's folder first, ids as texts, sentences on lines of their own.
ROWS = [
    ("0", "DFEW/videos/2961.mp4", "The clip is about a man with short grey hair.\nHe blinks. Then "
     "he turns his head, and at the end he smiles."),
    ("1", "CAER_mp4/train/Surprise/0932.mp4", "A woman with long black hair is shown. She raises "
     "her eyebrows, and then she talks. Towards the end she blinks."),
    ("2", "AFEW-VA/videos/460.mp4", "The clip is about a woman with a hat. She frowns, and then "
     "she closes her eyes. In the end she nods."),
    ("3", "RAVDESS/data/Actor_05/01-02-04-02-01-01-05.mp4", "A man with a beard yawns. Then he "
     "blinks, and then he talks."),
    ("4", "RAVDESS/data/Actor_05/01-02-04-02-01-01-06.mp4", "A bearded man smiles. After a while "
     "he shakes his head and laughs."),
    ("14", "MER24/video-labeled/sample_00001837.mp4", "A man with glasses nods and smiles. He "
     "then frowns."),
]  # fmt: skip
CHILD = ("15", "FERV39k/Action/Happy/0001.mp4", "A little boy laughs and then claps.")


def shade(place: int) -> np.ndarray:
    """Return a grey frame whose level tells its clip."""
    return np.full((32, 32, 3), 30 * place + 20, np.uint8)


def write_rows(folder: Path, rows) -> None:
    listed = [{"id": id, "video": video, "caption": caption} for id, video, caption in rows]
    (folder / "test.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")


def make_dfec(folder: Path) -> Path:
    """Write the list as it is published, and the clips where its paths say."""
    folder.mkdir(parents=True)
    write_rows(folder, [*ROWS, CHILD])
    for place, (_, video, _) in enumerate(ROWS):
        (folder / video).parent.mkdir(parents=True, exist_ok=True)
        write_clip(folder / video, [shade(place)] * 4, fps=8)
    return folder


def see(visual, questions):
    """Tell each clip by its level; with its hidden pictures all are the same."""
    place = min(round((float(visual.frames.mean()) - 20) / 30), len(ROWS) - 1)
    return [ROWS[place][2]] * len(questions)


@pytest.fixture
def folder(tmp_path) -> Path:
    return make_dfec(tmp_path / "DFEC")


def test_right_answers_reach_the_top_and_one_who_never_looks_does_not(folder):
    task = require_task("dfec")
    answerer = ChatAnswerer(see, "double")
    result, found, answered = run_task(task, answerer, folder, blind=Blindfold(answerer))
    figures = result.scores.figures
    assert answered.failures == {}
    assert task.headline == "cider"
    for name in ("bleu1", "bleu4"):
        assert figures[name].value == pytest.approx(100)
    for name in ("rouge_l", "event_f1", "event_precision", "event_recall", "event_order"):
        assert figures[name].value == pytest.approx(1), name
    for name, figure in figures.items():
        assert 0 <= figure.prior < figure.value, name
        assert figure.num_items == len(ROWS)
    blind = result.about["blind"]["metrics"]
    for name in ("cider", "rouge_l", "event_f1"):
        assert blind[name]["value"] <= figures[name].prior + 1e-6
    assert [item.id for item in found.items] == [f"dfec/{id}" for id, _, _ in ROWS]
    assert found.items[1].group == "CAER_mp4"
    assert result.about["excluded"] == {"not an adult": 1}
    metrics = {row["metric"] for row in result.about["published"]}
    assert metrics == {"cider", "rouge_l", "judge", "judged_event_f1"}
    published = {(row["system"], row["metric"]): row["value"] for row in result.about["published"]}
    assert published["FaVChat-Qwen2.5 7B", "cider"] == 0.443
    assert published["FaVChat-Qwen2.5 7B", "judge"] == 0.96  # 4.84 on a scale of 1 to 5
    assert all(row["source"] and row["caution"] for row in result.about["published"])


def test_a_constant_caption_earns_no_more_than_its_prior(folder):
    for caption in (ROWS[0][2], "A man blinks, smiles, talks, nods and frowns."):
        figures = run_task(require_task("dfec"), Constant(caption), folder)[0].scores.figures
        assert figures["cider"].value < 4  # of 10
        assert figures["event_order"].value < 0.6
    assert figures["event_precision"].value < 0.6


def test_predictions_are_scored_from_the_command(folder, tmp_path, capsys):
    path = tmp_path / "mine.jsonl"
    rows = [{"id": f"dfec/{id}", "prediction": caption} for id, _, caption in ROWS]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert run(["eval", "dfec", "--data", str(folder), "--predictions", str(path), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["task"], row["num_items"], row["headline"]) == ("dfec", len(ROWS), "cider")
    assert row["metrics"]["event_f1"]["value"] == 1
    assert row["metrics"]["event_f1"]["events"] == "claims"


def test_absent_and_damaged_clips_count_as_wrong_and_are_listed(folder):
    (folder / ROWS[0][1]).unlink()
    (folder / ROWS[2][1]).write_bytes(b"")
    result, _, answered = run_task(require_task("dfec"), ChatAnswerer(see, "double"), folder)
    assert set(answered.failures) == {"dfec/0", "dfec/2"}
    assert "no such file" in answered.failures["dfec/0"]
    figures = result.scores.figures
    assert figures["rouge_l"].value == pytest.approx(4 / 6)
    assert figures["event_f1"].value == pytest.approx(4 / 6)
    assert result.scores.unread_ids == ("dfec/0", "dfec/2")


def test_clips_may_lie_in_a_folder_of_videos(folder):
    (folder / "videos").mkdir()
    (folder / "DFEW").rename(folder / "videos" / "DFEW")
    found = require_task("dfec").read_items(folder, Options())
    assert found.open_media(ROWS[0][1]).frames.shape == (4, 32, 32, 3)


def test_wrong_splits_missing_and_damaged_lists_are_refused_by_name(folder, tmp_path):
    task = require_task("dfec")
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(folder, Options(split="train"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"holds no test\.json"):
        task.read_items(tmp_path / "empty", Options())
    (folder / "test.json").write_text('{"0": 1}')
    with pytest.raises(BadInput, match=r"test\.json: expected a list"):
        task.read_items(folder, Options())
    (folder / "test.json").write_text('[{"id": "0", "video"')
    with pytest.raises(BadInput, match=r"test\.json: not JSON"):
        task.read_items(folder, Options())


def test_doubled_ids_are_refused(folder):
    write_rows(folder, [*ROWS, ("3", "DFEW/videos/1.mp4", "A man nods.")])
    with pytest.raises(BadInput, match=r"twice.*dfec/3"):
        require_task("dfec").read_items(folder, Options())


def test_rows_that_cannot_be_used_are_dropped_and_counted(folder):
    rows = json.loads((folder / "test.json").read_text())
    rows += ["text", {"id": "90", "video": "a.mp4"}, {"id": "91", "video": "a.mp4", "caption": " "}]
    rows += [{"id": "92", "video": "../../secret.mp4", "caption": "A man nods."}]
    (folder / "test.json").write_text(json.dumps(rows))
    found = require_task("dfec").read_items(folder, Options())
    assert len(found.items) == len(ROWS)
    assert found.dropped == {"unreadable row": 4}


def test_actors_are_drawn_together_and_limits_take_some_of_each_set(folder):
    subjects = [find_subject(video) for _, video, _ in ROWS]
    assert len(set(subjects)) == len(ROWS) - 1
    assert subjects[3] == subjects[4] == "RAVDESS/data/Actor_05"
    found = require_task("dfec").read_items(folder, Options(limit=1))
    assert [item.group for item in found.items] == [
        "DFEW",
        "CAER_mp4",
        "AFEW-VA",
        "RAVDESS",
        "MER24",
    ]


def test_phrasings_are_asked_and_their_scores_stand_beside(folder):
    task = require_task("dfec")
    found = task.read_items(folder, Options(with_phrasings=True))
    assert len(found.items) == 3 * len(ROWS)
    assert len({item.question for item in found.items}) == 3
    answers = {item.id: item.truth[0] for item in found.items if item.phrasing != 2}
    scores = task.score(found.items, answers)
    first, second, third = scores.tables["phrasings"]["cider"]
    assert first == second == scores.figures["cider"].value > 5
    assert third == 0
    assert scores.figures["cider"].num_items == len(ROWS)


def test_a_judge_by_rule_grades_beside_the_other_figures(folder):
    task = require_gradable(require_task("dfec")).with_judge(RuleJudge())
    found = task.read_items(folder, Options())
    figures = task.score(found.items, {item.id: item.truth[0] for item in found.items}).figures
    assert figures["judge"].value == 1
    assert 0 <= figures["judge"].prior < 1
    assert "judged_event_f1" not in figures


def listen(body) -> str:
    """Grade, list and compare as a model would: by sentences, and by equal words."""
    text = body["messages"][-1]["content"]
    if text.startswith("Description:"):
        told = text.split("Description:\n")[1].split("\n\nGive")[0]
        return json.dumps({"events": [part.strip() for part in told.split(".") if part.strip()]})
    if text.startswith("Events to look for:"):
        events, others = (
            [line.split(". ", 1)[1] for line in part.strip().splitlines()]
            for part in text.split("Events to look for:")[1].split("Give")[0].split("Known events:")
        )
        by = [[n for n, other in enumerate(others, 1) if other == event] for event in events]
        matches = [{"event": n, "by": own} for n, own in enumerate(by, start=1)]
        return json.dumps({"matches": matches})
    return json.dumps({"reason": "so", "score": 7})


def test_a_judge_behind_a_server_also_lists_and_compares_events(folder):
    pytest.importorskip("aiohttp")
    stub = StubServer(listen)
    with run_stub(stub) as url:
        judge = EndpointJudge(Settings(url, "double", max_attempts=1), today=lambda: "2026-01-02")
        task = require_gradable(require_task("dfec")).with_judge(judge)
        found = task.read_items(folder, Options())
        answers = {item.id: item.truth[0] for item in found.items}
        answers["dfec/0"] = ""
        figures = task.score(found.items, answers).figures
        num_asked = len(stub.bodies)
        task.score(found.items, answers)
        assert len(stub.bodies) == num_asked  # everything was known
    assert figures["judge"].value == pytest.approx(0.7 * 5 / 6)
    assert figures["judged_event_f1"].value == pytest.approx(5 / 6)
    assert figures["judged_event_f1"].prior == 0
    assert figures["event_f1"].value == pytest.approx(5 / 6)
    extra = figures["judged_event_f1"].extra
    assert (extra["events"], extra["num_malformed"]) == ("double", 0)
    assert extra["prompt_id"] == prompt_id()


def test_the_command_matches_events_through_a_server_beside_the_rule(tmp_path, capsys):
    pytest.importorskip("aiohttp")
    path = tmp_path / "p.jsonl"
    row = {"id": 1, "prediction": "He nods. He waits.", "references": ["He nods.", "He yawns."]}
    path.write_text(json.dumps(row))
    with run_stub(StubServer(listen)) as url:
        assert run(["score", "captions", str(path), "--events", f"double@{url}", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["judged_event_precision"]["value"] == 0.5
    assert metrics["judged_event_recall"]["value"] == 1
    assert metrics["judged_event_f1"]["model"] == "double"
    assert metrics["event_precision"]["value"] == 1  # the rule knows no waiting


SAID = "She smiles. She nods. She blinks."


@pytest.mark.parametrize(
    ("caption", "precision", "recall", "order"),
    [
        (SAID, 1, 1, 1),
        ("She blinks. She nods. She smiles.", 1, 1, 1 / 3),  # turned about
        ("She smiles. She blinks.", 1, 2 / 3, 2 / 3),  # one is missing
        ("She smiles. She nods. She yawns. She blinks.", 3 / 4, 1, 3 / 4),  # one is made up
        ("She does not smile. She nods. She blinks.", 1, 2 / 3, 2 / 3),  # one is denied
        ("She smiles. She nods. She smiles. She blinks.", 1, 1, 3 / 4),  # one is told twice
        ("", 0, 0, 0),
    ],
)
def test_events_that_are_swapped_missing_or_made_up_cost_what_they_should(
    caption, precision, recall, order
):
    score = ClaimEvents().match_all([(caption, SAID)])[0]
    assert (score.precision, score.recall) == pytest.approx((precision, recall))
    assert score.order == pytest.approx(order)


def test_references_without_events_are_left_out_and_of_several_the_best_counts():
    rows = [
        {"id": 1, "prediction": "He nods.", "references": ["He blinks.", "He nods."]},
        {"id": 2, "prediction": "He nods.", "references": ["A man with a hat."]},
    ]
    measures = measure_events(rows, ClaimEvents())
    assert measures["event_f1"].ids == ["1"]
    assert measures["event_f1"].value == measures["event_order"].value == 1
    assert measures["event_f1"].extra["num_unscored"] == 1


def test_replies_without_lists_leave_captions_unscored_and_are_listed():
    pytest.importorskip("aiohttp")
    replies = iter(
        ['{"events": "none"}', '{"events": ["a"]}'] + ['{"matches": [{"event": 9, "by": [1]}]}'] * 2
    )
    rows = [{"id": 1, "prediction": "One.", "references": ["Two."]}]
    with run_stub(StubServer(lambda _: next(replies))) as url:
        matcher = EndpointEvents(Settings(url, "double", max_attempts=1, start_in_flight=1))
        measures = measure_events(rows, matcher)
        assert measures["judged_event_f1"].ids == []
        assert matcher.to_dict()["num_malformed"] == 1
    for number in (0, 2, True, "1", None):
        assert read_matches({"matches": [{"event": 1, "by": [number]}]}, (("a",), ("b",))) is None
    assert read_matches({"matches": [{"event": 1, "by": [1]}]}, (("a",), ("b",))).tolist() == [
        [True]
    ]
