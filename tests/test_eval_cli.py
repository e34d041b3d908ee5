"""`lineament eval` as it is typed: servers, chats, judges, zero-shot or not, failures listed."""

import base64
import io
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from lineament.cli.app import run
from lineament.evaluation.answerer import ChatAnswerer
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from test_eval_drawings import make_drawings
from test_eval_drawings import see as see_drawing
from test_eval_told import make_store, see_face


class Handler(BaseHTTPRequestHandler):
    """A server that sees how bright the first picture is; it also grades, and tells tokens.

    `tokens` says what it does when it is asked for log-probabilities: ``told``, ``none``,
    ``refused``, or ``other`` where no answer begins with yes or no.
    """

    bodies: ClassVar[list] = []
    keys: ClassVar[list] = []
    tokens: ClassVar[str] = "told"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        self.keys.append(self.headers.get("Authorization"))
        content = body["messages"][-1]["content"]
        if isinstance(content, str):  # an answer to grade: longer ones are better
            answer = content.split("Answer to grade:")[1].split("\n\n")[0].strip()
            score = min(len(answer) // 10, 10)
            self.reply(200, self.say(json.dumps({"reason": "so", "score": score})))
        elif body.get("logprobs") and self.tokens == "refused":
            self.reply(400, {"error": {"message": "logprobs is not supported"}})
        elif body.get("logprobs"):
            self.reply(200, self.weigh(content))
        else:
            level, question = look(content)
            self.reply(200, self.say(see_face(level, [question])[0]))

    def say(self, text):
        return {"choices": [{"message": {"content": text}}]}

    def weigh(self, content):
        level, question = look(content)
        row = self.say("Yes")
        if self.tokens != "none":
            yes = 0.7 if see_drawing(level, [question]) == ["Yes."] else 0.1
            told = {"Yes": yes, " yes": 0.1, "No": 0.15, "Maybe": 0.01}
            if self.tokens == "other":
                told = {"<think>": 0.9}
            top = [{"token": token, "logprob": math.log(p)} for token, p in told.items()]
            row["choices"][0]["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        return row

    def reply(self, status, row):
        data = json.dumps(row).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Seen:
    """Frames, for the doubles that judge by brightness."""

    def __init__(self, frames):
        self.frames = frames


def look(content):
    """Return what a message shows and asks."""
    data = content[0]["image_url"]["url"].split(",", 1)[1]
    return Seen(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))), content[-1]["text"]


@pytest.fixture
def server(monkeypatch) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.setattr(Handler, "tokens", "told")
    Handler.bodies.clear()
    Handler.keys.clear()
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}/v1"
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def found(store):
    return require_task("favchat-test").read_items(store, Options())


@pytest.fixture
def right(found, tmp_path) -> Path:
    """Write a file of right answers."""
    path = tmp_path / "right.jsonl"
    rows = [{"id": item.id, "prediction": str(item.truth)} for item in found.items]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ask(store: Path, *arguments: object) -> list[str]:
    return ["eval", "favchat-test", "--data", str(store), *map(str, arguments)]


