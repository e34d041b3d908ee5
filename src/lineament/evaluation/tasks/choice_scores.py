"""Scores of chosen answers: recall over what is right in each group, follow-ups, lists, words."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.evaluation.item import Item
from lineament.evaluation.measure import Measure
from lineament.evaluation.reading import fold, read_choice
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.tasks.clips import find_named
from lineament.metrics.captions import rouge_l
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats
from lineament.metrics.words import split_plain

# What a right answer is counted under: its letter, or its words.
ClassOf = Callable[[Item], str]


def score_choices(items: Sequence[Item], answers: Mapping[str, str], class_of: ClassOf) -> Scores:
    """Score choices, lists and open answers; an item without an answer is wrong.

    Args:
        items: Of kind ``choice`` (truth: the letter), ``labels`` (truth: the right options and all
            options) or ``exact`` (truth: the words). An id below another's is its follow-up.
        answers: By item id.
        class_of: Balanced accuracy is the mean recall over these classes in each group; groups in
            which the same class, or the same words, are always right are left out of it.
    """
    read = {item.id: _read(item, answers.get(item.id, "")) for item in items}
    right = {item.id: float(read[item.id] == _truth(item)) for item in items}
    chosen = [item for item in items if item.kind == "choice"]
    measures: dict[str, Measure] = {}
    if chosen:
        measures |= _measure_choices(chosen, right, class_of, "")
        for category in sorted({item.group.split("/")[0] for item in chosen}):
            own = [item for item in chosen if item.group.split("/")[0] == category]
            measures |= _measure_choices(own, right, class_of, f"{category}/")
    measures |= _measure_follow_ups(items, right)
    measures |= _measure_several([i for i in items if i.kind == "labels"], read)
    measures |= _measure_open([i for i in items if i.kind == "exact"], answers, right)
    figures = {name: measure.figure() for name, measure in measures.items()}
    # Where no group has two right answers nothing tells a guess from sight, and so it says.
    figures = {"balanced_accuracy": Figure(math.nan), **figures}
    return Scores(
        figures,
        measures,
        {"by_group": _by_group(chosen, right, class_of)},
        wrong_ids=tuple(item.id for item in items if not right[item.id]),
        unread_ids=tuple(item.id for item in items if read[item.id] is None),
    )


def _truth(item: Item) -> Any:
    if item.kind == "labels":
        return frozenset(item.truth[0])
    return fold(item.truth) if item.kind == "exact" else item.truth


def _read(item: Item, answer: str) -> Any:
    if item.kind == "exact":
        return fold(answer) or None
    if item.kind == "labels":
        found = find_named(answer, {option: [option] for option in item.truth[1]})
        return frozenset(found) or None
    place = read_choice(answer, item.options)
    return None if place is None else chr(ord("A") + place)


def _measure_choices(
    items: Sequence[Item], right: Mapping[str, float], class_of: ClassOf, prefix: str
) -> dict[str, Measure]:
    """Return balanced and plain accuracy; groups with one right answer are in the latter alone."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    prior = sum(find_best_constant(own, lambda _: "") * len(own) for own in groups.values())
    rights = [right[item.id] for item in items]
    measures = {f"{prefix}accuracy": _mean(items, rights, prior=prior / len(items))}
    told_apart = [own for own in groups.values() if is_two_sided(own, class_of)]
    if told_apart:
        best = float(np.mean([find_best_constant(own, class_of) for own in told_apart]))
        kept = [item for own in told_apart for item in own]
        measures[f"{prefix}balanced_accuracy"] = _balanced(kept, class_of, right, prior=best)
    return dict(sorted(measures.items(), reverse=True))


def words_of_truth(item: Item) -> str:
    """Return the words of the right option."""
    return fold(item.options[ord(item.truth) - ord("A")])


def is_two_sided(items: Sequence[Item], class_of: ClassOf) -> bool:
    """Say whether sight can be told from a guess: several classes and several words are right."""
    return min(len({class_of(i) for i in items}), len({words_of_truth(i) for i in items})) > 1


def find_best_constant(items: Sequence[Item], class_of: ClassOf) -> float:
    """Return the mean recall over the classes of one group that the best letter or words reach."""
    sizes = Counter(class_of(item) for item in items)
    reached: dict[tuple[str, str], float] = defaultdict(float)
    for item in items:
        for constant in (("letter", item.truth), ("words", words_of_truth(item))):
            reached[constant] += 1 / sizes[class_of(item)]
    return max(reached.values()) / len(sizes)


