"""`Lab("04-transactions")`: what a lab notebook talks to."""

from __future__ import annotations

import atexit
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader import catalog
from grader.notebook import answers, checking, servers
from grader.notebook.attempts import HONEST_ATTEMPTS, Attempts
from grader.notebook.errors import LabError, did_you_mean
from grader.notebook.executed import executed_cells
from grader.notebook.judge_client import JudgeClient
from grader.notebook.results import CheckResult, Note

if TYPE_CHECKING:
    import psycopg
    import redis

    from grader.checks.exercise import Exercise, LabChecks

_judges: dict[Path, JudgeClient] = {}  # one a kernel: opening a second lab does not start a second judge


class Lab:
    """One lab in one notebook.

    slug: "04-transactions", or its number or name. Makes sure that the services run (and says so when it had to
    start one), starts the judge in the background and adds `%%sql` and `%%session`. Raises LabError.
    """

    def __init__(self, slug: str) -> None:
        from grader import services

        self.slug = _known(slug)
        try:
            servers.ensure()
        except servers.ServersUnavailable as error:
            raise LabError(str(error)) from None
        home = services.home()
        self.attempts = Attempts(home / "attempts.jsonl")
        self._judge = _judge_in(home)
        self._judge.start(self.slug)
        self._session = servers.Session()
        servers.use(self._session)
        self._shell = _shell()
        if self._shell is not None:
            from grader.notebook import magics

            magics.register(self._shell)
            executed_cells(self._shell)

    def __repr__(self) -> str:
        return f"Lab({self.slug!r})"

    @cached_property
    def checks(self) -> LabChecks:
        """The lab's exercises: points, hints, properties."""
        try:
            found: LabChecks = catalog.Unit(self.slug, catalog.root()).checks()
        except catalog.CatalogError as error:
            raise LabError(str(error)) from None
        return found

    @property
    def conn(self) -> psycopg.Connection[Any]:
        """An open autocommit connection to your own `shop` database; the one `%%sql` uses."""
        return self._session.conn

    @cached_property
    def redis(self) -> redis.Redis:
        """A redis-py client of your own Redis-protocol server."""
        return servers.redis()

    def check(self, exercise: str) -> CheckResult:
        """Judges the last executed answer and shows the card. The value is the score."""
        found = self._exercise(exercise)
        return checking.check(self._desk(), found)

    def replay(self, exercise: str, schedule: str) -> Any:
        """Runs your answer under one schedule, as a counterexample names it, and steps through it."""
        return checking.replay(self._desk(), self._exercise(exercise), schedule)

    def hint(self, exercise: str) -> Note:
        """The next of three hints: a question, the mechanism to look at, the shape of a solution."""
        found = self._exercise(exercise)
        stage = min(self.attempts.standing(self.slug, exercise).hints + 1, len(found.hints))
        self.attempts.record_hint(self.slug, exercise, stage)
        return Note(f"Hint {stage} of {len(found.hints)}", found.hints[stage - 1])

    def reset(self, exercise: str) -> Note:
        """The exercise's untouched stub, to paste over the answer. What you had is kept in `work/.history`."""
        found = self._exercise(exercise)
        saved = answers.keep(self.slug, exercise, self._cells(), found.binds)
        stub = answers.stub(self.slug, exercise)
        kept = f" What you had is kept in {saved}." if saved else ""
        return Note(f"{exercise} as it was", f"Paste this over the answer's cell.{kept}", stub)

    def solution(self, exercise: str) -> Note:
        """The course's own solution, after a pass or after five honest attempts."""
        found = self._exercise(exercise)
        standing = self.attempts.standing(self.slug, exercise)
        missing = HONEST_ATTEMPTS - standing.honest
        if not standing.passed and missing > 0:
            so_far = f"{standing.honest} of {HONEST_ATTEMPTS} different answers have been judged"
            return Note(
                "Not yet",
                f"The solution opens after a pass, or after {HONEST_ATTEMPTS} honest attempts: {so_far}. "
                f'lab.hint("{exercise}") helps meanwhile.',
            )
        text = answers.solution(self.slug, found.id)
        self.attempts.record_solution(self.slug, exercise)
        return Note(f"A solution of {exercise}", "Others pass too; compare what each costs.", text)

    def progress(self) -> Any:
        """The map of the course with what you have done."""
        from grader.notebook.progress import Map

        return Map.read(self.attempts)

    def _exercise(self, name: str) -> Exercise[Any]:
        if name not in self.checks.exercises:
            raise LabError(
                f"{self.slug} has no exercise {name!r}. {did_you_mean(str(name), self.checks.exercises)}"
            )
        return self.checks.exercises[name]

    def _cells(self) -> list[str]:
        """The raw text of every cell executed in this kernel, oldest first."""
        return executed_cells(self._shell) if self._shell is not None else []

    def _desk(self) -> checking.Desk:
        names = dict(self._shell.user_ns) if self._shell is not None else {}
        labs = {name for name, value in names.items() if isinstance(value, Lab)} or {"lab"}
        return checking.Desk(
            self.slug, self._judge, self.attempts, self._cells(), names, labs, rich=_is_rich(self._shell)
        )


def _known(slug: str) -> str:
    try:
        return catalog.unit(slug).slug
    except catalog.CatalogError:
        pass
    try:
        if catalog.SLUG.fullmatch(slug):  # a graded course may ship neither lesson nor solutions
            catalog.Unit(slug, catalog.root()).checks()
            return slug
        raise catalog.CatalogError(f"There is no lab called {slug!r}.")
    except catalog.CatalogError as error:
        try:
            names = [u.slug for u in catalog.units()]
        except catalog.CatalogError:
            raise LabError(str(error)) from None
        raise LabError(f"There is no lab called {slug!r}. {did_you_mean(slug, names)}") from None


def _judge_in(home: Path) -> JudgeClient:
    if home not in _judges:
        _judges[home] = JudgeClient(home / "logs" / "judging.log")
        atexit.register(_judges[home].close)
    return _judges[home]


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _is_rich(shell: Any) -> bool:
    """Whether outputs are shown by a front end that renders HTML, as opposed to a terminal."""
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"
