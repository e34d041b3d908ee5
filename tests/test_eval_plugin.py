"""The plug-in for lmms-eval, against a small stand-in of the interface that it uses."""

import importlib
import json
import os
import sys
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation import plugin
from lineament.evaluation.answerer import Asked, ChatAnswerer, Failure
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from test_eval_drawings import make_drawings, see

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def harness(monkeypatch):
    """Stand in for lmms_eval: its base class and its manifest of a model."""

    class Lmms:
        is_simple = True

        def __init__(self):
            self.task_dict = {}
            self.cache_hook = None

        @classmethod
        def create_from_arg_string(cls, text, additional_config):
            given = dict(part.split("=", 1) for part in text.split(",") if part)
            return cls(**given, **{k: v for k, v in additional_config.items() if v is not None})

    class ModelManifest:
        def __init__(self, model_id, simple_class_path=None, chat_class_path=None, aliases=()):
            assert simple_class_path or chat_class_path
            self.model_id, self.simple_class_path = model_id, simple_class_path

    names = ("lmms_eval", "lmms_eval.api", "lmms_eval.api.model", "lmms_eval.models")
    for name in (*names, "lmms_eval.models.registry_v2"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["lmms_eval.api.model"].lmms = Lmms
    sys.modules["lmms_eval.models.registry_v2"].ModelManifest = ModelManifest
    plugin._make_class.cache_clear()
    yield Lmms
    plugin._make_class.cache_clear()


class Request:
    def __init__(self, *args):
        self.args = args


def open_double(name, through):
    return ChatAnswerer(see, f"{name} {through}")


def read_task(path: Path) -> dict:
    """Read a task file as lmms-eval does: functions by name, data files beside it."""
    yaml = pytest.importorskip("yaml")

    class Loader(yaml.FullLoader):
        pass

    def find_function(loader, node):
        module, _, name = loader.construct_scalar(node).rpartition(".")
        assert not (path.parent / f"{module}.py").exists()
        return getattr(importlib.import_module(module), name)

    Loader.add_constructor("!function", find_function)
    row = yaml.load(path.read_text(encoding="utf-8"), Loader)
    files = row["dataset_kwargs"]["data_files"]
    row["dataset_kwargs"]["data_files"] = {k: str(path.parent / v) for k, v in files.items()}
    return row


def load_docs(row: dict, cache: Path):
    datasets = pytest.importorskip("datasets")
    kwargs = row["dataset_kwargs"] | {"cache_dir": str(cache)}
    return datasets.load_dataset(row["dataset_path"], **kwargs)


def run_there(harness, row: dict, docs, limit: int | None = None) -> float:
    """Run a task as lmms-eval's evaluator does, in few lines."""
    cls = getattr(plugin, plugin.CLASS)
    assert issubclass(cls, harness)
    model = cls(open_answerer=open_double, batch_size=3)
    split = row["test_split"]
    model.task_dict = {row["task"]: docs}
    places = range(len(docs[split]) if limit is None else limit)
    requests = [
        Request(
            docs[split][n][row["doc_to_text"]], dict(row["generation_kwargs"]),
            row["doc_to_visual"], n, row["task"], split,
        )
        for n in places
    ]  # fmt: skip
    said = model.generate_until(requests)
    results = [
        row["process_results"](docs[split][n], [text]) for n, text in zip(places, said, strict=True)
    ]
    metric = row["metric_list"][0]
    return metric["aggregation"]([result[metric["metric"]] for result in results])


def test_the_entry_point_gives_a_model_that_can_be_imported(harness):
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    entry = table["project"]["entry-points"]["lmms_eval.models"]["lineament"]
    module, _, name = entry.partition(":")
    manifests = getattr(importlib.import_module(module), name)()
    assert [manifest.model_id for manifest in manifests] == ["lineament"]
    module, _, name = manifests[0].simple_class_path.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    assert issubclass(cls, harness)
    assert cls.is_simple
    assert cls.__module__ == module


def test_nothing_of_the_harness_is_needed_to_import_the_plugin():
    assert "lmms_eval" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        plugin.list_models()
    with pytest.raises(AttributeError):
        plugin.nothing  # noqa: B018


def test_a_task_gets_the_same_figure_there_as_here(tmp_path, harness):
    data = make_drawings(tmp_path / "drawn")
    (path,) = plugin.write_tasks(["drawings"], data, tmp_path / "tasks")
    row = read_task(path)
    assert row["task"] == "lineament_drawings"
    docs = load_docs(row, tmp_path / "cache")
    task = require_task("drawings")
    here, found, _ = run_task(task, ChatAnswerer(see, "eyes"), data)
    there = run_there(harness, row, docs)
    assert there == here.scores.figures["balanced_accuracy"].value == 1.0
    assert len(docs["test"]) == len(found.items)
    answers = {item.id: "Yes." for item in found.items}
    kept = [
        row["process_results"](doc, [answers[doc["id"]]])["balanced_accuracy"]
        for doc in docs["test"]
    ]
    always = task.score(found.items, answers).figures["balanced_accuracy"].value
    assert plugin.score_answers(kept) == always == 0.5
    shown = row["doc_to_visual"](docs["test"][0])
    assert [picture.size for picture in shown] == [(32, 32)]


def test_drawn_clips_are_seen_whole_and_only_what_was_asked_counts(tmp_path, harness):
    pytest.importorskip("skia")
    (path,) = plugin.write_tasks(["counterfactual"], tmp_path, tmp_path, Options(count=3))
    row = read_task(path)
    docs = load_docs(row, tmp_path / "cache")
    limit = len(docs["test"]) // 2
    value = run_there(harness, row, docs, limit=limit)
    found = require_task("counterfactual").read_items(tmp_path, Options(count=3))
    items = found.items[:limit]
    said = {i.id: see(found.open_media(i.media), [i.question])[0] for i in items}
    scores = require_task("counterfactual").score(items, said)
    assert value == scores.figures["flipped"].value


def test_items_in_all_wordings_are_found_again(tmp_path):
    pytest.importorskip("skia")
    options = Options(count=1, with_phrasings=True)
    (path,) = plugin.write_tasks(["counterfactual"], tmp_path, tmp_path, options)
    lines = path.with_suffix(".jsonl").read_text().splitlines()
    docs = [json.loads(line) for line in lines]
    assert len(docs) > len(
        require_task("counterfactual").read_items(tmp_path, Options(count=1)).items
    )
    assert plugin.show_media(docs[-1])
    kept = [plugin.keep_answer(doc, ["Yes."])[doc["metric"]] for doc in docs]
    assert plugin.score_answers(kept) == 0.0  # nothing flips


def test_tasks_of_others_show_pictures_or_paths(harness, tmp_path, encode_clip):
    seen = []

    def look(visual, questions):
        seen.append(visual)
        return [f"{visual.frames.shape} stop here" for _ in questions]

    model = getattr(plugin, plugin.CLASS)(open_answerer=lambda *_: ChatAnswerer(look, "eyes"))
    clip = encode_clip(tmp_path / "clip.mp4")
    pictures = [Image.new("L", (10, 20)), Image.new("RGB", (30, 40))]
    docs = [{"shown": pictures[:1]}, {"shown": pictures}, {"shown": [str(clip)]}]
    model.task_dict = {"t": {"test": docs}}
    requests = [
        Request("What? ", {"until": [" stop"]}, lambda doc: doc["shown"], n, "t", "test")
        for n in range(3)
    ]
    said = model.generate_until(requests)
    assert said[:2] == ["(1, 20, 10, 3)", "(1, 40, 50, 3)"]
    assert seen[2].frames.shape[0] == 10
    assert seen[2].times_seconds[1] == pytest.approx(1 / 25, abs=1e-6)
    with pytest.raises(BadInput, match="without a picture"):
        model.generate_until([Request("Why?", {}, lambda doc: [], 0, "t", "test")])
    for refused in (model.loglikelihood, model.generate_until_multi_round):
        with pytest.raises(NotImplementedError):
            refused(requests)


def test_a_failure_is_an_empty_answer_and_arguments_are_checked(harness):
    class Broken:
        name = identity = "broken"
        is_looking, num_media = True, 1

        def answer(self, batch: list[Asked]):
            return [Failure("gone") for _ in batch]

    cls = getattr(plugin, plugin.CLASS)
    model = cls.create_from_arg_string(
        "pretrained=x,through=chat", {"open_answerer": lambda *_: Broken(), "batch_size": "auto"}
    )
    model.task_dict = {"t": {"test": [{}]}}
    picture = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    assert model.generate_until([Request("?", None, lambda _: [picture], 0, "t", "test")]) == [""]
    with pytest.raises(BadInput, match="unknown model argument 'pretraind'"):
        cls(pretraind="x", open_answerer=open_double)
    with pytest.raises(BadInput, match="through"):
        plugin.open_model("chat-tiny", "wire")


def test_task_files_stand_beside_their_rows(tmp_path):
    data = make_drawings(tmp_path / "drawn")
    options = Options(split="attributes", limit=2)
    (path,) = plugin.write_tasks(["drawings"], data, tmp_path / "out", options)
    assert sorted(os.listdir(path.parent)) == [
        "lineament_drawings.jsonl",
        "lineament_drawings.yaml",
    ]
    assert len(read_task(path)["metadata"][0]["version"]) == 16
    with pytest.raises(BadInput, match="unknown task 'drawing'"):
        plugin.write_tasks(["drawing"], data, tmp_path)