def _balanced(
    items: Sequence[Item], class_of: ClassOf, right: Mapping[str, float], *, prior: float
) -> Measure:
    keys = {item.id: (item.group, class_of(item)) for item in items}
    # Rows are subjects, not items: there may be hundreds of groups with several classes each.
    classes = {key: n for n, key in enumerate(dict.fromkeys(keys[item.id] for item in items))}
    names = {name: n for n, name in enumerate(dict.fromkeys(group for group, _ in classes))}
    subjects = {name: n for n, name in enumerate(dict.fromkeys(i.subject for i in items))}
    stats = np.zeros((len(subjects), 2 * len(classes)))
    for item in items:
        row, column = subjects[item.subject], classes[keys[item.id]]
        stats[row, column] += right[item.id]
        stats[row, len(classes) + column] += 1
    belongs = np.zeros((len(classes), len(names)))
    for (group, _), column in classes.items():
        belongs[column, names[group]] = 1

    def mean_recall(sums: Sums) -> Float[np.ndarray, " resamples"]:
        hits, asked = np.split(sums, 2, axis=1)
        recalls = divide(hits, asked)
        known = ~np.isnan(recalls)
        by_group = divide(np.where(known, recalls, 0.0) @ belongs, known @ belongs)
        seen = ~np.isnan(by_group)
        return divide(np.where(seen, by_group, 0.0).sum(1), seen.sum(1).astype(np.float64))

    return Measure(
        list(subjects), list(subjects), stats, mean_recall, 100.0, prior,
        extra={"num_groups": len(names)}, num_items=len(items),
    )  # fmt: skip


def _mean(items: Sequence[Item], values: Sequence[float], **more: Any) -> Measure:
    return Measure(
        [item.id for item in items], [item.subject for item in items],
        mean_stats(np.array(values, np.float64)), mean_of, 100.0, **more,
    )  # fmt: skip


def _measure_follow_ups(items: Sequence[Item], right: Mapping[str, float]) -> dict[str, Measure]:
    """Return accuracy of follow-ups, and the same where a wrong answer before it counts."""
    found: list[Item] = []
    chains: list[float] = []
    for item in items:
        before = [name for name in _iterate_parents(item.id) if name in right]
        if before and item.kind != "labels":
            found.append(item)
            chains.append(min([right[item.id], *(right[name] for name in before)]))
    if not found:
        return {}
    return {
        "follow_up_accuracy": _mean(found, [right[item.id] for item in found]),
        "conditional_accuracy": _mean(found, chains),
    }


def _iterate_parents(id: str) -> list[str]:
    parts = id.split("/")
    return ["/".join(parts[:stop]) for stop in range(1, len(parts))]


def _measure_several(items: Sequence[Item], read: Mapping[str, Any]) -> dict[str, Measure]:
    if not items:
        return {}
    scores, priors, exact = [], [], []
    for item in items:
        true, said = frozenset(item.truth[0]), read[item.id] or frozenset()
        scores.append(2 * len(true & said) / (len(true) + len(said)))
        priors.append(2 * len(true) / (len(true) + len(item.truth[1])))
        exact.append(float(true == said))
    return {
        "several_f1": _mean(items, scores, prior=float(np.mean(priors))),
        "several_exact": _mean(items, exact),
    }


def _measure_open(
    items: Sequence[Item], answers: Mapping[str, str], right: Mapping[str, float]
) -> dict[str, Measure]:
    if not items:
        return {}
    said = [split_plain(answers.get(item.id, "")) for item in items]
    scores = rouge_l(said, [[split_plain(item.truth)] for item in items])
    by_group: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        by_group[item.group][fold(item.truth)] += 1
    prior = sum(counts.most_common(1)[0][1] for counts in by_group.values()) / len(items)
    return {
        "open_exact": _mean(items, [right[item.id] for item in items], prior=prior),
        "open_rouge_l": _mean(items, scores.tolist()),
    }


def _by_group(
    items: Sequence[Item], right: Mapping[str, float], class_of: ClassOf
) -> dict[str, Any]:
    by_group: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_group[item.group].append(item)
    table: dict[str, Any] = {}
    for group, own in sorted(by_group.items()):
        hits: dict[str, list[float]] = defaultdict(list)
        for item in own:
            hits[class_of(item)].append(right[item.id])
        recalls = [float(np.mean(values)) for values in hits.values()]
        is_known = is_two_sided(own, class_of)
        table[group] = {
            "num_items": len(own),
            "accuracy": 100 * float(np.mean([right[item.id] for item in own])),
            "balanced_accuracy": 100 * float(np.mean(recalls)) if is_known else None,
            "prior": 100 * find_best_constant(own, class_of),
        }
    return table
