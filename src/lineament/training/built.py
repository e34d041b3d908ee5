"""Built data sets as examples: rows of Parquet by number, media decoded when asked for."""

import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, final

import numpy as np

from lineament.describe.visual import visual_from_followed
from lineament.errors import BadInput, BadMedia
from lineament.faces.follow import FollowedClip
from lineament.faces.store import TrackStore
from lineament.faces.track import FaceTrack
from lineament.model.processor import VisualInput
from lineament.records.quality import choose_best
from lineament.records.record import Record
from lineament.records.sources.pixels import open_pixels
from lineament.records.store import RecordStore
from lineament.training.examples import Dialogue, Example, Shown
from lineament.training.recipe import Mix
from lineament.video import Clip, open_clip, sample_frames

OPTIONS = ("media", "tracks", "num_frames", "num_samples", "crop_size_px", "dialogues_per_example")
MOVING = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


@final
class BuiltExamples:
    """Records of a built data set; those about one clip are read together.

    Options of the mix: ``media``, the folder that references start at (the data set's own when
    left out); ``tracks``, a store that ``lineament annotate --out`` made, from which crops and
    landmarks come; ``num_frames``, ``num_samples``, ``crop_size_px``; ``dialogues_per_example``.

    Raises:
        BadInput: An option is unknown, or the data set is of another split.
        BadStore: The folder holds no finished data set.
    """

    def __init__(self, mix: Mix) -> None:
        for option in mix.options:
            if option not in OPTIONS:
                raise BadInput(
                    f"{mix.source}: unknown option {option!r}",
                    hint=f"options: {', '.join(OPTIONS)}",
                )
        self.mix = mix
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {"mix": self.mix}  # a worker maps the shards into its own memory

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.mix = state["mix"]
        self._open()

    def __len__(self) -> int:
        return len(self.groups)

    def read(self, index: int, epoch: int) -> Example:
        """Read the records of one clip, in another order each epoch, and the clip.

        Raises:
            BadInput: A row is damaged.
            BadMedia: The clip cannot be decoded.
        """
        rows = [int(row) for row in self.groups[index]]
        records = [self.store.record(row) for row in rows]
        Random(f"{records[0].id}:{epoch}").shuffle(records)
        visual = self._look(records[0].media) if records[0].media else None
        return Example(records[0].id, tuple(map(dialogue_from_record, records)), visual)

    def list_media(self) -> Iterator[Shown]:
        """Yield what the chosen records are about."""
        return list_records(self.store, [row for group in self.groups for row in group])

    def _open(self) -> None:
        mix = self.mix
        self.store = RecordStore(mix.source)
        self.media = Path(str(mix.options.get("media", mix.source)))
        tracks = mix.options.get("tracks")
        self.tracks = TrackStore(Path(str(tracks))) if tracks else None
        require_own_split(self.store, mix)
        rows = choose_rows(self.store, mix)
        per_example = int(mix.options.get("dialogues_per_example", 10))
        groups = group_rows(self.store.column("media"), rows, per_example)
        self.groups = groups[: mix.limit] if mix.limit else groups
        self._look = functools.lru_cache(maxsize=4)(self._open_visual)

    def _open_visual(self, reference: str) -> VisualInput:
        options = self.mix.options
        num_frames = int(options.get("num_frames", 8))
        num_samples = int(options.get("num_samples", 8))
        size_px = int(options.get("crop_size_px", 128))
        if not reference.lower().endswith(MOVING):
            return _picture(open_pixels(reference, self.media))
        path = self.media / reference
        if ".." in Path(reference).parts or Path(reference).is_absolute():
            raise BadMedia(f"{reference}: not a path below the data folder")
        clip = open_clip(path)
        key = self.tracks.key_of(path) if self.tracks is not None else ""
        if self.tracks is None or key not in self.tracks:
            frames = sample_frames(clip, num_frames)
            return VisualInput(frames=frames.pixels, times_seconds=frames.times_seconds.tolist())
        followed = follow_stored(clip, self.tracks.read_tracks(key))
        return visual_from_followed(
            followed, num_frames=num_frames, num_samples=num_samples, crop_size_px=size_px
        )


