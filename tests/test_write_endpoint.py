"""Writing by a server and by batch files: three steps, read back, nothing paid for twice."""

import base64
import io
import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="the extra [endpoint] is not installed")

from endpoint_stub import Faults, StubServer, run_stub
from lineament.annotation import Annotation, Fact, Subject
from lineament.endpoint import Price, Settings
from lineament.errors import BadInput, BadMedia, BudgetSpent, LineamentError
from lineament.records.verify import CONTRADICTED, Rejected, Verifier
from lineament.records.write.batch import BatchWriter, read_answers
from lineament.records.write.endpoint import EndpointWriter
from lineament.records.write.journal import Journal
from lineament.records.write.key_frames import read_key_frames
from lineament.records.write.prompts import STEPS, make_request, word_facts
from lineament.records.write.steps import Plan, find_wrong, read_pairs, summary_record
from lineament.records.write.table import make_writer
from lineament.records.writers import Job, PaidWriter, WriterSettings

TRUE = "The clip shows a woman. She has brown hair. She smiles from 0.5 to 1.5 seconds."
WRONG = "The clip shows a woman. She has brown hair. She has a beard."
PAIRS = [
    {"kind": "color", "question": "What colour is her hair?", "answer": "Her hair is brown."},
    {"kind": "yes_no", "question": "Does she wear a hat?", "answer": "No, she has no hat."},
    {"kind": "which", "question": "Does she have a beard?", "answer": "Yes, she has a beard."},
]


def annotation(media="a.mp4"):
    facts = (
        Fact("male", False), Fact("brown_hair", True), Fact("eyeglasses", False),
        Fact("smile", True, span_seconds=(0.5, 1.5)),
    )  # fmt: skip
    closed = frozenset(("beard", "wearing_hat", "eyeglasses"))
    return Annotation(media, (Subject("face 0"),), facts, closed, duration_seconds=3.0)


def jobs(count):
    return [Job(f"key{n}", annotation(f"{n}.mp4"), {"source": "test"}) for n in range(count)]


def answer(body, summary=TRUE):
    text = body["messages"][1]["content"][0]["text"]
    if '"questions"' in text:
        return json.dumps({"questions": PAIRS})
    return json.dumps({"summary": summary} if '"summary"' in text else {"caption": "A person."})


def writer(url, *, plan=None, journal=None, folder=None, **values):
    quick = {"retry_seconds": 0.01, "breaker_seconds": 0.05, "timeout_seconds": 60.0}
    settings = Settings(url, "stub", **(quick | values))
    return EndpointWriter(settings, plan or Plan(num_frames=0), folder, journal)


def steps_of(server):
    words = {"caption": '"caption"', "enrich": '"summary"', "ask": '"questions"'}
    texts = [body["messages"][1]["content"][0]["text"] for body in server.bodies]
    return Counter(step for text in texts for step, word in words.items() if word in text)


def test_every_job_gives_a_summary_and_questions_with_their_origin():
    server = StubServer(answer)
    with run_stub(server) as url:
        outcomes = list(writer(url, price=Price(1.0, 10.0)).write_all(jobs(20)))
    assert sorted(o.key for o in outcomes) == sorted(f"key{n}" for n in range(20))
    assert steps_of(server) == {"enrich": 20, "ask": 20}
    for outcome in outcomes:
        assert [record.kind for record in outcome.records] == [
            "summary",
            "color",
            "yes_no",
            "which",
        ]
        assert outcome.records[2].provenance["polarity"] == "positive no"
        assert outcome.records[0].provenance["source"] == "test"
        assert "prompts-1" in outcome.records[0].provenance["writer"]
        assert outcome.tokens_in == 20
        assert outcome.cost == pytest.approx(0.00042)


def test_wrong_claims_are_found_by_the_verifier_and_true_ones_kept():
    with run_stub(StubServer(answer)) as url:
        (outcome,) = writer(url).write_all(jobs(1))
    results = [Verifier().verify(record, annotation("0.mp4")) for record in outcome.records]
    assert [isinstance(result, Rejected) for result in results] == [False, False, False, True]
    assert results[3].reason == CONTRADICTED


def test_a_wrong_summary_goes_back_once_and_only_what_holds_is_shown_to_the_last_step():
    server = StubServer(lambda body: answer(body, WRONG))
    with run_stub(server) as url:
        (outcome,) = writer(url).write_all(jobs(1))
    assert steps_of(server) == {"enrich": 2, "ask": 1}
    texts = [body["messages"][1]["content"][0]["text"] for body in server.bodies]
    assert "wrong or not certain" in texts[1]
    assert "beard" in texts[1].split("leave it out: ")[1].splitlines()[0]
    description = texts[2].split("labels, which are right")[0]
    assert "brown hair" in description
    assert "beard" not in description
    assert outcome.records[0].turns[1].text == WRONG  # the build cuts it, and keeps the reason


