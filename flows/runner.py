"""Prefect's task runners, as the study file's section ``runner`` asks for them, and work spread over one."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from annotator.errors import ServiceUnavailableError
from annotator.runner import Runner
from annotator.study import Study

LOOPBACK = "127.0.0.1"
RAY_STORE_BYTES = 100 * 1024 * 1024  # tasks hand over paths, not data


@contextmanager
def started(study: Study) -> Iterator[TaskRunner[Any]]:
    """The task runner at work; what it started on this machine is stopped at the end.

    Raises StudyError when its package is not installed or its cluster may not see texts,
    ServiceUnavailableError when nobody answers at its address.
    """
    section = study.runner
    section.check(local_only=study.privacy == "local_only")
    runner = _task_runner(section)
    try:
        runner.__enter__()
        if section.kind == "dask":
            _ = runner.client  # type: ignore[attr-defined]  # connects now, not at the first task
    except (OSError, TimeoutError) as error:
        runner.__exit__(None, None, None)
        raise ServiceUnavailableError(
            f"runner: no {section.kind} cluster answers at {section.address or 'this machine'}",
            hint="Start the cluster, correct runner.address, or leave it out to start one on this machine.",
        ) from error
    try:
        yield runner
    finally:
        runner.__exit__(None, None, None)


def run_all(
    runner: TaskRunner[Any], section: Runner, task: Task[..., Any], calls: Iterable[dict[str, Any]]
) -> None:
    """Run a task once for each set of parameters, as many at a time as there are workers.

    After a failure no further one is started; those under way end first, and then the failure is raised.
    """
    waiting = iter(calls)
    under_way: set[PrefectFuture[Any]] = set()
    failed: PrefectFuture[Any] | None = None
    while True:
        while failed is None and len(under_way) < section.workers and (call := next(waiting, None)):
            under_way.add(runner.submit(task, call))
        if not under_way:
            break
        done = next(as_completed(list(under_way)))
        under_way.remove(done)
        done.wait()
        if not done.state.is_completed():
            failed = failed or done
    if failed is not None:
        failed.result()


def _task_runner(section: Runner) -> TaskRunner[Any]:
    match section.kind:
        case "threads":
            return ThreadPoolTaskRunner(max_workers=section.workers)
        case "dask":
            return _dask(section)
        case "ray":
            return _ray(section)


def _dask(section: Runner) -> TaskRunner[Any]:
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 (an extra)

    make: Callable[..., TaskRunner[Any]] = DaskTaskRunner
    if section.address:
        return make(address=section.address)
    return make(
        cluster_kwargs={
            "n_workers": section.workers,
            "threads_per_worker": 1,
            "processes": True,
            "host": LOOPBACK,
            "dashboard_address": None,
            "memory_limit": 0,  # a model may need most of the machine's memory
        }
    )


def _ray(section: Runner) -> TaskRunner[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not section.address:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = (
            "0"  # else Ray takes loopback for the network's address
        )
    from prefect_ray.task_runners import RayTaskRunner  # noqa: PLC0415 (an extra)

    make: Callable[..., TaskRunner[Any]] = RayTaskRunner
    if section.address:
        return make(address=section.address)
    return make(
        init_kwargs={
            "num_cpus": section.workers,
            "include_dashboard": False,
            "object_store_memory": RAY_STORE_BYTES,
            "_node_ip_address": LOOPBACK,
        }
    )
