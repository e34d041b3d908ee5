"""`lineament eval`: real layouts read, answers scored, runs resumed, the blind told apart."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.cli.app import run
from lineament.errors import BadInput, LineamentError
from lineament.evaluation.answerer import (
    Asked,
    Blindfold,
    ChatAnswerer,
    Constant,
    Failure,
    PredictionsFile,
)
from lineament.evaluation.flags import find_yes_bias, measure_flags
from lineament.evaluation.item import Item, ItemSet, Visual, limit_media
from lineament.evaluation.prompts import read_prompts
from lineament.evaluation.reading import (
    read_choice,
    read_flag,
    read_older,
    read_short,
    read_spans,
    read_years,
)
from lineament.evaluation.run import AnswerLog, answer_items, run_task
from lineament.evaluation.tasks.first_light import FirstLight
from lineament.evaluation.tasks.rendered import RenderedFaces
from lineament.evaluation.tasks.table import TASKS, require_task
from lineament.evaluation.tasks.task import Options, Task
from test_eval_page import read_dots, read_page

FFHQ_COLUMNS = [
    "image",
    "n_faces",
    "rect_left",
    "rect_top",
    "rect_width",
    "rect_height",
    "gender",
    "age",
    "smile",
    "glasses",
    "moustache",
    "beard",
    "sideburns",
    "emotion_anger",
    "emotion_contempt",
    "emotion_disgust",
    "emotion_fear",
    "emotion_happiness",
    "emotion_neutral",
    "emotion_sadness",
    "emotion_surprise",
    "pose_pitch",
    "pose_roll",
    "pose_yaw",
    "bald",
    "hair_invisible",
    "hair_black",
    "hair_brown",
    "hair_blond",
    "hair_red",
    "hair_gray",
    "hair_other",
    "eye_makeup",
    "lip_makeup",
    "foreheadOccluded",
    "eyeOccluded",
    "mouthOccluded",
    "accessories",
    "blur",
    "exposure",
    "noise",
]


def encode(level: int) -> bytes:
    """Return a JPEG whose brightness tells what the double below knows to look for."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), level, np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_csv(path: Path, columns, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="0")
        writer.writeheader()
        writer.writerows(rows)


def make_faces(folder: Path, count: int = 24) -> Path:
    """Write the four sets of first-light in their own layouts: men are bright, women dark."""
    make_ffhq(folder / "ffhq-adult-882", count)
    make_fairface(folder / "fairface-adult", count)
    make_lfw(folder / "lfw-expressions", count)
    make_london(folder / "london-webmorph", count)
    return folder


def make_ffhq(folder: Path, count: int) -> None:
    rows = []
    for n in range(count):
        image, is_male = f"{n // 3 * 10 + n % 3:05d}", n % 2 == 0
        rows.append(
            {
                "image": image, "n_faces": 1, "rect_left": 20, "rect_top": 20, "rect_width": 80,
                "rect_height": 80, "gender": "male" if is_male else "female",
                "age": 30 if n % 3 else 60, "smile": 0.9 if is_male else 0.0,
                "glasses": "ReadingGlasses" if n % 4 == 0 else "NoGlasses",
                "beard": 0.6 if is_male else 0.0, "hair_black": 0.9 if is_male else 0.1,
                "hair_blond": 0.1 if is_male else 0.95, "lip_makeup": int(not is_male),
                "accessories": "headwear:0.9" if n % 5 == 0 else "",
            }
        )  # fmt: skip
        path = folder / "images" / f"{image}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(200 if is_male else 60))
    write_csv(folder / "labels.csv", FFHQ_COLUMNS, rows)


def make_fairface(folder: Path, count: int) -> None:
    columns = ("image", "shard", "age_low", "age_high", "gender", "race")
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "images-8.zip", "w") as shard:
        for n in range(count):
            low = 20 + n % 6 * 10
            row = {"image": f"train_{n:05d}", "shard": 8, "age_low": low}
            row |= {"age_high": "" if low == 70 else low + 9, "race": "Indian"}
            row["gender"] = "male" if n % 2 == 0 else "female"
            rows.append(row)
            shard.writestr(f"train_{n:05d}.jpg", encode(200 if n % 2 == 0 else 60))
    rows.append(rows[0] | {"image": "train_99999", "shard": 7})
    write_csv(folder / "labels.csv", columns, rows)


