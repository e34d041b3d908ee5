"""Models as answerers: ours, a chat, a server; counterfactual pairs tell who looks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from evaluation_toys import noise, toy_answerer
from lineament.evaluation.answerer import Asked, Blindfold, ChatAnswerer, Constant, Failure
from lineament.evaluation.item import ItemSet, Visual
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.counterfactual import Counterfactual, ask_pair, draw_media
from lineament.evaluation.tasks.task import Options

COUNT = 17


@pytest.fixture(scope="module")
def pairs():
    pytest.importorskip("skia")
    return Counterfactual().read_items(Path(), Options(count=COUNT))


def test_pairs_differ_in_what_is_asked_and_controls_do_not(pairs):
    targets = [item for item in pairs.items if item.name == item.group]
    by_pair = {}
    for item in targets:
        by_pair.setdefault(item.subject, []).append(item)
    assert all(len(own) == 2 and own[0].truth is not own[1].truth for own in by_pair.values())
    truths = {}
    for item in pairs.items:
        if item.name != item.group:
            truths.setdefault((item.subject, item.name), set()).add(item.truth)
    assert truths
    assert all(len(known) == 1 for known in truths.values())
    one, other = (draw_media(item.media).frames for item in next(iter(by_pair.values())))
    assert (one != other).any()


def test_one_who_looks_flips_pairs_and_one_who_guesses_flips_none(pairs):
    task = Counterfactual()
    truth = {item.id: "Yes." if item.truth else "No." for item in pairs.items}
    seeing = task.score(pairs.items, truth).figures
    assert seeing["flipped"].value == seeing["clean"].value == 1.0
    for word in ("Yes.", "No.", "I cannot tell."):
        blind = task.score(pairs.items, dict.fromkeys(truth, word)).figures
        assert blind["flipped"].value == 0.0
    # The prior of every figure is what the same word to everything has.
    constant = task.score(pairs.items, dict.fromkeys(truth, "Yes.")).figures
    bias = constant.pop("yes_bias")
    assert bias.value == np.mean([not item.truth for item in pairs.items])
    assert all(figure.value == figure.prior for figure in constant.values())
    # A lucky guesser is right on one side of each pair, and still flips none.
    guess = task.score(pairs.items, dict.fromkeys(truth, "Yes.")).figures
    assert guess["one_right"].value == 0.5
    restless = {
        i.id: truth[i.id] if i.name == i.group else ("Yes." if "after" in i.id else "No.")
        for i in pairs.items
    }
    unsteady = task.score(pairs.items, restless).figures
    assert unsteady["flipped"].value == 1.0
    assert unsteady["clean"].value < 0.2


class SunglassPairs:
    """Five pairs of the drawn task: the same face without sunglasses and with them."""

    name, about, headline = "counterfactual", "five of its pairs", "flipped"
    needs_folder, splits, published = False, ("test",), ()

    def read_items(self, folder, options):
        seeds = range(700_001, 700_006)
        items = [item for seed in seeds for item in ask_pair(seed, "sunglasses")]
        return ItemSet(tuple(items), draw_media)

    def score(self, items, answers):
        return Counterfactual().score(items, answers)


def see_sunglasses(visual, questions):
    """Say yes to sunglasses where the pixels about the eyes are dark, and no to all else."""
    is_dark = visual.frames[0, 50:66, 40:88].mean() < 115
    return ["Yes." if is_dark and "sunglasses" in asked else "No." for asked in questions]


def test_one_who_reads_the_pixels_flips_drawn_pairs_and_its_blind_copy_flips_none():
    pytest.importorskip("skia")
    answerer = ChatAnswerer(see_sunglasses, "double")
    result, found, answered = run_task(SunglassPairs(), answerer, Path(), blind=Blindfold(answerer))
    assert len({item.subject for item in found.items}) == 5
    assert not answered.failures
    figures, blind = result.scores.figures, result.about["blind"]
    assert figures["flipped"].value == figures["clean"].value == 1.0
    assert blind["metrics"]["flipped"]["value"] == blind["metrics"]["clean"]["value"] == 0.0
    # Right on one side of each pair by luck, and steady: neither tells it from one who looks.
    assert blind["metrics"]["one_right"]["value"] == 0.5
    assert blind["metrics"]["stable"]["value"] == 1.0
    gain = blind["difference"]["flipped"]
    assert gain["value"] == 1.0
    assert gain["low"] > 0


def test_pairs_are_asked_in_three_wordings_and_the_first_counts():
    pytest.importorskip("skia")
    task = Counterfactual()
    found = task.read_items(Path(), Options(count=3, with_phrasings=True))
    plain = [item for item in found.items if item.phrasing == 0]
    assert len(found.items) == 3 * len(plain)
    assert [i.id for i in plain] == [i.id for i in task.read_items(Path(), Options(count=3)).items]
    answers = {i.id: "Yes." if i.truth else "No." for i in found.items if i.phrasing != 1}
    scores = task.score(found.items, answers)
    assert scores.figures["flipped"].value == 1.0
    assert scores.figures["flipped"].extra == {"by_phrasing": [1.0, 0.0, 1.0], "phrasing_range": 1}
    assert scores.figures["yes_bias"].value == 0.0
    assert not scores.wrong_ids


def test_a_constant_runs_the_drawn_task_without_drawing():
    pytest.importorskip("skia")
    result, _, answered = run_task(
        Counterfactual(), Constant("Yes."), Path(), options=Options(count=3)
    )
    assert not answered.failures
    assert result.scores.figures["flipped"].value == 0.0


class Handler(BaseHTTPRequestHandler):
    """A server that sees how bright the first picture is, and refuses one question."""

    def do_POST(self):
        import base64
        import io

        from PIL import Image

        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][0]["content"]
        url = content[0]["image_url"]["url"]
        image = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))
        if "refuse" in content[-1]["text"]:
            self.send_response(400)
            self.end_headers()
            return
        num_pictures = sum(part["type"] == "image_url" for part in content)
        text = f"{'bright' if np.asarray(image).mean() > 128 else 'dark'} {num_pictures}"
        reply = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}/v1"
    served.shutdown()
    served.server_close()
    thread.join()


def test_a_server_gets_frames_and_question_and_its_refusal_is_a_failure(server):
    pytest.importorskip("aiohttp")
    from lineament.endpoint import Settings
    from lineament.evaluation.served import EndpointAnswerer

    answerer = EndpointAnswerer(Settings(server, "double", max_attempts=1), max_frames=4)
    bright = Visual(np.full((1, 16, 16, 3), 240, np.uint8))
    clip = Visual(np.full((9, 16, 16, 3), 10, np.uint8), tuple(n / 25 for n in range(9)))
    answers = answerer.answer(
        [Asked("a", "q", visual=bright), Asked("b", "q", visual=clip),
         Asked("c", "refuse", visual=clip)]
    )  # fmt: skip
    assert answers[:2] == ["bright 1", "dark 4"]
    assert isinstance(answers[2], Failure)


def test_a_chat_gets_pictures_and_clips_as_files():
    from lineament.evaluation.served import answerer_from_chat
    from lineament.video import open_clip

    class Double:
        name = "double"

        def ask(self, media, question):
            clip = open_clip(media)
            return f"{question} {clip.num_frames} {next(clip.frames())[1].mean() > 128}"

    picture = Visual(np.full((1, 32, 32, 3), 240, np.uint8))
    clip = Visual(np.full((9, 32, 32, 3), 10, np.uint8), tuple(n / 25 for n in range(9)))
    answerer = answerer_from_chat(Double())
    assert isinstance(answerer, ChatAnswerer)
    asked = [Asked("a", "one", visual=picture), Asked("b", "two", visual=clip)]
    assert answerer.answer(asked) == ["one 1 True", "two 9 False"]


def test_options_are_lettered_in_the_prompt():
    asked = Asked("a", "Which?", ("cat", "dog"))
    assert asked.prompt.splitlines()[:3] == ["Which?", "A. cat", "B. dog"]


def test_our_model_answers_a_batch_as_it_answers_one_by_one():
    answerer, rng = toy_answerer(), np.random.default_rng(0)
    visuals = [noise(count, rng=rng) for count in (1, 1, 5)]
    asked = [Asked(str(n), q, visual=v) for n, v in enumerate(visuals) for q in ("a", "b?")]
    together = answerer.answer(asked)
    assert together == [answerer.answer([one])[0] for one in asked]
    blind = answerer.blindfolded()
    assert blind.identity != answerer.identity
    assert blind.name.endswith("blind")
    unseen = blind.answer(asked)
    # Two pictures are the same to the blind, and not to the one who sees.
    assert unseen[:2] == unseen[2:4]
    assert together[:2] != together[2:4]
