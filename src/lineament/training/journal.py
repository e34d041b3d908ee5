"""The log of a run: losses by kind and level, use of experts, skipped samples, plots."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from lineament.training.processes import gather_objects, is_shared
from lineament.training.tensorboard import CurveWriter

LOG, SKIPPED = "log.jsonl", "skipped.jsonl"
VALIDATION = "validation"  # the set of what is held out
FINAL = "is_final"  # marks the validation of the model that a stage ends with
EXPERTS = "expert_use_by_kind"  # of a row of the log
OTHER = "other"  # a kind for what has none
Group = tuple[str, int]


class LossTable:
    """Sums of losses by kind and level."""

    def __init__(self) -> None:
        self._sums: dict[Group, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(
        self,
        losses: Float[Tensor, "labels"],
        group_ids: Int[Tensor, "labels"],
        groups: Sequence[Group],
    ) -> None:
        """Add the losses of single labels."""
        sums = torch.zeros(len(groups), dtype=torch.float64)
        losses, group_ids = losses.double().cpu(), group_ids.cpu()
        sums.index_add_(0, group_ids, losses)
        counts = torch.bincount(group_ids, minlength=len(groups))
        for group, total, count in zip(groups, sums.tolist(), counts.tolist(), strict=True):
            self._sums[group][0] += total
            self._sums[group][1] += count

    def merge(self, rows: Mapping[Group, Sequence[float]]) -> None:
        """Add the sums of another table, such as another process's."""
        for group, (total, count) in rows.items():
            self._sums[group][0] += total
            self._sums[group][1] += count

    @property
    def sums(self) -> dict[Group, list[float]]:
        """Sum and number of labels of every kind and level."""
        return dict(self._sums)

    def shared(self) -> "LossTable":
        """Return the table of all processes' labels; all of them must call this."""
        table = LossTable()
        for rows in gather_objects(self.sums):
            table.merge(rows)
        return table

    def means(self) -> dict[str, Any]:
        """Return the mean loss of all labels, of every kind, and of every level.

        Without any label, there is no mean.
        """
        by_kind: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        by_level: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        every = [0.0, 0.0]
        for (kind, level), (total, count) in self._sums.items():
            for row in (by_kind[kind or OTHER], by_level[str(level)], every):
                row[0] += total
                row[1] += count
        return {
            "loss": _mean(every),
            "by_kind": {kind: _mean(row) for kind, row in sorted(by_kind.items()) if row[1]},
            "by_level": {level: _mean(row) for level, row in sorted(by_level.items()) if row[1]},
        }


class Journal:
    """Rows of a run's log, one JSON object a line; a resumed run goes on where it was."""

    def __init__(
        self, folder: Path, *, is_writer: bool = True, curves: CurveWriter | None = None
    ) -> None:
        self.is_writer = is_writer  # one of several processes writes
        self.path = folder / LOG
        self.skipped_path = folder / SKIPPED
        self.num_skipped = len(_read_rows(self.skipped_path))  # of what was done before
        self._curves = curves
        self._untold: list[dict[str, Any]] = []
        self._held_out: set[tuple[str, str]] = set()

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one row; a number that is not finite is written as null."""
        if not self.is_writer:
            return
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(_line(row))
        if self._curves is not None:
            self._curves.add(row)

    def note_skipped(self, notes: Sequence[tuple[str, str]], stage: str, step: int) -> None:
        """Name samples that could not be used; others' wait for `share_skipped`."""
        self.num_skipped += len(notes)
        rows = [_note(stage, step, "train", name, reason) for name, reason in notes]
        if self.is_writer:
            self._write_skipped(rows)
        if is_shared():
            self._untold += rows

    def note_held_out(self, notes: Sequence[tuple[str, str]], stage: str, step: int) -> None:
        """Name held-out samples that could not be used: each once, however often it comes.

        All processes validate the same samples, so none tells the others.
        """
        new = {name: reason for name, reason in notes if (stage, name) not in self._held_out}
        self._held_out |= {(stage, name) for name in new}
        self.num_skipped += len(new)
        if self.is_writer and new:
            self._write_skipped(
                [_note(stage, step, VALIDATION, name, reason) for name, reason in new.items()]
            )

    def share_skipped(self) -> None:
        """Count and name what other processes have skipped; all of them must call this."""
        if not is_shared():
            return
        untold, self._untold = self._untold, []
        for number, rows in enumerate(gather_objects(untold)):
            if number != dist.get_rank():
                self.num_skipped += len(rows)
                if self.is_writer:
                    self._write_skipped(rows)

    def _write_skipped(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.skipped_path.open("a", encoding="utf-8") as lines:
            lines.writelines(map(_line, rows))

    def cut(self, stage: str, step: int) -> None:
        """Forget rows of a stage behind a step that is done again, and half-written ones.

        What was skipped up to there is counted.
        """

        def stands(row: Mapping[str, Any]) -> bool:
            return row["stage"] != stage or (row.get("step", 0) <= step and not row.get(FINAL))

        rows = [row for row in _read_rows(self.path) if stands(row)]
        skipped = [row for row in _read_rows(self.skipped_path) if stands(row)]
        self.num_skipped = len(skipped)
        self._held_out = {
            (row["stage"], row["id"]) for row in skipped if row.get("set") == VALIDATION
        }
        if not self.is_writer:
            return
        _rewrite(self.path, rows)
        if skipped or self.skipped_path.is_file():
            _rewrite(self.skipped_path, skipped)
        if self._curves is not None:
            self._curves.begin(stage, [row for row in rows if row["stage"] == stage])

    def close(self) -> None:
        """Let go what is open."""
        if self._curves is not None:
            self._curves.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a log; a line that a crash cut short is left out."""
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def _read_rows(path: Path) -> list[dict[str, Any]]:
    return read_log(path) if path.is_file() else []


def _rewrite(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text("".join(map(_line, rows)), encoding="utf-8")
    draft.replace(path)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(_finite(row), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Return a nested value with None for every number that JSON cannot write."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _note(stage: str, step: int, kind: str, name: str, reason: str) -> dict[str, Any]:
    return {"stage": stage, "step": step, "set": kind, "id": name, "reason": reason}


def write_loss_table(log: Path, out: Path) -> None:
    """Write the log's losses as CSV: one line for each row, set and kind."""
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "step", "set", "kind", "loss"])
        for row in read_log(log):
            if "loss" not in row:
                continue
            head = [row["stage"], row["step"], row["set"]]
            writer.writerow([*head, "all", row["loss"]])
            for kind, loss in row.get("by_kind", {}).items():
                writer.writerow([*head, kind, loss])


