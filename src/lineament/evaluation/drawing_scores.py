"""Scores of drawings: distances to real pictures, captions told apart, probabilities of yes."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from lineament.errors import BadInput, BadMedia
from lineament.evaluation.drawing_features import FeatureExtractor, open_extractor
from lineament.evaluation.drawing_files import Settings
from lineament.evaluation.measure import Measure
from lineament.evaluation.result import Figure
from lineament.metrics.feature_distances import frechet_distance, kernel_distance
from lineament.metrics.intervals import mean_of, mean_stats
from lineament.video import PICTURE_SUFFIXES, read_picture

MIN_PICTURES = 4  # halves of the real pictures need two each


def measure_distances(
    drawn: Sequence[UInt8[np.ndarray, "height width 3"]],
    real: Sequence[UInt8[np.ndarray, "other_height other_width 3"]],
    extractor: FeatureExtractor,
) -> dict[str, Figure]:
    """Return FID and KID of drawings to real pictures, in one named feature space.

    Beside each stands ``floor``: the same distance between two halves of the real pictures,
    which is what perfect drawings would get from half as many.

    Raises:
        BadInput: There are fewer than 4 pictures on a side.
    """
    for name, pictures in (("drawn", drawn), ("real", real)):
        if len(pictures) < MIN_PICTURES:
            raise BadInput(
                f"{len(pictures)} {name} pictures are too few for a distance",
                hint=f"at least {MIN_PICTURES}, better thousands",
            )
    return distances_from_features(
        extractor.extract(drawn), extractor.extract(real), extractor.name
    )


def distances_from_features(
    drawn: Float[np.ndarray, "drawn dim"], real: Float[np.ndarray, "real dim"], name: str
) -> dict[str, Figure]:
    """Return FID and KID from features already extracted."""
    about = {
        "features": name, "dim": int(drawn.shape[1]), "num_drawn": len(drawn),
        "num_real": len(real),
    }  # fmt: skip
    figures = {}
    for key, distance in (("fid", frechet_distance), ("kid", kernel_distance)):
        floor = distance(real[0::2], real[1::2])
        figures[key] = Figure(
            distance(drawn, real), num_items=len(drawn), extra=about | {"floor": floor}
        )
    return figures


@functools.lru_cache(maxsize=4)
def measure_folder(paths: tuple[str, ...], settings: Settings) -> dict[str, Figure]:
    """Return the distances of picture files to the real folder; unreadable drawings are left out.

    Raises:
        BadInput: The real folder or the feature space cannot be used.
    """
    if settings.real is None:
        return {}
    extractor = open_extractor(settings.features)
    drawn, num_unread = [], 0
    for path in paths:
        try:
            drawn.append(read_picture(Path(path)))
        except BadMedia:
            num_unread += 1
    figures = measure_distances(drawn, read_pictures(settings.real), extractor)
    return {
        name: Figure(f.value, num_items=f.num_items, extra={**f.extra, "num_unread": num_unread})
        for name, f in figures.items()
    }


def read_pictures(folder: Path) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Read every picture of a folder, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    return [read_picture(path) for path in paths]


def measure_captions(
    own: Mapping[str, bool | None], other: Mapping[str, bool | None]
) -> dict[str, Measure]:
    """Return how often drawings are told by their captions, by drawing id.

    Args:
        own: Whether each is said to show its own caption; None where nothing was read.
        other: Whether it is said to show another drawing's caption; only where one contradicts.
    """
    ids = list(own)
    pairs = [id for id in ids if id in other]
    measures = {
        "caption_confirmed": _mean(ids, [own[id] is True for id in ids], prior=1.0, scale=100.0),
    }
    if pairs:
        apart = [own[id] is True and other[id] is False for id in pairs]
        measures = {"caption_told_apart": _mean(pairs, apart, prior=0.0), **measures}
    return measures


def measure_likelihoods(own: Mapping[str, float], other: Mapping[str, float]) -> dict[str, Measure]:
    """Return VQAScore: the mean probability of yes to a drawing's own caption.

    ``vqa_score_other`` is the same for another drawing's caption, and ``vqa_told_apart`` how
    often the own one gets more, both where there is another that contradicts; whoever does not
    look has 0.5 in the latter.
    """
    if not own:
        return {}
    measures = {"vqa_score": _mean(list(own), list(own.values()))}
    ids = [id for id in own if id in other]
    if ids:
        pairs = [(own[id], other[id]) for id in ids]
        higher = [float(one > two) + 0.5 * float(one == two) for one, two in pairs]
        measures["vqa_score_other"] = _mean(ids, [two for _, two in pairs])
        measures["vqa_told_apart"] = _mean(ids, higher, prior=0.5)
    return measures


def _mean(
    ids: Sequence[str], values: Sequence[Any], *, prior: float | None = None, scale: float = 1.0
) -> Measure:
    return Measure(
        ids=ids, subjects=ids, stats=mean_stats(np.array(values, np.float64)), statistic=mean_of,
        prior=prior, scale=scale,
    )  # fmt: skip
