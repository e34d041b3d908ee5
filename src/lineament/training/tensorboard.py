"""The log's curves as TensorBoard reads them: a folder a stage, losses by set, kind and level."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from lineament.errors import MissingExtra

CURVES = "tensorboard"


@final
class CurveWriter:
    """Writes rows of the log as events; what a resumed stage does again is not shown twice.

    Raises:
        MissingExtra: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            raise MissingExtra("tensorboard", "model") from None
        self.folder = folder
        self._open: Any = SummaryWriter
        self._writer: Any = None

    def begin(self, stage: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a stage anew from the rows that the log has of it already."""
        self.close()
        shutil.rmtree(self.folder / stage, ignore_errors=True)
        self._writer = self._open(str(self.folder / stage))
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row of the stage that was begun last."""
        if self._writer is None:
            return
        for name, value in _find_scalars(row):
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        """Let go the files of a stage."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _find_scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield names as TensorBoard groups them, and numbers."""
    if "loss" not in row:
        return
    values = {name: row.get(name) for name in ("loss", "grad_norm", "learning_rate")}
    for group in ("kind", "level"):
        values |= {f"{group}/{key}": loss for key, loss in row.get(f"by_{group}", {}).items()}
    for name, value in values.items():
        if value is not None:
            yield f"{row['set']}/{name}", value
