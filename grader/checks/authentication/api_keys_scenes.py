"""What happens at the counter of `api_keys`: keys that are made, shown, replaced and revoked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg

from grader.checks.authentication.api_keys_bad import almost, bad_keys
from grader.checks.authentication.api_keys_counter import Counter, Key, Said, said
from grader.checks.authentication.entropy import Twin
from grader.checks.concurrency import Part
from grader.instruments.explore import Run

READ, WRITE, READ_ALL = "orders:read", "orders:write", "orders:read_all"
GRAND = ["*", "orders:*", "admin", READ.upper()]  # names that somebody may take for every scope, or for READ
HOUR = 3600.0


def drive(counter: Counter) -> None:
    history, random = counter.history, counter.random
    owner = random.randrange(5000, 6000)
    seed = Part("__seed__", random.randrange(2**32))
    counter.rehearsal.rescue(seed)
    one = counter.make("first", owner, [READ, WRITE])
    two = counter.make("second", owner + 1, [READ])
    all_ = counter.make("third", owner + 2, [READ_ALL])
    none = counter.make("fourth", owner + 3, [])
    if not (one and two and all_ and none) or not all(k.row for k in history.keys.values()):
        return
    history.everything = json.dumps(counter.rows())

    def check(key: Key, scope: str, what: str) -> tuple[str, list[Any]]:
        return (f"{what}, asked for {scope or 'an empty text'}", ["check_key", key.text, scope])

    bad = bad_keys(one, two, random).items()
    counter.keep("bad", *((what, ["check_key", text, READ]) for what, text in bad))
    lacks = "one character of the secret changed, asked for a scope the key lacks"
    counter.keep("bad", (lacks, ["check_key", almost(two), WRITE]))
    counter.keep(
        "plain",
        check(one, READ, "a key with read and write"),
        check(two, READ, "a key with read"),
        check(one, WRITE, "a key with read and write"),
    )
    counter.keep(
        "scopes",
        check(two, WRITE, "a key with orders:read"),
        check(two, "orders", "a key with orders:read"),
        check(two, "orders_read", "a key with orders:read"),
        check(two, READ_ALL, "a key with orders:read"),
        check(all_, READ, "a key with orders:read_all"),
        check(none, READ, "a key without scopes"),
        check(two, READ.upper(), "a key with orders:read"),
        check(two, "", "a key with orders:read"),
    )
    made = counter.keep("grand", (f"create_key with {GRAND}", ["create_key", owner + 4, GRAND]))
    grand = counter.learn("grand", made[0]) if made and made[0].value else None
    if grand and grand.row:  # who refuses to make such a key has given none away
        counter.keep("grand", check(grand, READ, f"a key with {', '.join(GRAND)}"))
    before = counter.rows()
    stamps = counter.admin.execute(
        "SELECT xmin::text, ctid::text FROM public.api_keys ORDER BY id"
    ).fetchall()
    found, run = counter.elsewhere(check(two, READ, "the same key in another process"))
    history.calls["plain"] += found
    _look_at(counter, run)
    after = counter.admin.execute("SELECT xmin::text, ctid::text FROM public.api_keys ORDER BY id").fetchall()
    history.rewritten = stamps != after or before != counter.rows()
    if history.hung or any(history.word(c) not in (owner, owner + 1) for c in history.calls["plain"]):
        return

    counter.rehearsal.alone(seed, reset=lambda: None)
    made, _ = counter.elsewhere(("create_key in another process", ["create_key", owner, [READ, WRITE]]))
    if made:
        counter.learn("elsewhere", made[0])
    _rotate(counter, one, two, owner)
    _revoke(counter, owner)
    if not history.hung:
        _make_twins(counter, owner)
        _race(counter, owner)


def _look_at(counter: Counter, run: Run) -> None:
    """What the one check of a run asked of the database."""
    ends = ("BEGIN", "COMMIT", "ROLLBACK", "START", "SET ", "SAVEPOINT", "RELEASE", "(END OF PIPELINE)")
    asked = [s for s in run.statements if not s.text.lstrip().upper().startswith(ends)]
    counter.history.statements = [s.text for s in asked]
    learner = counter.database.connection("learner")
    for one in asked:
        try:
            ((plan,),) = learner.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {one.sql}").fetchall()
        except psycopg.Error:  # what cannot be explained is no look-up either
            counter.history.scans.append(one.text)
            continue
        if '"Seq Scan"' in json.dumps(plan):
            counter.history.scans.append(one.text)


def _rotate(counter: Counter, one: Key, two: Key, owner: int) -> None:
    history = counter.history

    def checks(name: str, *keys: tuple[str, Key | None]) -> None:
        counter.keep(name, *((what, ["check_key", key.text if key else "", READ]) for what, key in keys))

    made = counter.run(("rotate_key", ["rotate_key", one.text]))
    history.calls["rotated"] = made
    newer = counter.learn("rotated", made[0]) if made else None
    if newer is None:
        return
    counter.keep(
        "overlap",
        ("the new key at once", ["check_key", newer.text, READ]),
        ("the new key, asked for the other scope", ["check_key", newer.text, WRITE]),
        ("the old key at once", ["check_key", one.text, READ]),
        ("the new key, asked for a scope that the old one did not have", ["check_key", newer.text, READ_ALL]),
    )
    counter.keep("overlap", ("the old key, rotated once more", ["rotate_key", one.text]))
    counter.keep("overlap", ("a key in use with a wrong secret, rotated", ["rotate_key", almost(two)]))
    bad = bad_keys(two, one, counter.random).items()
    counter.keep("bad rotated", *((f"{what}, rotated", ["rotate_key", text]) for what, text in bad))
    ending, over = counter.make("ending", owner, [READ]), counter.make("over", owner, [READ])
    if ending and over:
        counter.admin.execute(
            "UPDATE public.api_keys SET expires_at = %s WHERE prefix IN (%s, %s)",
            [counter.clock.now() + timedelta(hours=1), ending.prefix, over.prefix],
        )
        checks("before", ("a key that an administrator lets end in an hour", ending))
        counter.run(("rotate_key", ["rotate_key", ending.text]))
    counter.clock.advance(23 * HOUR)
    checks("day", ("the old key after 23 hours", one), ("the new key after 23 hours", newer))
    checks("ended", ("a key that was to end after an hour, rotated, after 23 hours", ending))
    if ending and history.word(history.calls["ended"][0]) == "invalid":
        lacks = "a key that is over, asked for a scope it lacked"
        counter.keep("lacking", (lacks, ["check_key", ending.text, WRITE]))
    for what, key in (
        ("that key, rotated", ending),
        ("a key that ended hours ago, never rotated, now rotated", over),
    ):
        counter.keep("ended", (what, ["rotate_key", key.text if key else ""]))
    counter.clock.advance(2 * HOUR)
    checks("later", ("the old key after 25 hours", one), ("the new key after 25 hours", newer))


def _revoke(counter: Counter, owner: int) -> None:
    history = counter.history
    victim, other = counter.make("victim", owner, [READ]), counter.make("bystander", owner, [READ])
    if not victim or not other:
        return
    warm = ("a key", ["check_key", victim.text, READ])
    counter.run(warm)
    counter.elsewhere(warm)
    revoke = ["revoke_key", victim.prefix]
    counter.keep("revoked", ("revoke_key", revoke), ("a key that was just revoked", warm[1]))
    there, _ = counter.elsewhere(("a key that another process just revoked", warm[1]))
    history.calls["revoked"] += there
    counter.keep(
        "revoked",
        ("a revoked key, rotated", ["rotate_key", victim.text]),
        ("another key of the same owner", ["check_key", other.text, READ]),
    )
    if history.word(history.calls["revoked"][1]) == "invalid":
        lacks = "a revoked key, asked for a scope it lacked"
        counter.keep("lacking", (lacks, ["check_key", victim.text, WRITE]))
    rotated = counter.run(("rotate_key", ["rotate_key", other.text]))
    newest = counter.learn("newest", rotated[0]) if rotated else None
    if newest:
        counter.keep(
            "revoked later",
            ("revoke_key of a key in its last 24 hours", ["revoke_key", other.prefix]),
            ("that key", ["check_key", other.text, READ]),
            ("its successor", ["check_key", newest.text, READ]),
        )
    _revoke_none(counter, owner)


def _revoke_none(counter: Counter, owner: int) -> None:
    """revoke_key with texts that are no key's prefix; whether two keys still work after each. What it says is its own affair."""
    one, two = counter.make("spared", owner, [READ]), counter.make("spared too", owner, [READ])
    if not one or not two:
        return
    last = len(one.prefix.rstrip("_")) - 1
    for what, text in (
        ("all of a prefix but its last character", one.prefix[:-1]),
        ("a prefix with _ for one character", f"{one.prefix[:last]}_{one.prefix[last + 1 :]}"),
        ("shop_%", "shop_%"),
        ("%", "%"),
        ("an empty text", ""),
    ):
        counter.run((f"revoke_key with {what}", ["revoke_key", text]))
        after = f"after revoke_key with {what}"
        counter.keep(
            "spared",
            (f"the key, {after}", ["check_key", one.text, READ]),
            (f"another key of the owner, {after}", ["check_key", two.text, READ]),
        )


