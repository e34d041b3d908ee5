"""Replies of no use are all on record, each by its own item, and what a server adds is kept."""

import asyncio
import dataclasses
import json
import re

import pytest

from endpoint_stub import StubServer, run_stub
from lineament.endpoint import EndpointClient, Request, Settings
from lineament.evaluation.answerer import Constant
from lineament.evaluation.events_endpoint import EndpointEvents
from lineament.evaluation.item import ItemSet
from lineament.evaluation.judge_agreement import judge_result
from lineament.evaluation.judges import EndpointJudge, Judged, RuleJudge
from lineament.evaluation.page import SHOWN_FAILURES, write_run_page
from lineament.evaluation.result import Result
from lineament.evaluation.run import run_task
from lineament.evaluation.served_likelihood import read_tokens
from lineament.evaluation.tasks.grades import KeptGrades, name_priors
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options, require_gradable
from test_eval_dfec import make_dfec, write_rows

NUM_CLIPS = 30


class Mute:
    """A judge whose replies are never of use."""

    name = "mute"

    def judge(self, question, reference, answer):
        return None

    def judge_all(self, cases):
        silent = {case.id: f"no number as score: {case.answer}" for case in cases}
        return Judged(self.name, dict.fromkeys(silent), silent, {"date": "2026-01-02"})


@pytest.fixture
def folder(tmp_path):
    """More clips, all asked about in the same words, than a page lists."""
    made = tmp_path / "dfec"
    made.mkdir()
    rows = [(str(n), f"SET/{n}.mp4", f"A man nods {n + 2} times.") for n in range(NUM_CLIPS)]
    write_rows(made, rows)
    return made


def test_every_reply_without_a_grade_is_in_the_result_and_the_page_tells_how_many(folder, tmp_path):
    result, found, answered = run_task(
        require_task("dfec"), Constant("He nods."), folder, judge=Mute()
    )
    row = json.loads(json.dumps(result.to_dict()))["metrics"]["judge"]
    items = {id: why for id, why in row["malformed"].items() if not id.startswith("prior ")}
    assert set(items) == {f"dfec/{n}" for n in range(NUM_CLIPS)}
    assert set(items.values()) == {"no number as score: He nods."}
    # The prior comes from captions of other clips, of which none was graded either.
    assert len(row["malformed"]) == row["num_malformed"] == 2 * NUM_CLIPS
    assert row["num_unjudged"] == NUM_CLIPS
    page = write_run_page(tmp_path / "page.html", result, found, answered.answers).read_text()
    listed = page.split("Replies without a grade")[1].split("</section>")[0]
    assert len(re.findall("no number as score", listed)) == SHOWN_FAILURES
    assert f"{2 * NUM_CLIPS - SHOWN_FAILURES} more are in result.json" in listed


def test_a_page_without_such_replies_has_no_such_part(folder, tmp_path):
    result, found, answered = run_task(
        require_task("dfec"), Constant("He nods."), folder, judge=RuleJudge()
    )
    page = write_run_page(tmp_path / "page.html", result, found, answered.answers).read_text()
    assert "Replies without a grade" not in page


def test_grades_are_told_of_the_rows_given_and_no_others():
    grades = KeptGrades(Mute())
    one, other = ("Q?", "a", "b"), ("Q?", "a", "c")
    assert grades.grade_all([one, other, ("Q?", "a", " ")]) == [None, None, 0.0]
    told = grades.describe({"1": one})
    assert (told["num_malformed"], told["malformed"]) == (1, {"1": "no number as score: b"})
    both = grades.describe({"1": one} | name_priors([other]))
    assert list(both["malformed"]) == ["1", "prior 1"]


def test_every_reply_without_events_is_on_record():
    pytest.importorskip("aiohttp")
    texts = [f"He nods {n} times." for n in range(NUM_CLIPS)]
    with run_stub(StubServer('{"events": "none"}')) as url:
        matcher = EndpointEvents(Settings(url, "double", max_attempts=1))
        assert matcher.match_all([(text, "He waits.") for text in texts]) == [None] * NUM_CLIPS
    told = matcher.to_dict()
    assert told["num_malformed"] == len(told["malformed"]) == NUM_CLIPS + 1
    assert set(texts) <= told["malformed"].keys()


