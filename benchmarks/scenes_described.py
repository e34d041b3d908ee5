"""Score descriptions of scenes: how much of it holds, and how much of the annotation it tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims, choose_objects
from lineament.claims.scenes_objects import RELATIONS
from lineament.claims.scenes_read import read_scene_claims
from lineament.metrics.intervals import bootstrap_interval
from lineament.records.write.scenes.phrase import SceneView

KINDS = {"scene_local": "local", "scene_global": "global"}
PARTS = ("class", "position", "relation")
# Columns of a row: claims that hold, claims judged, claims of the reference told and all of them,
# then told and all of each part of the annotation.
HELD, JUDGED, ECHOED, REFERENCE = range(4)
WIDTH = 4 + 2 * len(PARTS)


@dataclass
class Described:
    """What was said of all scenes, and what the reference says.

    Attributes:
        rows: By kind: the scene's key, its annotation, what was said, the reference.
    """

    rows: dict[str, list[tuple[str, Annotation, str, str]]] = field(default_factory=dict)

    def add(self, kind: str, annotation: Annotation, said: str, reference: str) -> None:
        row = (annotation.split_key, annotation, said, reference)
        self.rows.setdefault(KINDS[kind], []).append(row)

    def figures(self) -> dict[str, Any]:
        """Return precision and recall by kind, and of both together.

        ``local_recall`` and ``global_recall`` are of the annotation: classes with their numbers,
        places of objects, and objects with a relation. ``claim_recall`` is of what the written
        reference says. A prior is what descriptions of other scenes score.
        """
        found: dict[str, Any] = {}
        keys: list[str] = []
        said_all: list[np.ndarray] = []
        prior_all: list[np.ndarray] = []
        for kind, rows in self.rows.items():
            own = [key for key, *_ in rows]
            said = np.array([score(text, a, wanted) for _, a, text, wanted in rows], float)
            strange = np.zeros((0, WIDTH))
            if len(rows) > 1:  # the reference of the next scene, told of this one
                others = [*rows[1:], rows[0]]
                strange = np.array(
                    [score(other[3], a, wanted) for (_, a, _, wanted), other in
                     zip(rows, others, strict=True)], float,
                )  # fmt: skip
            parts = [4 + 2 * place for place in range(len(PARTS))]
            found[f"{kind}_precision"] = _figure(said, strange, own, [HELD], [JUDGED])
            found[f"{kind}_recall"] = _figure(said, strange, own, parts, [p + 1 for p in parts])
            for part, place in zip(PARTS, parts, strict=True):
                found[f"{kind}_{part}_recall"] = _figure(said, strange, own, [place], [place + 1])
            keys += own
            said_all.append(said)
            prior_all.append(strange)
        if keys:
            both, prior = np.concatenate(said_all), np.concatenate(prior_all)
            found["claim_precision"] = _figure(both, prior, keys, [HELD], [JUDGED])
            found["claim_recall"] = _figure(both, prior, keys, [ECHOED], [REFERENCE])
        return found


def _figure(
    rows: np.ndarray, strange: np.ndarray, keys: list[str], above: list[int], below: list[int]
) -> dict[str, Any]:
    stats = np.stack([rows[:, above].sum(1), rows[:, below].sum(1)], axis=1)
    own = bootstrap_interval(stats, _share, subjects=keys)
    figure = {"items": int(stats[:, 1].sum())}
    figure |= {name: round(float(value), 4) for name, value in own._asdict().items()}
    if len(strange):
        told, items = strange[:, above].sum(), strange[:, below].sum()
        figure["prior"] = round(float(told / max(items, 1)), 4)
    return figure


def _share(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / np.maximum(sums[:, 1], 1)


def score(said: str, annotation: Annotation, reference: str) -> list[int]:
    """Return the summands of every figure for one description."""
    view = SceneView(annotation)
    claims = read_scene_claims(said)
    checked = check_scene_claims(claims, annotation, view.scene)
    held = [row.claim for row in checked.claims if row.verdict == "supported"]
    wanted = {meaning(claim) for claim in read_scene_claims(reference)}
    echoed = len(wanted & {meaning(claim) for claim in held})
    judged = checked.supported + checked.contradicted
    found = [checked.supported, judged, echoed, len(wanted)]
    for items, told in (_classes(held, view), _positions(held, view), _relations(held, view)):
        found += [len(items & told), len(items)]
    return found


def meaning(claim: Claim) -> tuple[str, ...]:
    return claim.name, str(claim.value), claim.subject, str(claim.negated)


def _classes(held: Sequence[Claim], view: SceneView) -> tuple[set[str], set[str]]:
    """Return the classes whose number is known, and those whose number was told."""
    items = {name for name in view.counts if view.scene.is_listed(name)}
    told = {
        claim.subject
        for claim in held
        if claim.name == "object_count" and not claim.negated and claim.subject in view.counts
        and claim.value == (view.counts[claim.subject], view.counts[claim.subject] + 1)
    }  # fmt: skip
    return items, told


def _positions(held: Sequence[Claim], view: SceneView) -> tuple[set[str], set[str]]:
    """Return the objects that have a place, and those whose ninth or half was told."""
    items = {one.id for one in view.scene.objects if one.points and one.name != "road"}
    told: set[str] = set()
    for claim in held:
        is_place = claim.name in ("object_position", "object_side") and not claim.negated
        tags = [word for word in claim.subject.split() if word.startswith(("at:", "side:"))]
        is_counted = claim.name == "object_count" and tags and not claim.negated
        if is_place or is_counted:
            told |= _picked(claim.subject, view, is_all=is_counted or claim.quantity == "all")
    return items, told


def _relations(held: Sequence[Claim], view: SceneView) -> tuple[set[str], set[str]]:
    """Return the objects that words pick and that lie in some relation, and those told of."""
    items = {
        named.found.id
        for one, _, other, holds in view.pairs(Random(0))
        if holds
        for named in (one, other)
    }
    told: set[str] = set()
    for claim in held:
        if claim.name in RELATIONS and not claim.negated:
            told |= _picked(claim.subject, view) | _picked(str(claim.value), view)
    return items, told


def _picked(designator: str, view: SceneView, *, is_all: bool = False) -> set[str]:
    """Return what words pick, where they pick one alone or speak of all."""
    chosen = choose_objects(designator, view.scene)
    sure = chosen[0] if chosen else ()
    return {one.id for one in sure} if is_all or len(sure) == 1 else set()
