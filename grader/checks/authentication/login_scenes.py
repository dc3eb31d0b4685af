"""The scenes of `login`: attempts one after the other, two at once, and one whose process dies."""

from __future__ import annotations

from collections.abc import Callable

from grader.checks.authentication.attempts import Attempt, told
from grader.checks.authentication.login_street import (
    ADDRESS_LIMIT,
    COST,
    LIMIT,
    RIGHT,
    SLACK,
    WINDOW,
    WRONG,
    Street,
)
from grader.checks.concurrency import Scene
from grader.checks.running import Reply
from grader.instruments.explore import Run


def one_by_one(street: Street) -> None:
    people, history = street.people, street.history
    ada, bob = people.ada, people.bob
    plain = street.keep(
        "plain",
        people.right(ada),
        people.right(ada.upper()),
        people.wrong(ada),
        people.wrong(people.stranger()),
        Attempt("a closed account (!)", people.closed, "!", people.host()),
        Attempt("ada, an empty password", ada, "", people.host()),
    )
    if len(plain) < 6 or not history.let_in(plain[RIGHT]) or not plain[WRONG].refused:
        return
    # The price of each is known by now; hundreds of dear ones tell nothing more.
    street.spare = any(cost != COST for one in plain for cost in one.costs)
    series: dict[str, list[Attempt]] = {}
    spelled = [ada, ada.upper(), ada.title(), ada, ada.capitalize()]
    series["account"] = [
        *(people.wrong(email) for email in spelled),
        people.wrong(ada),
        people.right(ada),
        people.right(bob),
    ]
    series["nobody"] = [people.wrong(email) for email in [people.stranger()] * (LIMIT + 1)]
    host = people.host()
    victims = [ada, bob, *(people.stranger() for _ in range(ADDRESS_LIMIT - 2))]
    series["address"] = [
        *(people.wrong(email, host) for email in victims),
        people.wrong(people.stranger(), host),
        *(people.right(bob, host) for _ in range(LIMIT + 1)),  # refused, so these are no failures of his
        people.right(bob),
    ]
    host = people.host()
    series["colleague"] = [
        *(people.wrong(ada, host) for _ in range(LIMIT + ADDRESS_LIMIT)),
        people.right(bob, host),
    ]
    host = people.host()
    four = [ada] * (LIMIT - 1)
    series["forgiven"] = [
        *(people.wrong(email, host) for email in four),
        people.right(ada, host),
        *(people.wrong(email) for email in four),
        people.right(ada),
    ]
    host = people.host()
    series["neighbour"] = [
        *(people.wrong(email, host) for email in four),
        people.right(bob, host),
        people.wrong(ada, host),
        people.wrong(ada, host),
    ]
    host = people.host()
    series["own account"] = [
        people.right(bob, host) if n % 4 == 3 else people.wrong(people.stranger(), host) for n in range(28)
    ]
    host = people.host()
    series["office"] = [people.right((ada, bob)[n % 2], host) for n in range(ADDRESS_LIMIT + 1)]
    for name, attempts in series.items():
        street.forget()
        street.keep(name, *attempts)
        if history.hung:
            return
        if name in ("address", "forgiven"):
            street.look_for_passwords()
        if name == "own account":
            street.together.clock.advance(WINDOW + SLACK)
            street.keep("address over", people.right(bob, attempts[0].ip))
    _address_over_time(street)
    if history.hung:
        return
    street.forget()
    # A minute before a full quarter of an hour, so that windows that begin on the hour end in between.
    clock = street.together.clock
    clock.advance(-clock.time() % WINDOW + WINDOW - 60)
    for later, attempts in (
        (0, [people.wrong(ada) for _ in four]),
        (600, [people.wrong(ada)]),
        (60, [people.wrong(ada)]),
        (220, [people.wrong(ada) for _ in range(LIMIT + 1)]),
        (25, [people.right(ada)]),
    ):
        clock.advance(later)
        street.keep("time", *attempts)