def test_answers_of_the_wrong_shape_are_left_out_and_the_rest_is_kept():
    rows = [1, None, {"question": "a"}, {"question": 3, "answer": "b"}, PAIRS[0],
            {"kind": "nonsense", "question": " What   now? ", "answer": "Brown hair."},
            {"question": "x", "answer": "y" * 5000}]  # fmt: skip
    assert read_pairs({"questions": rows}) == [
        ("color", PAIRS[0]["question"], PAIRS[0]["answer"]), ("list", "What now?", "Brown hair."),
    ]  # fmt: skip
    assert read_pairs({"questions": {"a": 1}}) == read_pairs({}) == []


def test_a_server_full_of_faults_loses_no_job_and_doubles_none():
    faults = Faults(error_share=0.1, cut_share=0.1, malformed_share=0.1, seed=1)
    with run_stub(StubServer(answer, faults)) as url:
        found = writer(url, max_attempts=15, breaker_failures=60).write_all(jobs(30))
        outcomes = list(found)
    assert Counter(o.key for o in outcomes) == dict.fromkeys((f"key{n}" for n in range(30)), 1)
    assert all(outcome.records for outcome in outcomes)


def test_answers_that_were_paid_for_are_not_asked_for_again(tmp_path):
    journal = tmp_path / "replies.jsonl"
    server = StubServer(answer)
    with run_stub(server) as url:
        first = list(writer(url, journal=journal).write_all(jobs(5)))
        asked = len(server.bodies)
        # As kill -9 leaves it: the last line is cut in the middle.
        data = journal.read_bytes()
        journal.write_bytes(data[:-20])
        again = list(writer(url, journal=journal).write_all(jobs(5)))
    assert asked == 10
    assert len(server.bodies) == 11
    ids = [sorted(r.id for o in run for r in o.records) for run in (first, again)]
    assert ids[0] == ids[1]


def test_a_journal_finds_what_was_written_and_passes_over_damage(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"key": "a", "text": "one"}\nnonsense\n[]\n{"key": "b", "te')
    journal = Journal(path)
    assert (journal.find("a"), journal.find("b")) == ("one", None)
    journal.append("c", "three\nlines")
    journal.close()
    again = Journal(path)
    assert again.find("c") == "three\nlines"
    assert len(again) == 2
    again.close()


def test_a_spent_budget_ends_the_build_after_what_was_paid_has_come_back():
    server = StubServer(answer, Faults(latency_seconds=0.005))
    outcomes = []
    with run_stub(server) as url, pytest.raises(BudgetSpent):
        outcomes.extend(writer(url, budget_tokens=900, max_in_flight=4).write_all(jobs(60)))
    done = [outcome for outcome in outcomes if outcome.records is not None]
    assert 5 <= len(done) < 60
    # Thirty tokens an answer: what jobs report is what the server gave.
    assert sum(o.tokens_in + o.tokens_out for o in outcomes) == 30 * server.statuses[200]
    assert 900 <= 30 * server.statuses[200] <= 900 + 4 * 30


def test_a_refused_key_ends_the_build_with_one_error():
    server = StubServer(answer)
    server.key = "right"
    with run_stub(server) as url, pytest.raises(BadInput, match="HTTP 401"):
        list(writer(url, api_key="wrong").write_all(jobs(10)))


def test_key_frames_go_along_as_data_urls_and_missing_media_cost_one_job(tmp_path, encode_clip):
    encode_clip(tmp_path / "0.mp4")
    server = StubServer(answer)
    plan = Plan(num_frames=3, num_questions=0)
    with run_stub(server) as url:
        outcomes = list(writer(url, plan=plan, folder=tmp_path).write_all(jobs(2)))
    by_key = {outcome.key: outcome for outcome in outcomes}
    assert by_key["key0"].records is not None
    assert "1.mp4" in by_key["key1"].error
    assert steps_of(server) == {"caption": 1, "enrich": 1}
    content = server.bodies[0]["messages"][1]["content"]
    urls = [part["image_url"]["url"] for part in content[1:]]
    assert len(urls) == 3
    image = Image.open(io.BytesIO(base64.b64decode(urls[0].split(",")[1])))
    assert image.size == (160, 96)


def test_frames_are_shrunk_and_references_stay_below_the_folder(tmp_path):
    Image.fromarray(np.zeros((900, 1200, 3), np.uint8)).save(tmp_path / "a.png")
    (url,) = read_key_frames("a.png", tmp_path)
    assert Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).size == (512, 384)
    frames = tmp_path / "clip"
    frames.mkdir()
    for number in range(10):
        Image.new("RGB", (20, 20), (number * 20, 0, 0)).save(frames / f"{number}.png")
    assert len(read_key_frames("clip", tmp_path, 4)) == 4
    for reference in ("../a.png", "/etc/passwd", "none.png", ""):
        with pytest.raises(BadMedia):
            read_key_frames(reference, tmp_path)


def test_prompts_hold_the_annotation_in_plain_words_and_no_leftovers():
    facts = word_facts(annotation())
    assert "female" not in facts
    assert re.search(r"smiles? from 0\.5 to 1\.5 seconds", facts)
    assert "does not have a beard" in facts
    for step in STEPS:
        request = make_request(step, annotation(), text="A draft.")
        text = request.messages[1]["content"][0]["text"]
        assert not re.search(r"\{[a-z]+\}", text)
        assert request.schema is not None


