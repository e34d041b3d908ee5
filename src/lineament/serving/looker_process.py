"""Looking in processes that can be killed: what decoders do on bad files ends there."""

import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lineament.describe.visual import keep_finder
from lineament.errors import BadMedia, LineamentError
from lineament.faces.follow import FinderFactory, leave_with_parent
from lineament.faces.mesh import MeshFinder
from lineament.serving.looking import Looked, Sight, hide_path, look_once
from lineament.serving.settings import MediaLimits
from lineament.serving.ticket import ServerStopped

START_SECONDS = 300.0  # a new process imports all that looks
POLL_SECONDS = 0.05


class ProcessLooker:
    """Look at media in processes of their own, one for each look at a time.

    Decoders crash, hang and fill the memory on files made for that; then the process is killed
    and another one started.

    Args:
        limits: Of the media, of a look's time and of a process' memory.
        num_processes: Looks at once.
        make_finder: Makes the face finder in each process; must be importable.
    """

    def __init__(
        self,
        limits: MediaLimits,
        *,
        num_processes: int = 1,
        make_finder: FinderFactory = MeshFinder,
    ) -> None:
        self._limits = limits
        self._all = [_LookerProcess(limits, make_finder) for _ in range(num_processes)]
        self._free = list(self._all)
        self._changed = threading.Condition()
        self.num_killed = 0

    def wait_until_ready(self) -> None:
        """Wait until every process has imported what it needs.

        Raises:
            LineamentError: One could not.
            ServerStopped: They were ended before.
        """
        for process in self._all:
            process.require_ready()

    def look(self, path: Path, sight: Sight | None) -> Looked:
        """Look at one clip or picture; see `Looker`."""
        with self._changed:
            while not self._free:
                self._changed.wait()
            process = self._free.pop()
        try:
            return process.look(path, sight)
        except _Killed as killed:
            self.num_killed += 1
            raise BadMedia(killed.reason, hint="send a shorter or smaller clip") from None
        finally:
            with self._changed:
                self._free.append(process)
                self._changed.notify()

    def close(self) -> None:
        """End all processes."""
        for process in self._all:
            process.close()


class _Killed(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _LookerProcess:
    """One process and the pipe to it; started again when it had to be killed."""

    def __init__(self, limits: MediaLimits, make_finder: FinderFactory) -> None:
        self._limits, self._make_finder = limits, make_finder
        self._is_closed = False
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        # A fresh process: a copy of this one would share native threads that do not survive it.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_look_for_ever,
            args=(theirs, self._limits, self._make_finder),
            name="looker",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._is_ready = False

    def require_ready(self) -> None:
        """Wait until the process has imported what it needs.

        Raises:
            LineamentError: It could not.
        """
        if self._is_ready:
            return
        try:
            answer = self._pipe.recv() if self._pipe.poll(START_SECONDS) else None
        except (EOFError, OSError):
            answer = None
        if isinstance(answer, LineamentError):
            raise answer
        if answer is None:
            self._restart()
            raise LineamentError("the process that decodes media does not start")
        self._is_ready = True

    def look(self, path: Path, sight: Sight | None) -> Looked:
        self.require_ready()
        try:
            self._pipe.send((path, sight))
            answer = self._wait()
        except (EOFError, OSError):
            self._restart()
            raise _Killed("this media cannot be decoded: the decoder broke down") from None
        except _Killed:
            self._restart()
            raise
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _wait(self) -> Any:
        deadline = time.monotonic() + self._limits.decode_seconds
        while not self._pipe.poll(POLL_SECONDS):
            if time.monotonic() > deadline:
                raise _Killed(
                    f"this media takes more than {self._limits.decode_seconds:g} s to decode"
                )
            if _resident_bytes(self._process.pid) > self._limits.decode_bytes:
                raise _Killed("this media takes too much memory to decode")
        return self._pipe.recv()

    def _restart(self) -> None:
        with self._lock:
            self._end()
            if self._is_closed:
                raise ServerStopped
            self._start()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.join(timeout=10)
        self._pipe.close()


def _look_for_ever(pipe: Any, limits: MediaLimits, make_finder: FinderFactory) -> None:
    """Answer looks until the pipe closes; this is the main function of a process."""
    leave_with_parent()
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    finder = keep_finder(make_finder)
    pipe.send("ready")
    while True:
        try:
            path, sight = pipe.recv()
        except EOFError:
            return
        pipe.send(_answer(path, sight, limits, finder))


def _answer(
    path: Path, sight: Sight | None, limits: MediaLimits, make_finder: FinderFactory
) -> Looked | LineamentError:
    try:
        return look_once(path, sight, limits, make_finder)
    except LineamentError as error:
        return hide_path(error, path)
    except MemoryError:
        return BadMedia("this media takes too much memory to decode", hint="send a smaller one")
    except Exception as error:  # noqa: BLE001 - what decoders raise on mangled files has no end
        return BadMedia(
            f"this media cannot be decoded ({type(error).__name__})",
            hint="save it as mp4 (H.264), PNG or JPEG",
        )


def _resident_bytes(pid: int | None) -> int:
    """Return how much memory a process holds; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
