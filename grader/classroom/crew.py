"""Who judges: processes of this machine, or a Dask cluster. Both are `submit(work) -> Future`.

A worker that dies takes down only the submission it was judging, which is tried again: at most twice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

from grader.checks.exercise import InfrastructureFault
from grader.classroom import work
from grader.judge.zygote import die_with_parent

ATTEMPTS = 3
MEMORY = 3 << 30  # bytes one judging process may use, whatever an answer makes a server send it


class Crew(Protocol):
    """Some workers. `capacity` is how many submissions may be under way."""

    capacity: int

    def submit(self, data: dict[str, Any]) -> Future[dict[str, Any]]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A result, or why there is none."""

    key: str
    result: dict[str, Any] | None
    fault: str = ""


@dataclass
class _Process:
    """One worker process and what it was last given."""

    executor: Executor
    last: Future[dict[str, Any]] | None = None

    @property
    def idle(self) -> bool:
        return self.last is None or self.last.done()


class LocalCrew:
    """N processes, each an executor of its own, so that one that is killed breaks no other."""

    def __init__(self, workers: int) -> None:
        self.capacity = workers
        self._processes = [_Process(_start_process()) for _ in range(workers)]

    def submit(self, data: dict[str, Any]) -> Future[dict[str, Any]]:
        process = next(p for p in self._processes if p.idle)
        try:
            process.last = process.executor.submit(work.judge_work, data)
        except BrokenExecutor:  # it was killed, at work or idle
            process.executor.shutdown(wait=False)
            process.executor = _start_process()
            process.last = process.executor.submit(work.judge_work, data)
        return process.last

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(BrokenExecutor):
                process.executor.submit(work.close)
            process.executor.shutdown()


class DaskCrew:
    """The workers of a Dask cluster; each brings boxes of its own, none needs to see the ledger."""

    def __init__(self, address: str) -> None:
        self._client = _dask_client(address)
        self.capacity = max(2, 2 * sum(self._client.nthreads().values()))
        self._executor = self._client.get_executor(pure=False, retries=ATTEMPTS - 1)

    def submit(self, data: dict[str, Any]) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = self._executor.submit(work.judge_work, data)
        return future

    def close(self) -> None:
        self._executor.shutdown()
        self._client.close()


def judge_all(crew: Crew, jobs: Iterable[work.Work]) -> Iterator[Outcome]:
    """Judges every job, yielding outcomes as they come. Memory does not grow with the number of jobs."""
    under_way: dict[Future[dict[str, Any]], tuple[work.Work, int]] = {}
    waiting = iter(jobs)
    again: list[tuple[work.Work, int]] = []
    settled: list[Outcome] = []
    while True:
        while len(under_way) < crew.capacity:
            job, attempt = again.pop() if again else (next(waiting, None), 1)
            if job is None:
                break
            under_way[crew.submit(job.to_json())] = (job, attempt)
        yield from settled  # while the next ones are already being judged
        settled.clear()
        if not under_way:
            return
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            job, attempt = under_way.pop(future)
            outcome = _outcome(job, future)
            if outcome.result is None and attempt < ATTEMPTS:
                again.append((job, attempt + 1))
            else:
                settled.append(outcome)


def _outcome(job: work.Work, future: Future[dict[str, Any]]) -> Outcome:
    error = future.exception()
    if error is None:
        return Outcome(job.key, future.result())
    from grader.judge.ledger import LedgerFull

    if isinstance(error, LedgerFull):
        raise error  # no use in judging on: nothing can be kept
    said = "the process that judged it was killed" if isinstance(error, BrokenExecutor) else str(error)
    return Outcome(job.key, None, said)


def _dask_client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise InfrastructureFault(
            "--scheduler needs the extra `cluster`: pip install 'backend-mentor[cluster]'."
        ) from None
    make: Any = Client
    try:
        return make(address, timeout="20s")
    except (OSError, TimeoutError) as error:
        raise InfrastructureFault(f"No Dask scheduler answers at {address} ({error}).") from None


def _start_process() -> Executor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start)


def _start() -> None:
    """In a new worker: ends with the run, however that ends; leaves Ctrl-C to it; cannot take the machine's memory."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
