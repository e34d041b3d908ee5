"""Counterfactual: the same drawn face with one attribute changed; does the answer change, alone?"""

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np

from lineament.evaluation.flags import Verdicts, find_yes_bias, read_verdicts
from lineament.evaluation.item import Item, ItemSet, Visual, hash_text
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id
from lineament.evaluation.reading import read_flag
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.sensitivity import find_ranges
from lineament.evaluation.tasks.rendered import (
    DRAWN_HERE,
    NUM_WORDINGS,
    find_state,
    list_wordings,
)
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.metrics.intervals import mean_of, mean_stats
from lineament.render import draw_clip, edit_annotation, sample_face
from lineament.vocabulary import read_vocabulary

FIRST_SEED = 700_000
NUM_PAIRS, SIZE_PX, NUM_CONTROLS = 200, 128, 3
# What a picture shows plainly; names that fix others (sex, age) would change several things.
NAMES = (
    "smile", "open_mouth", "close_eyes", "eyeglasses", "sunglasses", "wearing_hat", "beard",
    "mustache", "wearing_lipstick", "wearing_earrings", "wearing_necklace", "wearing_mask",
    "black_hair", "blonde_hair", "bangs", "long_hair", "bald",
)  # fmt: skip
# What whoever always says the same has of each figure.
PRIORS = {"flipped": 0.0, "clean": 0.0, "stable": 1.0, "one_right": 0.5}
NOTES = (
    "Pairs of drawn pictures that differ in one attribute and what follows from it. A pair is "
    "flipped when both answers about it are right; clean when, besides, no answer about the "
    f"{NUM_CONTROLS} other names asked differs between the two pictures.",
    "The same answer to both pictures never flips: whoever always says the same scores 0, and "
    "whoever guesses a quarter. yes_bias is the share of answers that say yes, minus the share for "
    "which yes is right.",
    DRAWN_HERE,
)