def write_manifest(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


STRANGER = {"source": "elsewhere", "media": "x/a.png", "split_key": "somebody", "picture_hash": "0"}


@pytest.mark.parametrize(
    ("rows", "verdict", "says"),
    [
        ([STRANGER], True, "zero_shot: true, none is shared with 1 training examples"),
        (
            [STRANGER, STRANGER | {"split_key": "person-3"}], False,
            "zero_shot: false, shared with 2 training examples: 0 pictures, 0 media, 1 subjects; "
            "such as person-3",
        ),
        (
            [STRANGER, STRANGER | {"picture_hash": ""}], None,
            "zero_shot: null, not compared: 1 training examples without a hash of their pixels",
        ),
        ([], None, "zero_shot: null, nobody said what it was trained on"),
    ],
)  # fmt: skip
def test_zero_shot_is_printed_as_the_overlap_says(
    rows, verdict, says, store, right, tmp_path, capsys
):
    trained = ["--trained-on", write_manifest(tmp_path / "m.jsonl", *rows)] if rows else []
    arguments = ask(store, "--predictions", right, *trained)
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    assert says in printed
    assert "prompts: told " in printed
    assert run([*arguments, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["zero_shot"] is verdict
    assert ("overlap" in row) is bool(rows)
    assert row["prompts"].startswith("told ")


def test_what_a_model_was_trained_on_may_be_a_built_data_set(store, right, capsys):
    assert run(ask(store, "--predictions", right, "--trained-on", store)) == 0
    assert "zero_shot: false" in capsys.readouterr().out


def test_a_server_is_asked_and_scored_like_one_who_sees_the_same(store, server, capsys):
    assert run(ask(store, "--endpoint", server, "--model", "double", "--blind", "--json")) == 0
    row = json.loads(capsys.readouterr().out)
    here, _, _ = run_task(require_task("favchat-test"), ChatAnswerer(see_face, "double"), store)
    assert row["metrics"] == json.loads(json.dumps(here.to_dict()["metrics"]))
    assert row["metrics"]["skill"]["value"] > row["blind"]["metrics"]["skill"]["value"]
    assert (row["model"], row["num_failures"]) == ("double", 0)
    assert {body["model"] for body in Handler.bodies} == {"double"}
    assert set(Handler.keys) == {"Bearer a-key"}


def test_a_model_is_asked_through_chat_with_pictures_as_files(
    store, found, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("torch")
    from lineament.video import open_clip

    opened = []

    class Chat:
        def __init__(self, name, *, answerer):
            self.name = name
            opened.append(answerer)

        def ask(self, media, question):
            _, pixels = next(open_clip(media).frames())
            return see_face(Seen(pixels), [question])[0]

    monkeypatch.setattr("lineament.describe.chat.Chat", Chat)
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "favchat"}')
    arguments = ask(store, "--model", folder, "--through", "chat", "--blind", "--json")
    assert run(arguments) == 0
    row = json.loads(capsys.readouterr().out)
    assert opened == ["model", "blind"]
    assert row["identity"].startswith("chat own ")
    here, _, _ = run_task(require_task("favchat-test"), ChatAnswerer(see_face, "double"), store)
    assert row["metrics"]["skill"]["value"] == here.to_dict()["metrics"]["skill"]["value"]
    assert row["num_items"] == len(found.items)


def test_failures_are_all_on_record_and_the_first_few_printed(store, found, tmp_path, capsys):
    some = found.items[0]
    path = write_manifest(tmp_path / "one.jsonl", {"id": some.id, "prediction": "Yes."})
    out = tmp_path / "out"
    arguments = ask(store, "--predictions", path, "--out", out)
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    missing = len(found.items) - 1
    row = json.loads((out / "result.json").read_text())
    assert missing > 20
    assert row["num_failures"] == len(row["failures"]) == missing
    assert set(row["failures"]) == {item.id for item in found.items[1:]}
    assert f"failed, counted as wrong: {missing}" in printed
    assert printed.count(": no prediction") == 5
    assert f"and {missing - 5} more" in printed
    page = (out / "index.html").read_text()
    assert f"{missing - 20} more are in result.json" in page


def test_several_judges_grade_once_each_and_their_agreement_is_told(
    store, right, server, tmp_path, capsys
):
    out = tmp_path / "out"
    judges = ["--judge", "claims", "--judge", f"double@{server}"]
    arguments = ask(store, "--predictions", right, *judges, "--out", out)
    assert run(arguments) == 0
    printed = capsys.readouterr().out
    row = json.loads((out / "result.json").read_text())
    assert [judge["judge"] for judge in row["judges"]] == ["claims", "double"]
    assert row["metrics"]["judge"]["judge"] == "claims"
    assert row["metrics"]["judge/claims"]["value"] == row["metrics"]["judge"]["value"] == 1
    assert 0 < row["metrics"]["judge/double"]["value"] < 1
    (pair,) = row["judge_agreement"]
    assert pair["judges"] == ["claims", "double"]
    assert pair["num_items"] + pair["num_left_out"] == row["num_items"]
    assert "judges claims and double: kappa" in printed
    assert f"n {pair['num_items']}" in printed
    assert "judge: claims, F1 of claims" in printed
    page = (out / "index.html").read_text()
    assert "claims and double" in page
    texts = [body["messages"][-1]["content"] for body in Handler.bodies]
    assert len(texts) == len(set(texts))
    # The one behind the server is the first this time: graded for `judge`, and not again.
    Handler.bodies.clear()
    swapped = ask(store, "--predictions", right, *judges[2:], *judges[:2], "--json")
    assert run(swapped) == 0
    again = json.loads(capsys.readouterr().out)
    asked = [body["messages"][-1]["content"] for body in Handler.bodies]
    assert len(asked) == len(set(asked))
    assert set(texts) <= set(asked)  # the others are grades of other items' answers, the prior
    assert again["metrics"]["judge"]["value"] == again["metrics"]["judge/double"]["value"]
    assert again["judge_agreement"][0]["mean_difference"] == -pair["mean_difference"]


def test_judges_of_one_model_bear_their_servers_and_none_is_given_twice(store, right, capsys):
    from lineament.cli.evaluate import open_judges

    names = ["m@http://a/v1", "m@http://b/v1", "other@http://a/v1"]
    assert [judge.name for judge in open_judges(names)] == [*names[:2], "other"]
    twice = ["--judge", "claims", "--judge", "claims"]
    assert run(ask(store, "--predictions", right, *twice)) == 2
    assert "claims is given twice" in capsys.readouterr().err


def weigh(folder: Path, server: str, *more: str) -> list[str]:
    command = ["eval", "drawings", "--data", str(folder), "--split", "captions"]
    return [*command, "--endpoint", server, "--model", "vqa:double", *more]


def test_vqascore_is_read_from_a_servers_log_probabilities(tmp_path, server, capsys):
    folder = make_drawings(tmp_path / "drawn")
    assert run(weigh(folder, server, "--json")) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["model"] == "double, by likelihood"
    # Both spellings of yes count: 0.7 and 0.1 where the caption holds, twice 0.1 where it does not.
    assert row["metrics"]["vqa_score"]["value"] == pytest.approx(0.8)
    assert row["metrics"]["vqa_score_other"]["value"] == pytest.approx(0.2)
    assert row["metrics"]["vqa_told_apart"]["value"] == 1.0
    body = Handler.bodies[0]
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)
    assert body["model"] == "double"


@pytest.mark.parametrize("tokens", ["none", "refused"])
def test_a_server_without_log_probabilities_is_one_clear_error(
    tokens, tmp_path, server, monkeypatch, capsys
):
    monkeypatch.setattr(Handler, "tokens", tokens)
    folder = make_drawings(tmp_path / "drawn", 2)
    assert run(weigh(folder, server)) == 2
    error, hint = capsys.readouterr().err.strip().splitlines()[-2:]
    assert error == f"error: {server}: double gives no log-probabilities"
    assert "--model double" in hint


def test_answers_that_begin_otherwise_are_failures(tmp_path, server, monkeypatch, capsys):
    monkeypatch.setattr(Handler, "tokens", "other")
    folder = make_drawings(tmp_path / "drawn", 2)
    assert run(weigh(folder, server, "--json")) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["num_failures"] == row["num_items"]
    assert "neither yes nor no is among" in next(iter(row["failures"].values()))
    assert "<think>" in next(iter(row["failures"].values()))