def open_built(mix: Mix) -> BuiltExamples:
    """Open the data set that a mix names by its folder."""
    return BuiltExamples(mix)


def dialogue_from_record(record: Record) -> Dialogue:
    """Return a record's turns as a conversation."""
    messages = [{"role": turn.role, "content": turn.text} for turn in record.turns]
    return Dialogue(messages, record.kind, record.level)


def require_own_split(store: RecordStore, mix: Mix) -> None:
    """Refuse a data set that was built from another split than the mix asks for.

    Raises:
        BadInput: It was.
    """
    built = store.manifest.about.get("split") or mix.split
    if built not in (mix.split, "all"):
        raise BadInput(
            f"{mix.source}: built from the split {built!r}, and {mix.split!r} is asked for",
            hint=f"set split={built!r}, or build the other one",
        )


def choose_rows(store: RecordStore, mix: Mix) -> list[int]:
    """Return the rows of the wanted split, kinds and levels, and of those the best.

    Raises:
        BadInput: The best are asked for, and no record has a quality.
    """
    kinds, levels = store.column("kind"), store.column("level")
    chosen = [
        row
        for row, (kind, level, split) in enumerate(
            zip(kinds, levels, read_splits(store), strict=True)
        )
        if (not mix.kinds or kind in mix.kinds)
        and (not mix.levels or level in mix.levels)
        and split in (mix.split, "all", "")
    ]
    if mix.quality_share < 1:
        qualities = store.column("quality")
        if all(qualities[row] is None for row in chosen):
            raise BadInput(
                f"{mix.source}: quality_share is set, but no record has a quality",
                hint="score it while building, or leave quality_share out",
            )
        best = choose_best([qualities[row] for row in chosen], mix.quality_share)
        chosen = [chosen[place] for place in best]
    return chosen


def read_splits(store: RecordStore) -> list[str]:
    """Return the part of each record where all were built together; empty where none is told."""
    if store.manifest.about.get("split") != "all":
        return [""] * len(store)
    return [
        split or ""
        for batch in store.batches(["provenance"])
        for split in batch.column(0).field("split").to_pylist()
    ]


def list_records(store: RecordStore, rows: Sequence[int]) -> Iterator[Shown]:
    """Yield the media of some records, as their provenance names them."""
    chosen, number = set(rows), 0
    for batch in store.batches(["media", "provenance"]):
        origins = batch.column(1)
        columns = (
            origins.field("source"),
            batch.column(0),
            origins.field("split_key"),
        )
        for told in zip(*(column.to_pylist() for column in columns), strict=True):
            if number in chosen:
                yield Shown(*(text or "" for text in told))
            number += 1


def group_rows(
    media: Sequence[str], rows: Sequence[int], per_example: int
) -> list[tuple[int, ...]]:
    """Put rows about one clip together, at most so many, in the order of the first ones."""
    by_media: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_media[media[row] or f"#{row}"].append(row)
    return [
        tuple(found[start : start + per_example])
        for found in by_media.values()
        for start in range(0, len(found), per_example)
    ]


def follow_stored(clip: Clip, tracks: tuple[FaceTrack, ...]) -> FollowedClip:
    """Return a clip with its stored tracks.

    Only frames with faces have stored times; those of the others lie evenly between.
    """
    num_frames = max([clip.num_frames or 1, *(int(t.frame_index[-1]) + 1 for t in tracks)])
    known = {
        int(frame): float(time)
        for track in tracks
        for frame, time in zip(track.frame_index, track.times_seconds, strict=True)
    }
    last = max(clip.duration_seconds * (num_frames - 1) / num_frames, 0.0)
    known.setdefault(0, 0.0)
    known.setdefault(num_frames - 1, max([last, *known.values()]))
    frames = sorted(known)
    times = np.interp(np.arange(num_frames), frames, [known[frame] for frame in frames])
    return FollowedClip(clip, tracks, times.astype(np.float64))


def _picture(pixels: np.ndarray) -> VisualInput:
    return VisualInput(frames=pixels[None], times_seconds=(0.0,))
