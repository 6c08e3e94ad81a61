"""Where many independent pieces of work are done: in this process, in several, or on a Dask cluster.

All are a `concurrent.futures.Executor`: what is handed over has to be picklable, a function at the top of a module and
its arguments. A worker that dies costs time, not results.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from typing import Any

from hems.domain.errors import PermanentError

LOCAL, PROCESSES, DASK, ADDRESS = "local", "processes", "dask", "tcp://"

ATTEMPTS = 4
"""How often a piece of work may see its worker die: one that kills whoever takes it must not go on for ever."""

SECONDS_TO_CONNECT = "20s"

_LARGE_CHUNKS = {"distributed.admin.large-graph-warning-threshold": "1GB"}
"""A chunk carries its own data on purpose: data that lie on one worker would die with it."""


class ExecutorUnavailable(PermanentError):
    """What was asked to do the work does not exist, is not installed, or does not answer."""


def cores() -> int:
    """Return how many cores this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def open_executor(spec: str, workers: int | None = None) -> AbstractContextManager[Executor]:
    """Return the executor ``spec`` names, to be used in a ``with``: what it started ends with it.

    ``local``: threads of this process, one where ``workers`` is None. ``processes``: fresh processes, as many as cores;
    a killed one is replaced and its work done again. ``dask``: a cluster on this machine, reachable from it alone.
    ``tcp://HOST:PORT``: a Dask scheduler that runs already; ``workers`` does not matter there.
    Raises: ExecutorUnavailable: no such executor, its package is missing, or the scheduler does not answer.
    """
    if workers is not None and workers < 1:
        raise ExecutorUnavailable(f"{workers} workers: at least 1 is needed")
    if spec == LOCAL:
        return ThreadPoolExecutor(workers or 1, thread_name_prefix="fleet")
    if spec == PROCESSES:
        return LastingProcessPool(workers or cores())
    if spec == DASK:
        return _local_cluster(workers or cores())
    if spec.startswith(ADDRESS) and spec != ADDRESS:
        return _existing_cluster(spec)
    raise ExecutorUnavailable(f"executor {spec!r}: one of {LOCAL}, {PROCESSES}, {DASK} or {ADDRESS}HOST:PORT")


class LastingProcessPool(Executor):
    """Processes that outlive the death of one of them: the pool is made anew, what was not done is done again."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._is_closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have ``fn(*args, **kwargs)`` done; as `Executor.submit`."""
        answer: Future[Any] = Future()
        self._start(answer, (fn, args, kwargs), 1)
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; as `Executor.shutdown`."""
        with self._lock:
            self._is_closed = True
            pool = self._pool
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def _start(self, answer: Future[Any], work: tuple[Any, Any, Any], attempt: int) -> None:
        fn, args, kwargs = work
        while True:
            pool = self._working_pool()
            try:
                inner = pool.submit(fn, *args, **kwargs)
                break
            except BrokenProcessPool:  # it broke just now, before anybody asked for its results
                self._discard(pool)
        answer.add_done_callback(lambda given_up: given_up.cancelled() and inner.cancel())
        inner.add_done_callback(lambda done: self._finish(answer, work, attempt, pool, done))

    def _finish(
        self,
        answer: Future[Any],
        work: tuple[Any, Any, Any],
        attempt: int,
        pool: ProcessPoolExecutor,
        done: Future[Any],
    ) -> None:
        """Pass the result on, or try again where the worker died. Runs in the pool's own thread."""
        if done.cancelled():
            answer.cancel()
            return
        error = done.exception()
        if isinstance(error, BrokenProcessPool):
            self._discard(pool)
            if attempt < ATTEMPTS and not self._is_closed:
                self._start(answer, work, attempt + 1)
                return
        if not answer.set_running_or_notify_cancel():
            return  # nobody waits for it any more
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(done.result())

    def _working_pool(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the pool is closed")
            if self._pool is None:
                # A fresh interpreter each: a fork would carry over threads' locks, held by nobody in the child.
                self._pool = ProcessPoolExecutor(
                    self._workers, mp_context=get_context("spawn"), initializer=_leave_ctrl_c_to_the_parent
                )
            return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False)


def _leave_ctrl_c_to_the_parent() -> None:
    """A terminal sends Ctrl-C to all: workers finish their piece, and whoever started them says when to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _require_distributed() -> None:
    if importlib.util.find_spec("distributed") is None:
        raise ExecutorUnavailable("Dask is not installed: pip install 'goodwe-master-coordinator[fleet]'")


@contextmanager
def _ctrl_c_unheard() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C: what a process ignores, those that it starts ignore too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does, and only there somebody types
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _local_cluster(workers: int) -> Iterator[Executor]:
    """Start a scheduler and ``workers`` processes of one thread on the loopback interface; end them afterwards."""
    _require_distributed()
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(_LARGE_CHUNKS), _ctrl_c_unheard():
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,  # a chunk is small: what else the machine does is no reason to end a worker
            silence_logs="CRITICAL",
        )
    with (
        dask.config.set(_LARGE_CHUNKS),
        cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client.get_executor(pure=False)


@contextmanager
def _existing_cluster(address: str) -> Iterator[Executor]:
    _require_distributed()
    import dask
    from distributed import Client

    with dask.config.set(_LARGE_CHUNKS):
        try:
            client = Client(address, timeout=SECONDS_TO_CONNECT)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise ExecutorUnavailable(f"no Dask scheduler answers at {address}: {error}") from error
        with client:
            yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]
