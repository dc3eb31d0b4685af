"""The scenes of `rename_product`: people who edited a version of a product, alone and at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene
from grader.checks.running import Answer, Bench, Reply
from grader.instruments.explore import Run

VERSION = 7
NAME = "Lamp"


@dataclass
class Alone:
    """One call by itself. valid: whether it must rename. locks: what its session still held when it had ended."""

    what: str
    valid: bool
    reply: Reply | None
    after: list[Any]  # [name, version]
    locks: int = 0


@dataclass
class History:
    alone: list[Alone] = field(default_factory=list)
    together: list[tuple[Scene, list[str]]] = field(default_factory=list)  # with the names asked for
    stale: Scene = field(default_factory=lambda: Scene("somebody up to date and somebody who is not"))
    unrelated: Scene = field(default_factory=lambda: Scene("two different products"))

    @property
    def scenes(self) -> list[Scene]:
        return [*(scene for scene, _ in self.together), self.stale, self.unrelated]


def play_all(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    product, other = bench.random("products").sample(range(1, 200), 2)
    database.execute(
        "UPDATE public.products SET version = %s, name = %s WHERE id = ANY (%s)",
        VERSION,
        NAME,
        [product, other],
        role="admin",
    )
    where = f"id IN ({product}, {other})"

    def observe() -> list[Any]:
        return list(database.query("SELECT name, version FROM public.products WHERE id = %s", product)[0])

    history = History()
    with Rehearsal(answer, bench, database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"products": where}), "observe": observe}

        def part(name: str, version: int = VERSION, which: int = product) -> Part:
            return Part("rename_product", CONN, which, name, version)

        for what, valid, call in (
            ("the current version", True, part("Desk lamp")),
            ("an older version", False, part("Desk lamp", VERSION - 1)),
            ("a version that does not exist yet", False, part("Desk lamp", VERSION + 1)),
            ("a product that does not exist", False, part("Desk lamp", VERSION, 1_000_000)),
        ):
            run = rehearsal.alone(call, **once)
            history.alone.append(Alone(what, valid, run.replies[0], run.state))
            if not run.finished:
                return history
        once["reset"]()
        history.alone[0].locks = kept(rehearsal, part("Desk lamp"))

        def play(title: str, names: list[str], **more: Any) -> None:
            scene = rehearsal.play(
                title,
                [part(n) for n in names],
                wrong=lambda run: overwritten(names, run),
                **once,
                **more,
            )
            history.together.append((scene, names))

        play("two people who edited the same version", ["Desk lamp", "Floor lamp"])
        play(
            "three people who edited the same version", ["Desk lamp", "Floor lamp", "Table lamp"], max_runs=60
        )
        play(
            "two people who edited the same version, one of whom left the name as it was", ["Desk lamp", NAME]
        )
        history.stale = rehearsal.play(
            "somebody up to date and somebody who is not",
            [part("Desk lamp"), part("Floor lamp", VERSION - 1)],
            **once,
        )
        history.unrelated = rehearsal.play(
            "people who edit two different products",
            [part("Desk lamp"), part("Chair", VERSION, other)],
            max_switches=1,
            **once,
        )
    return history


def kept(rehearsal: Rehearsal, part: Part) -> int:
    """Calls once more, past the proxy; counts the locks of its session that outlive the call."""
    if rehearsal.rescue(part).ended:
        return 0
    rows = rehearsal.database.query(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %s)",
        rehearsal.database.name,
    )
    rehearsal.dismiss()
    return int(rows[0][0])


def overwritten(names: Sequence[str], run: Run) -> str:
    won = [n for n, reply in zip(names, run.replies, strict=True) if reply is not None and reply.ok]
    name, version = run.state
    if len(won) > 1:
        return f"{len(won)} calls returned for version {VERSION}: {name!r} overwrote {next(n for n in won if n != name)!r}"
    if not won:
        return "" if [name, version] == [NAME, VERSION] else f"no call returned, yet the name is {name!r}"
    if [name, version] != [won[0], VERSION + 1]:
        return f"the call for {won[0]!r} returned, but the product is {name!r} in version {version}"
    return ""
