"""Pickles of plain data: dicts, lists and texts; anything that could run code is refused."""

import collections
import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

from lineament.errors import BadInput

LIMIT_BYTES = 512_000_000
_SAFE = {("collections", "OrderedDict"): collections.OrderedDict}
_REFUSED = frozenset(
    ("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD")
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _SAFE[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"wants {module_name}.{global_name}") from None


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle that holds nothing but plain data.

    Raises:
        BadInput: It is too large or damaged, or would import or call anything.
    """
    try:
        if (size := path.stat().st_size) > LIMIT_BYTES:
            raise BadInput(f"{path}: {size} bytes, more than {LIMIT_BYTES}")
        data = path.read_bytes()
        _scan(data)
        return _PlainUnpickler(io.BytesIO(data)).load()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    # Damaged pickles end in errors of many kinds.
    except (
        pickle.UnpicklingError, ValueError, EOFError, AttributeError, LookupError, TypeError,
        MemoryError, RecursionError, OverflowError, ImportError,
    ) as error:  # fmt: skip
        raise BadInput(
            f"{path}: no plain pickle ({error})", hint="it may do harm; get it from the authors"
        ) from None


def _scan(data: bytes) -> None:
    """Refuse opcodes that plain data has no use for, and memo numbers that would fill memory."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if opcode.name in _REFUSED:
            raise pickle.UnpicklingError(f"holds {opcode.name}")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise pickle.UnpicklingError(f"holds memo number {argument}")