def _address_over_time(street: Street) -> None:
    """Guesses at strangers from one network address, six minutes long; the last is refused for nine more."""
    people, host = street.people, street.people.host()
    street.forget()
    for later, guesses in ((0, ADDRESS_LIMIT - LIMIT), (300, LIMIT), (60, 1)):
        street.together.clock.advance(later)
        street.keep("address in time", *(people.wrong(people.stranger(), host) for _ in range(guesses)))
        if street.history.hung:
            return


def races(street: Street) -> None:
    """Two attempts at once where one guess is left. The state of a run: how many wrong passwords were compared."""
    people, history = street.people, street.history
    ada, bob = people.ada, people.bob

    def play(
        title: str, before: list[Attempt], calls: list[Attempt], after: list[Attempt], most: int
    ) -> None:
        street.forget()
        street.try_all(*before)
        compared = 0

        def afterwards(run: Run) -> None:
            nonlocal compared
            replies = [r for r in run.replies if isinstance(r, Reply)]
            answers = [t for a, r in zip(calls, replies, strict=False) for t in told([a], r)]
            compared = sum(history.denied(t) for t in (*answers, *street.try_all(*after)))

        history.races.append(
            street.rehearsal.play(
                title,
                [street.part(a) for a in calls],
                reset=street.as_now(),
                recover=afterwards,
                observe=lambda: compared,
                wrong=too_many,
                stop=lambda run: bool(run.problem),
                reduce=True,
                max_runs=most,
            )
        )

    guess, host = people.wrong(ada), people.host()
    play(
        "two guesses at one account, where one is left",
        [people.wrong(ada) for _ in range(LIMIT - 1)],
        [guess, guess],
        [people.wrong(ada)],
        24,
    )
    before = [people.wrong(people.stranger(), host) for _ in range(ADDRESS_LIMIT - 1)]
    guess = people.wrong(people.stranger(), host)
    play(
        "two guesses from one network address, where one is left",
        before,
        [guess, guess],
        [people.wrong(people.stranger(), host)],
        12,
    )
    play(
        "a guess and a login from one network address, where one guess is left",
        before,
        [guess, people.right(bob, host)],
        [people.wrong(people.stranger(), host), people.wrong(people.stranger(), host)],
        16,
    )


def crash(street: Street) -> None:
    """The process dies in the middle of the first failure. The state of a run: what the owner is told in the end."""
    people, history = street.people, street.history
    host, ada = people.host(), people.ada
    said = ""

    def afterwards(run: Run) -> None:
        nonlocal said
        street.try_all(*(people.wrong(ada, host) for _ in range(LIMIT)))
        street.together.clock.advance(WINDOW + SLACK)
        answers = street.try_all(people.right(ada, host))
        said = "did not come back" if not answers else "" if history.let_in(answers[0]) else answers[0].said()

    history.crash = street.rehearsal.crash(
        "a guess whose process dies",
        street.part(people.wrong(ada, host)),
        reset=street.together.start_over(street.tables),
        recover=afterwards,
        observe=lambda: said,
        faults="!",
        max_runs=20,
    )


def apart(street: Street) -> None:
    """Two people at once, from two places."""
    people = street.people
    street.history.unrelated = street.rehearsal.play(
        "two people, from two places",
        [street.part(people.wrong(people.ada)), street.part(people.right(people.bob))],
        reset=street.together.start_over(street.tables),
        max_switches=1,
    )


def too_many(run: Run) -> str:
    return f"{run.state} wrong passwords were compared where one was left" if run.state > 1 else ""


def locked_out(run: Run) -> str:
    after = "a quarter of an hour after the last failure the owner's right password"
    return f"{after} {run.state}" if run.state else ""


def disturbed(scene: Scene) -> Callable[[Run], str]:
    """What is wrong with a run of `scene`, whose first run has shown how many steps each call takes alone."""
    first = scene.runs[0] if scene.runs else None
    steps = {lane: len(first.of(lane)) for lane in ("T1", "T2")} if first else {}

    def wrong(run: Run) -> str:
        for wait in run.waits:
            return f"{wait.waiter} had to wait for {', '.join(wait.holders)}"
        slower = [lane for lane, alone in steps.items() if len(run.of(lane)) > alone]
        return f"{slower[0]} had to ask again until the other had ended" if slower else ""

    return wrong
