"""The same function over many pieces of work: here, in processes, or on Ray; results in order."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

from lineament.errors import BadInput, LineamentError, MissingExtra
from lineament.faces.follow import leave_with_parent

Piece = TypeVar("Piece")
Result = TypeVar("Result")
WINDOW_PER_WORKER = 3
RAY_WINDOW = 128
_function: Callable[[Any], Any] | None = None


def map_here(
    function: Callable[[Piece], Result], pieces: Iterable[Piece], num_workers: int = 1
) -> Iterator[Result]:
    """Yield the results in order; several processes hold at most a few pieces each in flight.

    Args:
        function: Sent to each process once; must pickle.
        pieces: Drawn only as there is room.
        num_workers: Processes; one means this one.

    Raises:
        LineamentError: A worker process died.
    """
    if num_workers == 1:
        yield from map(function, pieces)
        return
    # Ray and Arrow have threads, so a forked process could hang.
    pool = ProcessPoolExecutor(
        num_workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(function,)
    )
    waiting: deque[Future[Any]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(_apply, piece))
            if len(waiting) >= WINDOW_PER_WORKER * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise LineamentError(
            "a worker process ended unexpectedly", hint="fewer --workers take less memory"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    leave_with_parent()


def _apply(piece: Any) -> Any:
    assert _function is not None
    return _function(piece)


def map_on_ray(
    function: Callable[[Piece], Result], pieces: Iterable[Piece], address: str
) -> Iterator[Result]:
    """Yield the results in order, computed by Ray Data.

    Pieces go in windows, so that neither the driver nor the object store holds them all.

    Args:
        function: What every piece goes through.
        pieces: Drawn a window at a time.
        address: ``local`` starts Ray on this machine; else a cluster's address, or ``auto``.

    Raises:
        MissingExtra: Ray is not installed.
        BadInput: There is no cluster at that address.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtra("ray", "ray") from None
    is_ours = not ray.is_initialized()
    if is_ours:
        _start_ray(ray, address)
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        iterator = iter(pieces)
        while window := list(islice(iterator, RAY_WINDOW)):
            yield from _map_window(ray, function, window)
    finally:
        if is_ours:
            ray.shutdown()


def _start_ray(ray: Any, address: str) -> None:
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address == "local":
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
        raise BadInput(f"--ray {address}: {reason}", hint="local, or HOST:PORT") from None


def _map_window(ray: Any, function: Callable[[Any], Any], window: list[Any]) -> Iterator[Any]:
    import pickle

    # Pieces travel pickled: Ray Data would otherwise turn them into Arrow columns.
    rows = [{"place": place, "piece": pickle.dumps(piece)} for place, piece in enumerate(window)]
    data = ray.data.from_items(rows, override_num_blocks=min(len(rows), 16))
    done = data.map_batches(_RayBatch(function), batch_size=1, zero_copy_batch=False)
    results = {int(row["place"]): row["result"] for row in done.iter_rows()}
    for place in range(len(window)):
        yield pickle.loads(results[place])


class _RayBatch:
    """Applies a function to a batch of pickled pieces."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        import pickle

        results = [pickle.dumps(self.function(pickle.loads(piece))) for piece in batch["piece"]]
        return {"place": batch["place"], "result": results}