@final
class Counterfactual:
    """Pairs of pictures that differ in one attribute."""

    name = "counterfactual"
    about = "drawn pairs that differ in one attribute: does the answer flip, and only that one?"
    headline = "flipped"
    needs_folder = False
    has_phrasings = True
    splits = ("test",)
    published: tuple[Published, ...] = ()
    unpublished = DRAWN_HERE

    def read_items(self, folder: Path, options: Options) -> ItemSet:  # noqa: ARG002
        """Choose pairs and the names asked about both; pictures are drawn when opened."""
        require_options(self, options)
        items: list[Item] = []
        dropped: Counter[str] = Counter()
        phrasings = range(NUM_WORDINGS if options.with_phrasings else 1)
        for number in range(options.count or options.limit or NUM_PAIRS):
            name = NAMES[number % len(NAMES)]
            pair = ask_pair(FIRST_SEED + number, name, phrasings)
            items += pair
            if not pair:
                dropped["attribute left open by the drawing"] += 1
        notes = (*NOTES, f"prompts: {prompts_id('rendered')}")
        return ItemSet(tuple(items), draw_media, {}, dropped, notes).require_items(self.name)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score pairs in the first wording: flipped, clean, and how often other answers stay."""
        verdicts = read_verdicts(items, answers, _read)
        plain = [item for item in items if item.phrasing == 0]
        pairs: dict[str, list[Item]] = defaultdict(list)
        for item in plain:
            pairs[item.subject].append(item)
        rows = [judge_pair(own, verdicts) for own in pairs.values()]
        names = [own[0].group for own in pairs.values()]
        ids = list(pairs)
        values = np.array(rows, np.float64).reshape(-1, 4)
        measures = {
            key: _measure(ids, values[:, column], prior)
            for column, (key, prior) in enumerate(PRIORS.items())
        }
        numbers = sorted({item.phrasing for item in items})
        asked = [[item for item in items if item.phrasing == number] for number in numbers]
        ranges = find_ranges([_share_flipped(own, verdicts) for own in asked])
        measures["flipped"] = replace(measures["flipped"], extra=ranges)
        for name in dict.fromkeys(names):
            places = [place for place, own in enumerate(names) if own == name]
            measures[f"flipped/{name}"] = _measure([ids[p] for p in places], values[places, 0])
        figures = {name: measure.figure() for name, measure in measures.items()}
        figures["yes_bias"] = Figure(find_yes_bias(plain, verdicts), num_items=len(plain))
        return Scores(
            figures, measures,
            wrong_ids=tuple(item.id for item in plain if verdicts[item.id] is not item.truth),
            unread_ids=tuple(name for name, verdict in verdicts.items() if verdict is None),
        )  # fmt: skip


def _read(item: Item, answer: str) -> bool | None:
    return read_flag(item.question, answer, item.name)


def _share_flipped(items: Sequence[Item], verdicts: Verdicts) -> float:
    pairs: dict[str, list[bool]] = defaultdict(list)
    for item in items:
        if item.name == item.group:
            pairs[item.subject].append(verdicts[item.id] is item.truth)
    return float(np.mean([all(right) for right in pairs.values()])) if pairs else math.nan


def _measure(ids: Sequence[str], values: np.ndarray, prior: float = 0.0) -> Measure:
    return Measure(ids=ids, subjects=ids, stats=mean_stats(values), statistic=mean_of, prior=prior)


def judge_pair(items: Sequence[Item], verdicts: Verdicts) -> tuple[float, float, float, float]:
    """Return whether a pair is flipped, clean, how stable its controls are, and one side right."""
    target = [item for item in items if item.name == item.group]
    right = [verdicts[item.id] is item.truth for item in target]
    by_name: dict[str, list[bool | None]] = defaultdict(list)
    for item in items:
        if item.name != item.group:
            by_name[item.name].append(verdicts[item.id])
    same = [one is other and one is not None for one, other in by_name.values()]
    is_flipped = all(right)
    stable = float(np.mean(same)) if same else 1.0
    return float(is_flipped), float(is_flipped and all(same)), stable, float(np.mean(right))


def ask_pair(seed: int, name: str, phrasings: Sequence[int] = (0,)) -> list[Item]:
    """Ask about an attribute, and about names that its change leaves alone, in both pictures."""
    annotation = sample_face(seed, is_picture=True)
    before = find_state(annotation, name)
    if before is None:
        return []
    edited = edit_annotation(annotation, name, not before)
    asked = [name]
    others = sorted(NAMES, key=lambda other: hash_text(f"{seed} {other}"))
    bound = read_vocabulary().excluded_by(name)
    for other in others:
        states = find_state(annotation, other), find_state(edited, other)
        if (
            other != name
            and other not in bound
            and states[0] is not None
            and states[0] is states[1]
        ):
            asked.append(other)
    items = []
    for version, own in (("before", annotation), ("after", edited)):
        for one in asked[: 1 + NUM_CONTROLS]:
            truth = find_state(own, one)
            assert truth is not None
            wordings = list_wordings(one, "is")
            items += [
                Item(
                    id=f"counterfactual/{seed}/{name}/{version}/{one}" + f"/{n}" * bool(n),
                    media=f"face-{seed}/{name}/{version}", question=wordings[n],
                    kind="yes_no", truth=truth, group=name, name=one,
                    subject=f"{seed}/{name}", phrasing=n, level=1,
                )
                for n in phrasings
            ]  # fmt: skip
    return items


@functools.lru_cache(maxsize=8)
def draw_media(media: str) -> Visual:
    """Draw one picture of a pair: ``face-700001/smile/after``."""
    face, name, version = media.split("/")
    seed = int(face.removeprefix("face-"))
    annotation = sample_face(seed, is_picture=True)
    if version == "after":
        annotation = edit_annotation(annotation, name, not find_state(annotation, name))
    frames, _ = draw_clip(annotation, size_px=SIZE_PX, seed=seed)
    return Visual(frames[:1])
