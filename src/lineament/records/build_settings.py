"""Settings of a build, and the stamp by which a folder knows its own build again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.errors import BadStore
from lineament.records.ledger import Ledger
from lineament.records.sources.source import Source
from lineament.records.writers import PaidWriter, Writer

ADAPTED = "adapted"
DEFAULT_MAX_TURNS = 40


@dataclass(frozen=True)
class BuildSettings:
    """How a data set is built; two builds with equal settings give equal records.

    Attributes:
        split: Of the source; empty: its first.
        kinds: Kinds of records; none: all. ``adapted`` alone: only what the labels say.
        writer: Name of the writer.
        seed: Changes all that is written.
        limit: Most annotations.
        max_turns: Most turns about one annotation; one turn is a question and its answer.
        needs_media: Drop annotations whose media are missing.
        drop_near: Drop descriptions that nearly repeat one of other media; else only counted.
        accept_unknown: Keep claims that the annotation is silent on.
        use_tags: Write the task's tag before what labels of aerial scenes are asked as.
        writer_options: Of one writer: an address, a model's name, a budget.
    """

    split: str = ""
    kinds: tuple[str, ...] = ()
    writer: str = "template"
    seed: int = 0
    limit: int | None = None
    max_turns: int = DEFAULT_MAX_TURNS
    needs_media: bool = False
    drop_near: bool = False
    accept_unknown: bool = False
    use_tags: bool = False
    writer_options: tuple[tuple[str, str], ...] = ()


DEFAULT_SETTINGS = BuildSettings()
# What builds were like before there was a setting; their stamps do not name it.
_BEFORE: dict[str, Any] = {"use_tags": False}


def key_parts(writer: Writer | PaidWriter, settings: BuildSettings) -> tuple[str, str, str]:
    """Return what names the work beside the annotation: prompts, writer, sampling."""
    if isinstance(writer, PaidWriter):
        return writer.prompt_version, writer.name, writer.sampling
    return "", settings.writer, f"seed {settings.seed}"


def stamp_of(
    source: Source, folder: Path, split: str, settings: BuildSettings, work: tuple[str, str, str]
) -> str:
    """Return what two runs of one build have in common, as JSON."""
    return json.dumps(
        {
            "source": source.name,
            "data": folder.name,
            "split": split,
            "kinds": sorted(settings.kinds),
            "writer": settings.writer,
            "work": list(work),  # prompts, model, sampling
            "seed": settings.seed,
            "limit": settings.limit,
            "max_turns": settings.max_turns,
            "needs_media": settings.needs_media,
            "drop_near": settings.drop_near,
            "accept_unknown": settings.accept_unknown,
            "use_tags": settings.use_tags,
        },
        sort_keys=True,
    )


def require_same_build(ledger: Ledger, stamp: str, out: Path) -> None:
    """Enter what is built into a new ledger; refuse one that belongs to another build.

    Raises:
        BadStore: It does; the message says in what they differ.
    """
    before = ledger.about("build")
    if not before:
        ledger.set_about("build", stamp)
    elif differing(json.loads(before), json.loads(stamp)):
        raise other_build(out, json.loads(before), json.loads(stamp))


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return in what a build differs from one that was begun or finished before."""
    before = _BEFORE | before
    return [key for key, value in now.items() if before.get(key) != value]


def other_build(out: Path, before: dict[str, Any], now: dict[str, Any]) -> BadStore:
    """Return the error that names in what two builds differ."""
    was = _BEFORE | before
    detail = ", ".join(f"{key} was {was.get(key)!r}" for key in differing(before, now))
    return BadStore(
        f"{out}: holds another build ({detail})", hint="choose another --out, or remove that one"
    )