def _make_twins(counter: Counter, owner: int) -> None:
    """One key made by two processes in the same world; the table forgets each, since their prefixes may be equal."""
    for _ in range(2):
        counter.rehearsal.dismiss()
        counter.rehearsal.rescue(Part("__same_world__", counter.at.url))
        made = counter.run(("create_key", ["create_key", owner, [READ]]))
        drawn = counter.rehearsal.rescue(Part("__drawn__"))
        key = counter.learn("twin", made[0]) if made else None
        if key is None or not key.row or not drawn.ok:
            break
        counter.history.twins.append(Twin(key.secret, drawn.value))
        counter.admin.execute("DELETE FROM public.api_keys WHERE id = %s", [key.row["id"]])
    counter.history.keys.pop("twin", None)


def _race(counter: Counter, owner: int) -> None:
    """Two rotations of one key at once. The state of a run: how many rows there are more."""
    key = counter.make("raced", owner, [READ])
    if key is None:
        return
    counter.rehearsal.dismiss()
    keep = counter.rehearsal.keep({"api_keys": "owner_id > 4000"})
    rotate = counter.part(["rotate_key", key.text])
    counter.history.rotations = counter.rehearsal.play(
        "two rotations of one key", [rotate, rotate], reset=keep, wrong=twice, reduce=True, max_runs=40
    )


def answers(run: Run) -> list[Said]:
    rows = [
        r.value[0] for r in run.replies if r is not None and r.ok and isinstance(r.value, list) and r.value
    ]
    return [said("rotate_key", row) for row in rows]


def twice(run: Run) -> str:
    found = answers(run)
    given = [s for s in found if isinstance(s.value, str)]
    if len(given) > 1:
        return "one key has two successors"
    for one in found:
        if one not in given and not one.refused:
            return f"the other call {one.line()}"
    return "" if given else "neither of the two got a successor"