def test_two_comparisons_of_one_list_without_an_answer_are_two():
    pytest.importorskip("aiohttp")

    def answer(body):
        text = body["messages"][-1]["content"]
        if not text.startswith("Description:"):
            return '{"matches": [{"event": 9, "by": [9]}]}'
        return json.dumps({"events": [text.split("Description:\n")[1].split("\n")[0]]})

    with run_stub(StubServer(answer)) as url:
        matcher = EndpointEvents(Settings(url, "double", max_attempts=1))
        assert matcher.match_all([("He nods.", "One."), ("He nods.", "Two.")]) == [None, None]
    assert matcher.to_dict()["num_malformed"] == 4  # both ways each


def test_several_judges_grade_the_wording_that_counts_alone(tmp_path):
    task = require_gradable(require_task("dfec"))
    folder = make_dfec(tmp_path / "dfec")
    found = task.read_items(folder, Options(with_phrasings=True))
    plain = [item for item in found.items if item.phrasing == 0]
    assert len(found.items) > len(plain)
    answers = {i.id: i.truth[0] if i.phrasing == 0 else "Nothing." for i in found.items}
    judge = RuleJudge()
    own = task.with_judge(judge).score(found.items, answers)
    result = Result("dfec", "double", own, len(found.items), 0.0)
    judged = judge_result(result, found, answers, [judge]).scores.figures
    assert judged["judge/claims"].value == judged["judge"].value == 1
    assert judged["judge/claims"].num_items == len(plain)
    changed = {**answers, plain[0].id: "Nothing."}
    less = judge_result(result, found, changed, [judge]).scores.figures
    assert less["judge/claims"].value < 1
    other = dataclasses.replace(found, items=tuple(plain))
    assert isinstance(other, ItemSet)
    assert judge_result(result, other, answers, [judge]).scores.figures == judged


def test_a_reply_brings_the_whole_answer_of_the_server():
    pytest.importorskip("aiohttp")

    async def ask(url):
        async with EndpointClient(Settings(url, "double")) as client:
            return await client.complete(Request(({"role": "user", "content": "Hi"},)))

    with run_stub(StubServer("Yes.")) as url:
        reply = asyncio.run(ask(url))
    assert reply.text == "Yes."
    assert reply.answer["choices"][0]["finish_reason"] == "stop"
    assert "finish_reason" not in repr(reply)


@pytest.mark.parametrize(
    ("logprobs", "tokens"),
    [
        ({"content": [{"top_logprobs": [{"token": "Yes", "logprob": -1}]}]}, [("Yes", -1.0)]),
        ({"content": [{"top_logprobs": [{"token": "Yes"}, "no"]}]}, []),
        ({"content": []}, []),
        ({"content": [{"top_logprobs": None}]}, []),
        (None, []),
    ],
)
def test_first_tokens_are_read_from_an_answer_or_there_are_none(logprobs, tokens):
    assert read_tokens({"choices": [{"logprobs": logprobs}]}) == tokens
    assert read_tokens({}) == []


def test_the_judge_of_a_server_is_named_with_what_it_could_not_grade(folder):
    pytest.importorskip("aiohttp")
    with run_stub(StubServer("I would rather not.")) as url:
        judge = EndpointJudge(Settings(url, "double", max_attempts=1), today=lambda: "2026-01-02")
        task = require_gradable(require_task("dfec")).with_judge(judge)
        found = task.read_items(folder, Options())
        answers = {item.id: "He nods." for item in found.items}
        extra = task.score(found.items, answers).figures["judge"].extra
    assert extra["num_unjudged"] == NUM_CLIPS
    assert {item.id for item in found.items} <= extra["malformed"].keys()