def test_a_draft_that_holds_is_returned_whole():
    record = summary_record(TRUE, annotation(), {}, "endpoint stub")
    assert find_wrong(record, annotation()) == (TRUE, "")
    text, wrong = find_wrong(summary_record(WRONG, annotation(), {}, "x"), annotation())
    assert "beard" not in text
    assert CONTRADICTED in wrong


def test_a_dry_run_tells_the_price_and_sends_nothing():
    found = writer("http://127.0.0.1:9/v1", price=Price(1.0, 2.0)).estimate([annotation()], 1000)
    assert found["requests"] == 2000
    assert found["cost"] == pytest.approx(
        (found["tokens_in"] + 2 * found["tokens_out"]) / 1e6, abs=1e-5
    )


# --- batch files


def send(folder, step, change=lambda number, row: row):
    """Answer a request file as a batch service does, and count its lines."""
    lines = (folder / f"requests-{step}.jsonl").read_text().splitlines()
    out = []
    for number, line in enumerate(lines):
        request = json.loads(line)
        assert request["url"] == "/v1/chat/completions"
        message = {"role": "assistant", "content": answer(request["body"])}
        body = {
            "choices": [{"message": message}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 5},
        }
        row = {"custom_id": request["custom_id"], "error": None,
               "response": {"status_code": 200, "body": body}}  # fmt: skip
        out.append(json.dumps(change(number, row)))
    (folder / f"answers-{step}.jsonl").write_text("\n".join(out) + "\n")
    return len(lines)


def batch(folder):
    return BatchWriter(folder, "m", Plan(num_frames=0), price=Price(1.0, 1.0))


def test_a_batch_goes_out_and_comes_back_step_by_step(tmp_path):
    for step in ("enrich", "ask"):
        with pytest.raises(LineamentError, match=f"4 requests wait in .*requests-{step}"):
            list(batch(tmp_path).write_all(jobs(4)))
        assert send(tmp_path, step) == 4
    outcomes = list(batch(tmp_path).write_all(jobs(4)))
    assert [o.key for o in outcomes] == [f"key{n}" for n in range(4)]
    assert [r.kind for r in outcomes[0].records] == ["summary", "color", "yes_no", "which"]
    assert outcomes[0].cost == pytest.approx(24e-6)


def test_batch_answers_that_are_damaged_cost_their_own_job_only(tmp_path):
    with pytest.raises(LineamentError):
        list(batch(tmp_path).write_all(jobs(5)))

    def change(number, row):
        if number == 0:
            return row | {"error": {"message": "expired"}}
        if number == 1:
            row["response"]["body"] = {"choices": []}
        if number == 2:
            row["response"]["body"]["choices"][0]["message"]["content"] = "no object"
        return row | {"custom_id": 7} if number == 3 else row

    send(tmp_path, "enrich", change)
    with (tmp_path / "answers-enrich.jsonl").open("a") as lines:
        lines.write('{"custom_id": "key4-enr\n')
    outcomes = []
    with pytest.raises(LineamentError, match="1 requests wait"):
        outcomes.extend(batch(tmp_path).write_all(jobs(5)))
    errors = {outcome.key: outcome.error for outcome in outcomes}
    assert set(errors) == {"key0", "key1", "key2"}  # 3 is asked again, 4 goes to the next step
    assert "expired" in errors["key0"]
    assert "no JSON object" in errors["key2"]


def test_answer_files_are_read_line_by_line(tmp_path):
    path = tmp_path / "answers-ask.jsonl"
    path.write_text('[1]\n{"custom_id": "a", "response": {"status_code": 500, "body": "x"}}\n')
    first, (key, found) = read_answers(path)
    assert first.reason == "unreadable row"
    assert key == "a"
    assert "500" in found.error


# --- by name


def test_paid_writers_are_made_from_text_options(tmp_path):
    options = {"url": "http://127.0.0.1:1/v1", "model": "m", "questions": "2", "in_flight": "8"}
    made = make_writer("endpoint", WriterSettings(options=options))
    assert isinstance(made, PaidWriter)
    assert made.name == "endpoint m"
    assert "2 questions" in made.sampling
    made = make_writer("batch", WriterSettings(options={"model": "m", "batch": str(tmp_path)}))
    assert isinstance(made, PaidWriter)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [("endpoint", {"model": "m"}, "url"), ("endpoint", {"url": "http://x/v1"}, "model"),
     ("endpoint", {"url": "http://x/v1", "model": "m", "frames": "many"}, "frames"),
     ("endpoint", {"url": "http://x/v1", "model": "m", "budgets": "3"}, "budgets"),
     ("endpoint", {"url": "http://x/v1", "model": "m", "budget_money": "-3"}, "budget_money"),
     ("endpoint", {"url": "http://x/v1", "model": "m", "budget_money": "3"}, "prices"),
     ("batch", {"model": "m"}, "batch"), ("templat", {}, "templat")],
)  # fmt: skip
def test_options_that_cannot_work_are_refused(name, options, words):
    with pytest.raises(BadInput, match=words):
        make_writer(name, WriterSettings(options=options))
