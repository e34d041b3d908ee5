"""First light: faces of real pictures in words: flags, age and expression on four dev parts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.evaluation.ages import AGE_GROUPS, find_age_group, measure_ages
from lineament.evaluation.flags import (
    Verdicts,
    find_gaps,
    find_yes_bias,
    join_measures,
    list_wrong,
    measure_agreement,
    measure_flags,
    read_verdicts,
)
from lineament.evaluation.item import Item, ItemSet, Visual, limit_media
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import read_flag, read_older
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.tasks.labels import find_stem, read_audit, read_leading_hair
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.records.sources.fairface import FairFace
from lineament.records.sources.ffhq import FfhqAdult
from lineament.records.sources.lfw import LfwExpressions
from lineament.records.sources.london import London
from lineament.records.sources.pixels import open_pixels
from lineament.records.sources.source import Dropped, Source

OLD_YEARS, OLD_MARGIN_YEARS = 45.0, 3.0
OLDER = "older_than_45"


@dataclass(frozen=True, slots=True)
class Part:
    """One data set of the table.

    Attributes:
        name: How its figures are called.
        folder: Its folder below the task's.
        source: What reads it.
        split: Its part that no model may train or select on.
        names: Flags that are asked.
        audit: Column of ``labels.csv`` for each label of the audit.
    """

    name: str
    folder: str
    source: Source
    split: str
    names: tuple[str, ...]
    audit: Mapping[str, str]


PARTS = (
    Part(
        "ffhq", "ffhq-adult-882", FfhqAdult(keeps_absent=True), "dev",
        (
            "male", "smile", "eyeglasses", "sunglasses", "beard", "black_hair", "blonde_hair",
            "wearing_lipstick", "wearing_hat", OLDER,
        ),
        {"sex": "gender", "age": "age"},
    ),
    Part(
        "fairface", "fairface-adult", FairFace(), "dev", ("male",),
        {"sex": "gender", "age": "age_low", "ancestry": "race"},
    ),
    Part("lfw", "lfw-expressions", LfwExpressions(), "val", ("happy",), {}),
    Part(
        "london", "london-webmorph", London(keeps_absent=True), "dev", ("smile", "male"),
        {"sex": "gender", "age": "age", "ancestry": "ethnicity"},
    ),
)  # fmt: skip
# What a two-way choice leaves out: LFW asks happiness against neutral, nothing else.
AGAINST = {("lfw", "happy"): ("happy", "neutral")}
NOTES = (
    "FFHQ labels are scores of another network: true from, false below, left out between: "
    "smile 0.5/0.2, beard 0.4/0.1, black hair 0.8/0.3 and blond hair 0.6/0.3 (true only where "
    "it leads all colours), "
    "headwear 0.6/absent, lipstick 1/0, glasses by kind, sex as given.",
    "Older than 45: true from 48 years, false below 42, left out between.",
    "FairFace: dev shard 8; age groups 20-29 to 70+, a stated range counts by its middle.",
    "LFW: val part, happiness against neutral. London: smiling against neutral.",
    "Unread answers, and answers that say it cannot be told, are wrong.",
    "A part whose pictures lie elsewhere is left out and named in `dropped`.",
)
_NET_SOURCE = (
    "the project's notes on its data: measured beforehand on the same sets; not reproduced here"
)


@final
class FirstLight:
    """Yes/no questions and one of age about real faces, answered in words."""

    name = "first-light"
    about = "real faces in words: ten flags on FFHQ, sex and age on FairFace, smiles on LFW, London"
    headline = "balanced_accuracy"
    needs_folder = True
    has_phrasings = True
    splits = ("dev",)
    published: tuple[Published, ...] = tuple(
        Published("0.56M convolution net, not in words", metric, value, _NET_SOURCE, caution)
        for metric, value, caution in (
            ("fairface/male", 0.913, "trained on the train parts of the same sets; plain accuracy"),
            (
                "fairface/age_within_one_group", 0.913,
                "trained on the train parts of the same sets",
            ),
            ("ffhq/balanced_accuracy", 0.819, "mean over a similar list of attributes"),
        )
    )  # fmt: skip

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the parts that are there, each in its own folder below the one given."""
        require_options(self, options)
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        for part in PARTS:
            if not (folder / part.folder).is_dir():
                dropped[f"{part.name}: no folder {part.folder}"] += 1
                continue
            audit = read_audit(folder / part.folder, part.audit)
            hair = read_leading_hair(folder / part.folder) if part.name == "ffhq" else {}
            for annotation in part.source.read(folder / part.folder, part.split):
                if isinstance(annotation, Dropped):
                    dropped[f"{part.name}: {annotation.reason}"] += 1
                else:
                    items += _ask(part, annotation, audit, hair, options)
        kept = limit_media(items, options.limit)
        found = ItemSet(
            kept,
            lambda media: Visual(open_pixels(media, folder)[None]),
            {},
            dropped,
            (*NOTES, f"prompts: {prompts_id('first_light')}"),
        )
        return found.require_items(folder)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score flags by balanced accuracy and ages by group."""
        flags = [item for item in items if item.kind == "yes_no"]
        verdicts = read_verdicts(flags, answers, _read)
        measures = measure_flags(flags, verdicts)
        ages, age_tables, unread_ages = measure_ages(
            [item for item in items if item.kind == "age"], answers, prefix="fairface/"
        )
        heads = _headlines(flags, verdicts, measures)
        everything = heads | measures | ages
        figures = {name: measure.figure() for name, measure in everything.items()}
        if flags:
            figures["yes_bias"] = _yes_bias(flags, verdicts)
        return Scores(
            figures=figures,
            measures=everything,
            tables={"gaps": find_gaps(flags, verdicts), **age_tables},
            wrong_ids=list_wrong(flags, verdicts),
            unread_ids=(
                *(name for name, verdict in verdicts.items() if verdict is None), *unread_ages,
            ),
        )  # fmt: skip


def _headlines(
    flags: Sequence[Item], verdicts: Verdicts, measures: Mapping[str, Measure]
) -> dict[str, Measure]:
    if not measures:
        return {}
    heads = {"balanced_accuracy": join_measures(list(measures.values()))}
    own = [measure for name, measure in measures.items() if name.startswith("ffhq/")]
    if own:
        heads["ffhq/balanced_accuracy"] = join_measures(own)
    agreement = measure_agreement(flags, verdicts)
    if agreement is not None:
        heads["agreement"] = agreement
    return heads


def _yes_bias(flags: Sequence[Item], verdicts: Verdicts) -> Figure:
    plain = [item for item in flags if item.phrasing == 0]
    return Figure(find_yes_bias(plain, verdicts), num_items=len(plain))


def _read(item: Item, answer: str) -> bool | None:
    if item.name == OLDER:
        return read_older(item.question, answer, OLD_YEARS)
    return read_flag(item.question, answer, item.name)


def _ask(
    part: Part,
    annotation: Annotation,
    audit: Mapping[str, Mapping[str, str]],
    hair: Mapping[str, Mapping[str, bool | None]],
    options: Options,
) -> Iterator[Item]:
    media = f"{part.folder}/{annotation.media}"
    stem = find_stem(annotation.media)
    labels = audit.get(stem, {})
    prompts = read_prompts("first_light")
    num_phrasings = 3 if options.with_phrasings else 1

    def item(name: str, form: str, phrasing: int, truth: Any, kind: Any) -> Item:
        return Item(
            id=f"{part.name}/{stem}/{name}/{form}/{phrasing}",
            media=media, question=prompts[name][form][phrasing], kind=kind, truth=truth,
            group=f"{part.name}/{name}", name=name, subject=annotation.split_key,
            is_denied=form == "is_not", phrasing=phrasing, level=1, audit=labels,
            source=part.source.name,
        )  # fmt: skip

    for name in part.names:
        if name in hair.get(stem, {}):
            truth = hair[stem][name]
        else:
            truth = find_flag(annotation, name, AGAINST.get((part.name, name)))
        if truth is not None:
            for form in ("is", "is_not"):
                for phrasing in range(num_phrasings):
                    yield item(name, form, phrasing, truth, "yes_no")
    if part.name == "fairface":
        group = find_age_group(float(annotation.extra["age_low"]))
        for phrasing in range(num_phrasings):
            yield item("age", "ask", phrasing, AGE_GROUPS[group], "age")


def find_flag(
    annotation: Annotation, name: str, against: tuple[str, str] | None = None
) -> bool | None:
    """Return whether a flag holds by the labels; None where they leave it open.

    Args:
        annotation: The labels.
        name: The flag, or `OLDER`.
        against: Two names of which one must hold, for a two-way choice.
    """
    if name == OLDER:
        ages = annotation.facts_named("age_years")
        age = float(ages[0].value) if ages else OLD_YEARS
        return None if abs(age - OLD_YEARS) < OLD_MARGIN_YEARS else age > OLD_YEARS
    if against is not None:
        held = [n for n in against if any(f.value is True for f in annotation.facts_named(n))]
        return held[0] == name if len(held) == 1 else None
    facts = annotation.facts_named(name)
    if facts:
        return bool(facts[0].value)
    return False if annotation.is_closed(name) else None
