"""Plug-in for lmms-eval: our models there by entry point, our tasks as task files it can read.

lmms-eval is no dependency: it is imported when it asks for a model, and task files are text.
"""

import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import (
    Answerer,
    Asked,
    Failure,
    asked_from_item,
    spread_frames,
)
from lineament.evaluation.item import Item, ItemSet, Visual, hash_items
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options

MODEL = "lineament"  # what people type there: --model lineament
CLASS = "LineamentModel"
OWN = "lineament_task"  # a field of our tasks' rows
MAX_FRAMES = 8
logger = logging.getLogger(__name__)


def list_models() -> list[Any]:
    """Return what the entry point of the group ``lmms_eval.models`` exposes."""
    from lmms_eval.models.registry_v2 import ModelManifest  # type: ignore[import-not-found]

    return [ModelManifest(model_id=MODEL, simple_class_path=f"{__name__}.{CLASS}")]


def __getattr__(name: str) -> Any:
    # The class must derive from lmms-eval's own, which is there only when lmms-eval asks.
    if name == CLASS:
        return _make_class()
    raise AttributeError(name)


@functools.cache
def _make_class() -> type:
    from lmms_eval.api.model import lmms  # type: ignore[import-not-found]

    return type(CLASS, (PluginModel, lmms), {"__module__": __name__, "is_simple": True})


def open_model(pretrained: str, through: str) -> Answerer:
    """Open a model as ``lineament eval --model`` does.

    Raises:
        BadInput: `through` is neither ``network`` nor ``chat``, or there is no such model.
    """
    from lineament.evaluation.foreign_open import is_foreign, open_foreign

    if is_foreign(pretrained):
        return open_foreign(pretrained)[0]
    if through == "chat":
        from lineament.evaluation.served import open_chat

        return open_chat(pretrained)
    if through != "network":
        raise BadInput(f"through: {through!r} is neither 'network' nor 'chat'")
    from lineament.evaluation import loaded

    return loaded.open_model(pretrained)[0]


class PluginModel:
    """What lmms-eval asks of a model, by one of our answerers; the base class is joined later.

    Attributes:
        answerer: What answers.
        task_dict: Filled by lmms-eval: its data sets by task and split.
    """

    task_dict: Mapping[str, Any]

    def __init__(
        self,
        pretrained: str = "chat-tiny",
        through: str = "network",
        batch_size: int | str = 1,
        open_answerer: Callable[[str, str], Answerer] = open_model,
        **ignored: Any,
    ) -> None:
        super().__init__()
        unknown = set(ignored) - {"device", "max_batch_size"}
        if unknown:
            raise BadInput(
                f"unknown model argument {sorted(unknown)[0]!r}",
                hint="model arguments: pretrained=NAME,through=network|chat",
            )
        self.answerer = open_answerer(pretrained, through)
        self.batch_size = int(batch_size) if str(batch_size).isdigit() else 8

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Answer every request greedily; a failure is an empty answer, and is logged."""
        said: list[str] = []
        for start in range(0, len(requests), self.batch_size):
            part = requests[start : start + self.batch_size]
            asked = [self._read(request.args, start + n) for n, request in enumerate(part)]
            answers = self.answerer.answer(asked)
            for request, answer in zip(part, answers, strict=True):
                if isinstance(answer, Failure):
                    logger.warning("no answer: %s", answer.reason)
                    said.append("")
                else:
                    said.append(cut_at(answer, (request.args[1] or {}).get("until") or ()))
        return said

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Refuse: our models answer in words."""
        raise NotImplementedError("lineament models answer in words; use generate_until tasks")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Refuse: a question is asked by itself."""
        raise NotImplementedError("lineament models are asked one question at a time here")

    def _read(self, arguments: Sequence[Any], number: int) -> Asked:
        context, _, doc_to_visual, doc_id, task, split = arguments
        doc = self.task_dict[task][split][doc_id]
        # Of our own tasks whole clips are seen with their times, not pictures of them.
        visual = _see(doc) if OWN in doc else join_visuals(doc_to_visual(doc) or [])
        return Asked(f"{task}/{doc_id}/{number}", context.strip(), visual=visual)


def cut_at(answer: str, stops: str | Sequence[str]) -> str:
    """Cut an answer before the first of some words."""
    for stop in (stops,) if isinstance(stops, str) else stops:
        answer = answer.split(stop)[0] if stop else answer
    return answer.strip()


def join_visuals(shown: Sequence[Any]) -> Visual:
    """Turn what a task of somebody else shows into what our models see.

    Args:
        shown: Pictures, or the path of one clip. Several pictures are joined side by side.

    Raises:
        BadInput: Nothing is shown.
    """
    if not shown:
        raise BadInput("a question without a picture or clip", hint="only seeing tasks can be run")
    if isinstance(shown[0], str | Path):
        return open_first([Path(shown[0])])
    pictures = [picture.convert("RGB") for picture in shown]
    height = max(picture.height for picture in pictures)
    level = [p.resize((max(1, round(p.width * height / p.height)), height)) for p in pictures]
    return Visual(np.concatenate([np.asarray(picture) for picture in level], axis=1)[None])


# What tells which items a line belongs to.
_RUN = (OWN, "data", "split", "limit", "count", "with_phrasings")


def write_tasks(
    names: Sequence[str], data: Path | str, out: Path | str, options: Options | None = None
) -> list[Path]:
    """Write tasks of ours as files for lmms-eval's ``--include_path``.

    Each becomes a task ``lineament_NAME`` with our frozen questions, our reading of answers and
    our headline metric. The data stay where they are and are opened from there.

    Args:
        names: Our tasks, such as ``first-light``.
        data: Their data set's folder.
        out: Where a folder for each goes.
        options: Split, limit and count.

    Raises:
        BadInput: A task or its data cannot be used.
    """
    options = options or Options()
    written = []
    for name in names:
        task = require_task(name)
        found = task.read_items(Path(data), options)
        key = f"lineament_{name.replace('-', '_')}"
        folder = Path(out) / key
        folder.mkdir(parents=True, exist_ok=True)
        run = {
            OWN: name, "data": str(Path(data).resolve()), "split": options.split,
            "limit": options.limit or 0, "count": options.count or 0,
            "with_phrasings": options.with_phrasings, "metric": task.headline,
        }  # fmt: skip
        lines = [json.dumps(_write_doc(item, run), ensure_ascii=False) for item in found.items]
        (folder / f"{key}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = folder / f"{key}.yaml"
        version = hash_items(found.items)
        text = _YAML.format(key=key, metric=task.headline, version=version, module=__name__)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


_YAML = """\
task: {key}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {key}.jsonl
test_split: test
output_type: generate_until
doc_to_visual: !function {module}.show_media
doc_to_text: question
doc_to_target: target
generation_kwargs:
  max_new_tokens: 96
  temperature: 0
  do_sample: false
