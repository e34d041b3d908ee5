"""DFEC: captions of changing facial expressions, from `test.json` and clips of seven sets."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from lineament.evaluation.events import ClaimEvents
from lineament.evaluation.events_endpoint import EndpointEvents
from lineament.evaluation.item import Item, ItemSet, Visual, hash_text, limit_media
from lineament.evaluation.judges import EndpointJudge
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Scores
from lineament.evaluation.scorers import Given, Scored, measure_events, score_captions
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.grades import Graded, KeptGrades, name_priors
from lineament.evaluation.tasks.lists import read_list
from lineament.evaluation.tasks.priors import add_priors
from lineament.evaluation.tasks.task import Grader, Options, Published, require_options
from lineament.metrics.intervals import mean_of, mean_stats
from lineament.records.sources.rows import require_file, require_inside
from lineament.records.sources.source import NOT_ADULT, UNREADABLE, Dropped

LABELS = "test.json"
NAME = "dfec"
MAX_PRIOR = 100  # captions of others that are judged, for the prior
_CHILD = re.compile(
    r"\b(?:child(?:ren)?|kids?|toddlers?|infants?|bab(?:y|ies)(?! hair)|boys?|girls?"
    r"|teen(?:s|age[rd]?s?)?|schoolboys?|schoolgirls?)\b",
    re.IGNORECASE,
)
_ACTOR = re.compile(r"(.*RAVDESS.*/Actor_\d+)/")
NOTES = (
    "One reference a clip. cider is CIDEr-D, 0 to 10, rouge_l from 0 to 1; the prior is the best "
    "of five fixed references as caption of every clip.",
    "Events by rule are the timed names of the vocabulary that a text affirms: gazes, eyelids and "
    "lips that it says in other words are passed over. A judge behind a server also lists and "
    "compares events itself, as `judged_event_f1`.",
    "Clips whose reference speaks of a child, a boy or a girl are left out and counted, so the "
    "figures rest on fewer clips than the published ones.",
    "The clips come from seven sets, DFEW, MAFW and FERV39K among them: a model trained on those "
    "has seen them.",
)


@final
@dataclass(frozen=True, slots=True)
class Dfec:
    """Descriptions of a face and of what changes in it, compared with one by a person.

    Attributes:
        judge: Grades answers, too, and compares events where it is a server's.
        published: Figures of others.
    """

    judge: KeptGrades | None = field(default=None, compare=False)
    judged_events: EndpointEvents | None = field(default=None, compare=False)
    published: tuple[Published, ...] = ()
    name: str = NAME
    about: str = "DFEC: descriptions of a face in a clip and of how its expression changes"
    headline: str = "cider"
    needs_folder: bool = True
    has_phrasings: bool = True
    splits: tuple[str, ...] = ("test",)

    def with_judge(self, judge: Grader) -> "Dfec":
        """Return the same task with a judge, who is asked about each answer once."""
        is_server = isinstance(judge, EndpointJudge)
        matcher = EndpointEvents(judge.settings) if is_server else None
        return replace(self, judge=KeptGrades(judge), judged_events=matcher)

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read ``test.json`` as it is published: a list of ``{id, video, caption}``."""
        require_options(self, options)
        excluded: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        for row in read_captions(folder):
            if isinstance(row, Dropped):
                (excluded if row.reason == NOT_ADULT else dropped)[row.reason] += 1
            else:
                items += _ask(row, options)
        kept = limit_media(items, options.limit)
        notes = (*NOTES, f"prompts: {prompts_id(NAME)}")
        opened = functools.partial(open_video, folder=folder)
        return ItemSet(kept, opened, excluded, dropped, notes).require_items(folder)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score as ``lineament score captions`` does; an item without an answer is wrong."""
        plain = [item for item in items if item.phrasing == 0]
        rows = _write_rows(plain, answers)
        measures = _measure_by_rule(rows)
        if self.judge is not None:
            measures["judge"] = _measure_judge(plain, rows, self.judge)
        if self.judged_events is not None:
            measures |= _measure_judged_events(rows, self.judged_events)
        figures = {name: measure.figure() for name, measure in measures.items()}
        unread = tuple(row["id"] for row in rows if not row["prediction"].strip())
        return Scores(figures, measures, _phrasings(items, answers), unread_ids=unread)


@dataclass(frozen=True, slots=True)
class Captioned:
    """A row of the file."""

    id: str
    video: str
    caption: str


def read_captions(folder: Path) -> Iterator[Captioned | Dropped]:
    """Yield the rows of ``test.json``; those about children are dropped as `NOT_ADULT`.

    Raises:
        BadInput: It is missing, or is no list.
    """
    path = require_file(folder, LABELS)
    for number, row in enumerate(read_list(path)):
        where = f"{path.name}[{number}]"
        try:
            video = require_inside(_text(row, "video"))
            found = Captioned(_text(row, "id"), video, _text(row, "caption"))
        except (KeyError, TypeError, ValueError) as error:
            yield Dropped(where, UNREADABLE, f"{type(error).__name__}: {error}")
            continue
        child = _CHILD.search(found.caption)
        yield Dropped(where, NOT_ADULT, child.group()) if child else found


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is no text")
    return value.strip()


def _ask(row: Captioned, options: Options) -> Iterator[Item]:
    prompts = read_prompts(NAME)["ask"]
    for phrasing in range(len(prompts) if options.with_phrasings else 1):
        yield Item(
            id=f"{NAME}/{row.id}" + (f"/{phrasing}" if phrasing else ""), media=row.video,
            question=prompts[phrasing], kind="text", truth=(row.caption,),
            group=row.video.split("/")[0], subject=find_subject(row.video), phrasing=phrasing,
        )  # fmt: skip


def find_subject(video: str) -> str:
    """Return who is in a clip as far as its path tells: RAVDESS's actor, else the clip."""
    actor = _ACTOR.match(video)
    return actor.group(1) if actor else video


