"""Ray's side of serving: a cluster, replicas on it, and media on their way to them."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lineament.errors import BadInput, MissingExtra
from lineament.serving.engine import Engine
from lineament.serving.replica import Replica
from lineament.serving.settings import ServeSettings

STOP_SECONDS = 10.0
WATCH_SECONDS = 2.0  # after which a dead replica is missed at the latest


def connect(address: str, num_cores: int) -> bool:
    """Connect to Ray; return whether that has started it.

    Args:
        address: ``local`` starts Ray on this machine; else a cluster's address, or ``auto``.
        num_cores: How many are needed.

    Raises:
        MissingExtra: Ray is not installed.
        BadInput: There is no cluster at that address, or it is too small.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
    os.environ.setdefault("RAY_worker_niceness", "0")  # replicas do the work: no step behind us
    try:
        import ray
        import ray.serve
    except ImportError:
        raise MissingExtra("ray", "ray") from None
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address == "local":
        quiet["include_dashboard"] = False
        quiet["num_cpus"] = max(num_cores, os.cpu_count() or 1)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        reason = (str(error).strip() or "no answer").splitlines()[0]
        raise BadInput(f"--ray {address}: {reason}", hint="local, or HOST:PORT") from None
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    found = int(ray.cluster_resources().get("CPU", 0))
    if found < num_cores:
        raise BadInput(
            f"--replicas {num_cores}: the cluster has {found} cores", hint="one is needed for each"
        )
    return address == "local"


def deploy(
    make_engine: Callable[[], Engine], count: int, settings: ServeSettings, *, name: str
) -> Any:
    """Start replicas and wait until they are ready; returns Ray's handle to them.

    Args:
        make_engine: Loads the models in each replica; picklable.
        count: How many.
        settings: Say how much work each of them may have at once.
        name: Of all of them together, on this cluster.
    """
    from ray import serve

    serve.start(proxy_location="Disabled")  # it is not Ray that speaks HTTP
    wrapped: Any = serve.deployment(Replica)  # Ray's types call it a function
    deployment = wrapped.options(
        name="replica",
        num_replicas=count,
        max_ongoing_requests=settings.max_places + settings.max_drawing,
        health_check_period_s=WATCH_SECONDS,
        health_check_timeout_s=30.0,
        graceful_shutdown_timeout_s=STOP_SECONDS,
        ray_actor_options={"num_cpus": 1},
    )
    return serve.run(deployment.bind(make_engine), name=name, route_prefix=None)


def remove(name: str, *, is_last: bool) -> None:
    """Remove replicas; and Ray with them, if they are the last thing on it."""
    import ray
    from ray import serve

    with suppress(Exception):  # the cluster may be gone already
        serve.delete(name)
    if is_last:
        ray.shutdown()


def pack(path: Path) -> Any:
    """Return Ray's reference to a file's bytes; None where all replicas are on this machine."""
    import ray

    return None if len(ray.nodes()) < 2 else ray.put(path.read_bytes())