def write_expert_table(log: Path, out: Path) -> None:
    """Write as CSV how much each kind uses each expert; nothing where no row tells it."""
    told = [row for row in read_log(log) if EXPERTS in row]
    if not told:
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "step", "kind", "expert", "share"])
        for row in told:
            for kind, shares in row[EXPERTS].items():
                for expert, share in enumerate(shares):
                    writer.writerow([row["stage"], row["step"], kind, expert, round(share, 6)])


def plot_experts(log: Path, out: Path) -> None:
    """Draw the last shares of every stage, one bar a kind; nothing where no row tells them.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    last = {row["stage"]: row[EXPERTS] for row in read_log(log) if EXPERTS in row}
    if not last:
        return
    figure = _open_figure(len(last))
    panels = figure.subplots(1, len(last), squeeze=False)[0]
    for panel, (stage, by_kind) in zip(panels, last.items(), strict=True):
        start = [0.0] * len(by_kind)
        for expert, shares in enumerate(zip(*by_kind.values(), strict=True)):
            panel.barh(list(by_kind), shares, left=start, label=f"expert {expert}")
            start = [before + share for before, share in zip(start, shares, strict=True)]
        panel.set_title(stage)
        panel.set_xlabel("share of a kind's choices")
        panel.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(out)


def plot_losses(log: Path, out: Path) -> None:
    """Draw the losses of all stages, one curve a kind.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    rows = [row for row in read_log(log) if "loss" in row]
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    figure = _open_figure(len(stages))
    panels = figure.subplots(1, max(1, len(stages)), squeeze=False)[0]
    for panel, stage in zip(panels, stages, strict=False):
        curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for row in rows:
            if row["stage"] == stage and row["set"] == "train":
                for kind, loss in {"all": row["loss"], **row.get("by_kind", {})}.items():
                    if loss is not None:
                        curves[kind].append((row["step"], loss))
        for kind, points in sorted(curves.items()):
            steps, losses = zip(*points, strict=True)
            panel.plot(steps, losses, label=kind, linewidth=2.0 if kind == "all" else 1.0)
        panel.set_title(stage)
        panel.set_xlabel("step")
        panel.set_ylabel("loss of a token")
        if curves:
            panel.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(out)


def _open_figure(num_panels: int) -> Any:
    from lineament.errors import MissingExtra

    try:
        import matplotlib.figure
    except ModuleNotFoundError:
        raise MissingExtra("matplotlib", "plot") from None
    return matplotlib.figure.Figure(figsize=(5.0 * max(1, num_panels), 4.0))


def _mean(row: Sequence[float]) -> float | None:
    return row[0] / row[1] if row[1] else None