process_results: !function {module}.keep_answer
metric_list:
  - metric: {metric}
    aggregation: !function {module}.score_answers
    higher_is_better: true
metadata:
  - version: "{version}"
"""


def _write_doc(item: Item, run: Mapping[str, Any]) -> dict[str, Any]:
    asked = asked_from_item(item, None)
    # The truth is told for the log alone; answers are scored by the task itself.
    return {"id": item.id, "question": asked.prompt, "target": str(item.truth), **run}


def show_media(doc: Mapping[str, Any]) -> list[Image.Image]:
    """Return what a question of ours is about, for lmms-eval: a picture, or frames of a clip."""
    visual = _see(doc)
    places = spread_frames(visual, MAX_FRAMES)
    return [Image.fromarray(visual.frames[place]) for place in places]


def keep_answer(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Return an answer with what is needed to score it, under the metric's name."""
    run = {key: doc[key] for key in (*_RUN, "metric")}
    return {doc["metric"]: {**run, "id": doc["id"], "prediction": results[0]}}


def score_answers(rows: Sequence[Mapping[str, Any]]) -> float:
    """Score all answers of a run as ``lineament eval`` does; those asked alone count."""
    if not rows:
        return float("nan")
    answers = {row["id"]: row["prediction"] for row in rows}
    _, by_id = _open_run(rows[0])
    items = [item for id, item in by_id.items() if id in answers]
    scores = require_task(rows[0][OWN]).score(items, answers)
    return float(scores.figures[rows[0]["metric"]].value)


def _see(doc: Mapping[str, Any]) -> Visual:
    found, by_id = _open_run(doc)
    return found.open_media(by_id[doc["id"]].media)


def _open_run(row: Mapping[str, Any]) -> tuple[ItemSet, Mapping[str, Item]]:
    return _open_items(*(row[key] for key in _RUN))


@functools.lru_cache(maxsize=4)
def _open_items(
    task: str, data: str, split: str, limit: int, count: int, with_phrasings: bool
) -> tuple[ItemSet, Mapping[str, Item]]:
    options = Options(split, limit or None, with_phrasings, count or None)
    found = require_task(task).read_items(Path(data), options)
    return found, {item.id: item for item in found.items}
