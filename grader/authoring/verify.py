"""Judging a lab's kill matrix: in a pool of processes, repeatedly, with several seeds, under load."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from grader.authoring.matrix import Matrix, Row, prepare
from grader.authoring.variants import Variant, misjudged
from grader.catalog import Unit
from grader.judge.judging import default_seed
from grader.verdict import Verdict

WORKERS = 2


def verify(
    unit: Unit,
    *,
    exercise: str = "",
    repeat: int = 1,
    seeds: int = 1,
    load: bool = False,
    workers: int = WORKERS,
) -> Matrix:
    """Judges everything the lab has, `repeat` times with each of `seeds` sets of private parameters, in a pool
    of processes.

    exercise: only this one. load: with every core kept busy by other work.
    Raises CatalogError or SourceError if the lab cannot be read.
    """
    matrix, variants = prepare(unit, exercise)
    matrix.repetitions, matrix.seeds = repeat, seeds
    first = default_seed()
    with _pool(workers) as judge_all, _busy(os.cpu_count() if load else 0):
        matrix.rows, *others = (
            _judge_repeatedly(unit.slug, variants, judge_all, repeat, first + n) for n in range(seeds)
        )
    for seed, rows in enumerate(others, first + 1):
        for row, other in zip(matrix.rows, rows, strict=True):
            row.problems += [f"seed {seed}: {problem}" for problem in other.problems]
            row.changed += [f"seed {seed}, {change}" for change in other.changed]
    return matrix


def _judge_repeatedly(
    slug: str, variants: list[Variant], judge_all: Callable[..., Iterable[Verdict]], repeat: int, seed: int
) -> list[Row]:
    rows: list[Row] = []
    for repetition in range(repeat):
        verdicts = judge_all(partial(judge, slug, seed), [(v.exercise, v.source) for v in variants])
        for index, (variant, verdict) in enumerate(zip(variants, verdicts, strict=True)):
            if repetition == 0:
                rows.append(Row(variant, verdict, misjudged(variant, verdict)))
            elif signature(verdict) != signature(rows[index].verdict):
                rows[index].changed.append(
                    f"repetition {repetition + 1}: {_difference(rows[index].verdict, verdict)}"
                )
    return rows


def signature(verdict: Verdict) -> tuple[Any, ...]:
    """What must not change from run to run: status, points and the outcome of each property."""
    return verdict.status, verdict.points, tuple((f.property, f.outcome) for f in verdict.findings)


def _difference(first: Verdict, other: Verdict) -> str:
    if first.status != other.status:
        return f"{first.status} became {other.status} ({other.message})"
    before = {f.property: f.outcome for f in first.findings}
    return ", ".join(
        f"{f.property} {before.get(f.property)} became {f.outcome} ({f.happened})"
        for f in other.findings
        if before.get(f.property) != f.outcome
    )


def judge(slug: str, seed: int, task: tuple[str, str]) -> Verdict:
    """One task of the pool: (exercise, source)."""
    from grader.judge import judge_answer

    exercise, source = task
    return judge_answer(slug, exercise, source, seed=seed)


def _warm() -> None:
    """Starts what the first judgement would start, so that its time is one of judging."""
    from grader.judge import trusted_launcher
    from grader.judge.zygote import die_with_parent

    die_with_parent()  # a run that is killed leaves no judges behind

    with suppress(Exception), trusted_launcher().open():  # a fault here is reported by the judgement itself
        pass


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., Iterable[Verdict]]]:
    """A map over processes, or over this one when a single worker is asked for."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")  # the judge keeps sockets and threads: never fork it
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_warm) as pool:
        yield pool.map


@contextmanager
def _busy(cores: int | None) -> Iterator[None]:
    """Keeps that many cores busy; the processes end with this one, whatever happens."""
    context = multiprocessing.get_context("spawn")
    spinners = [context.Process(target=_spin, daemon=True) for _ in range(cores or 0)]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.join()


def _spin() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))