def open_video(media: str, folder: Path) -> Visual:
    """Open a clip below the folder, or below ``videos`` in it.

    Raises:
        BadMedia: It is not there, or damaged.
    """
    return open_first([folder / media, folder / "videos" / media])


def _write_rows(items: Sequence[Item], answers: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id, "prediction": answers.get(item.id, ""), "subject": item.subject,
            "references": list(item.truth),
        }
        for item in items
    ]  # fmt: skip


def _measure_by_rule(rows: Sequence[Mapping[str, Any]]) -> dict[str, Measure]:
    def score(given: Given) -> Scored:
        return score_captions(replace(given, events=(ClaimEvents(),)))

    return add_priors(score(Given(rows, NAME))[0], rows, score)


def _phrasings(items: Sequence[Item], answers: Mapping[str, str]) -> dict[str, Any]:
    """Return CIDEr of each wording, and the range; nothing where one alone was asked."""
    numbers = sorted({item.phrasing for item in items})
    if len(numbers) < 2:
        return {}
    parts = [[item for item in items if item.phrasing == number] for number in numbers]
    found = [score_captions(Given(_write_rows(part, answers), NAME))[0] for part in parts]
    scores = [measures["cider"].value for measures in found]
    return {"phrasings": {"cider": scores, "range": max(scores) - min(scores)}}


def _measure_judge(
    items: Sequence[Item], rows: Sequence[Mapping[str, Any]], judge: KeptGrades
) -> Measure:
    """Return the judge's mean grade, 0 to 1; the prior is what captions of other clips get."""
    asked: dict[str, Graded] = {
        item.id: (item.question, item.truth[0], row["prediction"])
        for item, row in zip(items, rows, strict=True)
    }
    grades = judge.grade_all(list(asked.values()))
    kept = [(item, grade) for item, grade in zip(items, grades, strict=True) if grade is not None]
    question = {item.truth[0]: item.question for item in items}
    swapped: list[Graded] = [(question[one], one, other) for other, one in swap_captions(rows)]
    known = [grade for grade in judge.grade_all(swapped) if grade is not None]
    return Measure(
        ids=[item.id for item, _ in kept], subjects=[item.subject for item, _ in kept],
        stats=mean_stats(np.array([grade for _, grade in kept], np.float64)), statistic=mean_of,
        prior=float(np.mean(known)) if known else None,
        extra={
            "judge": judge.name, "num_unjudged": len(items) - len(kept),
            **judge.describe(asked | name_priors(swapped)),
        },
    )  # fmt: skip


def _measure_judged_events(
    rows: Sequence[Mapping[str, Any]], matcher: EndpointEvents
) -> dict[str, Measure]:
    """Return events as the server matches them; the prior is what captions of other clips get."""
    swapped = [
        {"id": str(place), "prediction": other, "references": [one]}
        for place, (other, one) in enumerate(swap_captions(rows))
    ]
    prior = measure_events(swapped, matcher)
    return {
        name: replace(measure, prior=prior[name].value if len(prior[name].ids) else None)
        for name, measure in measure_events(rows, matcher).items()
    }


def swap_captions(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Pair the reference of another clip with that of one, for some clips chosen by a hash."""
    chosen = sorted(rows, key=lambda row: hash_text(row["id"]))[:MAX_PRIOR]
    texts = [row["references"][0] for row in chosen]
    pairs = zip([*texts[1:], *texts[:1]], texts, strict=True)
    return [(other, one) for other, one in pairs if other != one]


_NOTED = "the project's notes on the published paper and repository; not rerun here"
_SCALE = "of all 800 clips; how the words are split is not told"
_MODEL = "events listed and compared by a language model, as our judged_event_f1 are"
_GRADED = "Correctness, graded 1 to 5 by a language model, here from 0 to 1"
# CIDEr, ROUGE-L, AutoDQ, Correctness
_FIGURES: Mapping[str, tuple[float, float, float, float]] = {
    "FaVChat-Qwen3 8B": (0.447, 0.469, 0.523, 4.87),
    "FaVChat-Qwen2.5 7B": (0.443, 0.454, 0.487, 4.84),
    "FaceTrack-MM": (0.418, 0.473, 0.483, 4.42),
    "HumanOmni 7B": (0.412, 0.468, 0.523, 4.58),
    "Qwen3-VL-8B tuned on faces": (0.297, 0.312, 0.429, 4.58),
    "Qwen2.5-VL 7B": (0.261, 0.254, 0.417, 4.49),
    "GPT-4o": (0.264, 0.213, 0.432, 4.22),
}


def _publish(system: str) -> tuple[Published, ...]:
    cider, rouge_l, events, grade = _FIGURES[system]
    return (
        Published(system, "cider", cider, _NOTED, _SCALE),
        Published(system, "rouge_l", rouge_l, _NOTED, _SCALE),
        Published(system, "judged_event_f1", events, _NOTED, _MODEL),
        Published(system, "judge", round((grade - 1) / 4, 4), _NOTED, _GRADED),
    )


DFEC = Dfec(published=tuple(figure for system in _FIGURES for figure in _publish(system)))