def make_lfw(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    jpegs = [encode(200 if n % 2 == 0 else 60) for n in range(count)]
    names = ["neutral", "happiness", "surprise"]
    np.savez(
        folder / "lfw_expressions_112.npz",
        blob=np.frombuffer(b"".join(jpegs), np.uint8),
        offsets=np.cumsum([0] + [len(jpeg) for jpeg in jpegs]),
        emotion=np.array([2 if n % 6 == 5 else 1 - n % 2 for n in range(count)], np.int8),
        emotion_names=np.array(names),
        person=np.arange(count, dtype=np.int32),
        split=np.array([n % 4 // 2 for n in range(count)], np.int8),
        split_names=np.array(["val", "train"]),
    )


def make_london(folder: Path, count: int) -> None:
    columns = ("image", "set", "person", "expression", "age", "gender", "ethnicity", "licence")
    rows = []
    for n in range(count):
        image = f"images/neutral_front_{n:03d}_03.jpg"
        rows.append(
            {
                "image": image, "set": "neutral_front", "person": f"london_{n // 2:03d}",
                "expression": "smiling" if n % 2 == 0 else "neutral", "age": 30,
                "gender": "male" if n % 2 == 0 else "female", "ethnicity": "white",
                "licence": "CC BY 4.0",
            }
        )  # fmt: skip
        path = folder / image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(200 if n % 2 == 0 else 60))
    write_csv(folder / "labels.csv", columns, rows)


class Looker:
    """Answers by brightness alone: bright pictures show bearded, smiling, black-haired men."""

    name = identity = "looker"
    is_looking = True
    num_media = 3
    TRUE_OF_BRIGHT = ("man", "smil", "beard", "black", "happy")

    def __init__(self):
        self.num_asked = 0

    def answer(self, batch):
        self.num_asked += len(batch)
        return [self.say(asked) for asked in batch]

    def say(self, asked: Asked) -> str:
        question = asked.question.lower()
        if "old" in question and "older" not in question:
            return "About 45 years old."
        is_bright = asked.visual.frames.mean() > 128
        holds = any(word in question for word in self.TRUE_OF_BRIGHT) == is_bright
        is_denied = any(word in question for word in ("true", "correct", "right"))
        return "Yes." if holds != is_denied else "No."


@pytest.fixture
def faces(tmp_path) -> Path:
    return make_faces(tmp_path / "face")


def test_every_task_follows_the_protocol_and_has_a_headline():
    for name, task in TASKS.items():
        assert isinstance(task, Task)
        assert task.name == name
        assert task.headline
    with pytest.raises(BadInput, match="frist-light"):
        require_task("frist-light")


def test_first_light_reads_only_dev_parts_in_their_own_layouts(faces):
    found = FirstLight().read_items(faces, Options())
    ids = {item.id for item in found.items}
    assert "ffhq/00010/male/is/0" in ids
    assert not any("/train_99999/" in id for id in ids)  # shard 7 is for training
    lfw = [item for item in found.items if item.group == "lfw/happy" and not item.is_denied]
    assert len(lfw) == 10  # 12 of val, two of them surprised
    assert not any("ancestry" in item.question or "race" in item.question for item in found.items)
    assert found.items[0].audit["sex"] == "male"


def test_a_model_that_looks_beats_its_blind_copy_and_both_are_compared_in_pairs(faces):
    looker = Looker()
    result, _, _ = run_task(FirstLight(), looker, faces, blind=Blindfold(looker))
    figures = result.scores.figures
    assert figures["ffhq/male"].value == 1.0
    assert figures["fairface/male"].value == 1.0
    assert figures["ffhq/male"].extra["denied"] == 1.0
    assert figures["agreement"].value == 1.0
    blind = result.about["blind"]
    assert blind["metrics"]["ffhq/male"]["value"] == 0.5
    gain = blind["difference"]["ffhq/male"]
    assert gain["value"] == 0.5
    assert gain["low"] > 0.2


@pytest.mark.parametrize("text", ["Yes.", "No.", "I cannot tell.", "", "About 45 years old."])
def test_a_constant_answer_never_looks_good_in_the_headline(faces, text):
    result, _, _ = run_task(FirstLight(), Constant(text), faces)
    figures = result.scores.figures
    assert figures["balanced_accuracy"].value <= 0.5
    assert figures["fairface/age_within_one_balanced"].value <= 0.5
    if text in ("Yes.", "No."):
        # It calls both a thing and its denial true, or both false.
        assert figures["agreement"].value == 0.0
    if text == "Yes.":
        assert figures["yes_bias"].value == pytest.approx(0.5)


def test_unread_answers_are_wrong_and_counted(faces):
    result, _, _ = run_task(FirstLight(), Constant("Perhaps."), faces)
    row = result.to_dict()
    assert row["metrics"]["balanced_accuracy"]["value"] <= 0.5
    silent, _, _ = run_task(FirstLight(), Constant("I cannot tell."), faces)
    assert silent.scores.figures["ffhq/smile"].value == 0.0
    assert len(silent.scores.unread_ids) == silent.num_items


def test_a_stopped_run_goes_on_and_asks_nothing_twice(faces, tmp_path):
    out = tmp_path / "out"

    class Stopping(Looker):
        def answer(self, batch):
            if self.num_asked > 60:
                raise KeyboardInterrupt
            return super().answer(batch)

    stopping = Stopping()
    with pytest.raises(KeyboardInterrupt):
        run_task(FirstLight(), stopping, faces, out=out)
    log = out / "answers.jsonl"
    log.write_text(log.read_text() + '{"key": "torn')
    second = Looker()
    result, found, _ = run_task(FirstLight(), second, faces, out=out)
    assert second.num_asked < len(found.items)
    whole, _, _ = run_task(FirstLight(), Looker(), faces)
    figures = [{n: f.to_dict() for n, f in r.scores.figures.items()} for r in (result, whole)]
    assert figures[0] == figures[1]
    third = Looker()
    run_task(FirstLight(), third, faces, out=out)
    assert third.num_asked == 0


def test_another_model_or_picture_does_not_get_cached_answers(faces, tmp_path):
    out = tmp_path / "out"
    run_task(FirstLight(), Looker(), faces, out=out)
    other = Looker()
    other.identity = "looker, trained further"
    run_task(FirstLight(), other, faces, out=out)
    assert other.num_asked > 0
    (faces / "ffhq-adult-882" / "images" / "00000.jpg").write_bytes(encode(10))
    again = Looker()
    result, _, _ = run_task(FirstLight(), again, faces, out=out)
    assert again.num_asked > 0
    assert result.scores.figures["ffhq/male"].value < 1


def test_media_that_cannot_be_opened_count_as_wrong_and_are_listed(faces):
    (faces / "ffhq-adult-882" / "images" / "00000.jpg").write_bytes(b"no picture")
    result, _, answered = run_task(FirstLight(), Looker(), faces)
    assert result.scores.figures["ffhq/male"].value < 1
    assert any(id.startswith("ffhq/00000/") for id in answered.failures)
    assert result.to_dict()["num_failures"] == len(answered.failures) > 0


def test_absent_media_count_as_wrong(faces):
    whole, _, _ = run_task(FirstLight(), Looker(), faces)
    (faces / "ffhq-adult-882" / "images" / "00000.jpg").unlink()
    result, _, answered = run_task(FirstLight(), Looker(), faces)
    assert result.num_items == whole.num_items
    assert result.scores.figures["ffhq/male"].value < 1
    assert any(id.startswith("ffhq/00000/") for id in answered.failures)


def test_absent_parts_are_counted_and_an_empty_folder_is_refused(faces, tmp_path):
    for path in sorted((faces / "london-webmorph").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (faces / "london-webmorph").rmdir()
    found = FirstLight().read_items(faces, Options())
    assert any("london" in reason for reason in found.dropped)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no usable item"):
        FirstLight().read_items(tmp_path / "empty", Options())


def test_wrong_splits_and_doubled_ids_are_refused(faces):
    with pytest.raises(BadInput, match="no split 'train'"):
        FirstLight().read_items(faces, Options(split="train"))
    labels = faces / "ffhq-adult-882" / "labels.csv"
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([*lines, lines[1]]) + "\n")
    with pytest.raises(BadInput, match="twice"):
        FirstLight().read_items(faces, Options())


def test_all_phrasings_give_the_sensitivity_to_wording(faces):
    class Fussy(Looker):
        def say(self, asked):
            return "I cannot tell." if "Does the" in asked.question else super().say(asked)

    result, found, _ = run_task(FirstLight(), Fussy(), faces, options=Options(with_phrasings=True))
    extra = result.scores.figures["fairface/male"].extra
    assert extra["by_phrasing"] == [1.0, 0.0, 1.0]
    assert extra["phrasing_range"] == 1.0
    assert len({item.id for item in found.items}) == len(found.items)


def test_gaps_are_reported_by_audit_label(faces):
    result, _, _ = run_task(FirstLight(), Looker(), make_faces(faces / "more", 60))
    gaps = result.scores.tables["gaps"]
    ages = gaps["age"]["ffhq/smile"]["by_value"]
    assert ages["30-39"]["num_items"] == 40
    assert gaps["age"]["ffhq/smile"]["gap"] == 0.0
    assert gaps["ancestry"]["fairface/male"]["by_value"].keys() == {"Indian"}


def test_the_limit_takes_the_same_media_every_time(faces):
    items = FirstLight().read_items(faces, Options()).items
    some = limit_media(items, 3)
    assert len({item.media for item in some}) == 12
    assert some == limit_media(items, 3)


@pytest.mark.parametrize(
    ("question", "answer", "name", "says"),
    [
        ("Is the person smiling?", "Yes.", "smile", True),
        ("Is it true that the person is not smiling?", "Yes.", "smile", False),
        ("Is it true that the person is not smiling?", "No, she is smiling.", "smile", True),
        ("Does the person have black hair?", "Brown hair.", "black_hair", False),
        ("Does the person have a beard?", "He has a goatee.", "beard", True),
        ("Is the person smiling?", "I cannot tell.", "smile", None),
        ("Is the person smiling?", "A red car.", "smile", None),
    ],
)
def test_yes_and_no_are_read_from_words(question, answer, name, says):
    assert read_flag(question, answer, name) is says


def test_every_frozen_question_is_read_in_its_polarity():
    table = read_prompts("first_light")
    asked = 0
    for name, forms in table.items():
        if name in ("version", "age"):
            continue
        for form, questions in forms.items():
            for question in questions:
                for word, holds in (("Yes.", form == "is"), ("No.", form != "is")):
                    if name == "older_than_45":
                        said = read_older(question, word, 45)
                    else:
                        said = read_flag(question, word, name)
                    assert said is holds, (question, word)
                    asked += 1
    assert asked == 11 * 6 * 2


def test_ages_choices_short_answers_and_spans_are_read_from_words():
    ask = "How old does the person look?"
    assert read_years(ask, "She is in her forties.") == 45
    assert read_years(ask, "Between 30 and 39.") == 34.5
    assert read_years(ask, "elderly") == 70
    assert read_years(ask, "Over 70.") == 75
    assert read_years(ask, "I cannot say.") is None
    assert read_older("Is the person older than 45?", "He looks about 60.", 45) is True
    options = ["a cat", "dog", "big dog"]
    said = ["B", "(c) big dog", "A man", "The answer is A.", "big dog", "a dog or a cat", "none"]
    assert [read_choice(text, options) for text in said] == [1, 2, None, 0, 2, None, None]
    assert read_short("  Seven.\nbecause") == "7"
    ask = "When does the person blink?"
    assert read_spans(ask, "From 1.2 to 1.4 s.", "blink", 3.0) == [(1.2, 1.4)]
    assert read_spans(ask, "Never.", "blink", 3.0) == []
    assert read_spans(ask, "Who knows.", "blink", 3.0) is None
    assert read_spans(ask, "He blinks throughout the clip.", "blink", 3.0) == [(0.0, 3.0)]


def test_yes_bias_tells_a_yes_sayer_from_a_no_sayer():
    items = [
        Item(f"{n}/{denied}", str(n), "?", "yes_no", n < 3, "g", is_denied=denied)
        for n in range(10)
        for denied in (False, True)
    ]
    yes = {item.id: not item.is_denied for item in items}
    no = {item.id: item.is_denied for item in items}
    assert find_yes_bias(items, yes) == 0.5
    assert find_yes_bias(items, no) == -0.5
    assert measure_flags(items, yes)["g"].figure().extra["agreement"] == 0.0


def test_rendered_asks_as_much_yes_as_no_and_when_things_happen():
    pytest.importorskip("skia")
    found = RenderedFaces().read_items(Path(), Options(count=30))
    flags = [item for item in found.items if item.kind == "yes_no" and not item.is_denied]
    for group in {item.group for item in flags}:
        own = [item.truth for item in flags if item.group == group]
        assert sum(own) * 2 == len(own)
    answers = {}
    for item in found.items:
        if item.kind == "spans":
            text = "; ".join(f"from {a:.2f} to {b:.2f} s" for a, b in item.truth["spans"])
            answers[item.id] = text.capitalize() + "."
        else:
            answers[item.id] = "Yes." if item.truth is not item.is_denied else "No."
    figures = RenderedFaces().score(found.items, answers).figures
    assert figures["balanced_accuracy"].value == 1.0
    assert figures["when_f1"].value == 1.0
    assert figures["when_f1"].prior < 0.7
    late = {item.id: "From 0.00 to 0.05 s." for item in found.items if item.kind == "spans"}
    assert RenderedFaces().score(found.items, answers | late).figures["when_f1"].value < 0.1
    drawn = found.open_media(found.items[0].media)
    assert len(drawn.frames) == len(drawn.times_seconds) > 20


def test_the_command_writes_result_page_and_json(faces, tmp_path, capsys):
    predictions = tmp_path / "mine.jsonl"
    found = FirstLight().read_items(faces, Options())
    looker = Looker()
    asked = [Asked(i.id, i.question, visual=found.open_media(i.media)) for i in found.items]
    lines = [
        json.dumps({"id": a.id, "prediction": text})
        for a, text in zip(asked, looker.answer(asked), strict=True)
    ]
    predictions.write_text("\n".join(lines))
    other = tmp_path / "classifier.jsonl"
    other.write_text(
        "\n".join(
            json.dumps({"id": i.id.removesuffix("/is/0"), "prediction": i.truth})
            for i in found.items
            if i.group == "ffhq/wearing_hat" and not i.is_denied
        )
    )
    out = tmp_path / "out"
    arguments = ["eval", "first-light", "--data", str(faces), "--predictions", str(predictions)]
    assert run([*arguments, "--out", str(out), "--compare", str(other), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert {"task", "model", "num_items", "metrics", "seconds"} <= row.keys()
    assert row["metrics"]["ffhq/male"]["value"] == 1.0
    compared = row["compared"]["classifier"]
    assert compared["metrics"]["ffhq/wearing_hat"]["value"] == 1.0
    assert compared["difference"]["ffhq/wearing_hat"]["value"] < 0
    assert row["zero_shot"] is None
    page = read_page(out / "index.html")
    dots = read_dots(page["Figures"].find_all("svg")[0])
    known = {name: figure["value"] for name, figure in row["metrics"].items() if figure["low"]}
    assert known
    assert {name: dots[name] for name in known} == pytest.approx(known, abs=0.01)
    counts = row["tables"]["age_confusion"]["rows"]
    lines = page["Age confusion"].find_all("tr")[1:]
    assert [[int(cell.text) for cell in line.find_all("td")] for line in lines] == counts
    assert page["Group gaps, for audit only"].find_all("h3")[0].text == "age"
    pictures = page["Worst examples"].find_all("img")
    assert pictures
    assert all(one.attributes["src"].startswith("data:image/jpeg;base64,") for one in pictures)
    assert json.loads((out / "result.json").read_text()) == row


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["eval", "nothing"], "unknown task"),
        (["eval", "first-light"], "needs its data"),
        (["eval", "first-light", "--data", "{faces}"], "--model or --predictions"),
        (["eval", "first-light", "--data", "nowhere", "--predictions", "{good}"], "no usable"),
        (["eval", "first-light", "--data", "{faces}", "--predictions", "{torn}"], "line 2"),
        (["eval", "first-light", "--data", "{faces}", "--predictions", "nowhere"], "no such file"),
    ],
)
def test_bad_commands_give_one_error_and_one_hint(arguments, says, faces, tmp_path, capsys):
    good, torn = tmp_path / "good.jsonl", tmp_path / "torn.jsonl"
    good.write_text('{"id": "a", "prediction": "Yes."}\n')
    torn.write_text('{"id": "a", "prediction": "Yes."}\n{"id": "b"\n')
    filled = [part.format(faces=faces, good=good, torn=torn) for part in arguments]
    assert run(filled) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert hint.startswith("hint: ")


def test_predictions_of_a_changed_file_are_read_anew(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "prediction": true}\n')
    first = PredictionsFile(path)
    assert first.answer([Asked("a", "?")]) == ["Yes."]
    assert isinstance(first.answer([Asked("b", "?")])[0], Failure)
    path.write_text('{"id": "a", "prediction": false}\n')
    assert PredictionsFile(path).identity != first.identity
    path.write_text('{"id": "a", "prediction": "x"}\n{"id": "a", "prediction": "y"}\n')
    with pytest.raises(BadInput, match=r"line 2: id 'a' is there twice"):
        PredictionsFile(path)


def test_a_chat_is_asked_once_per_media_and_its_errors_are_failures():
    visuals = {m: Visual(np.full((1, 4, 4, 3), n, np.uint8)) for n, m in enumerate("ab")}
    items = tuple(Item(f"{m}{n}", m, f"q{n}", "text", "", "g") for m in "ab" for n in range(2))
    calls = []

    def chat(visual, questions):
        calls.append(tuple(questions))
        if visual.frames.max() == 1:
            raise LineamentError("the server is gone")
        return [f"{q}!" for q in questions]

    answered = answer_items(
        ItemSet(items, visuals.__getitem__), ChatAnswerer(chat, "double"), log=AnswerLog()
    )
    assert calls == [("q0", "q1"), ("q0", "q1")]
    assert answered.answers == {"a0": "q0!", "a1": "q1!"}
    assert answered.failures == {"b0": "the server is gone", "b1": "the server is gone"}
