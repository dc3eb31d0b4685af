"""Judges of `login`, `sessions` and `api_keys` on hand-written histories: one thing wrong fails what it must."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from grader.checks.authentication import api_keys, lab, login_twins, sessions_scenes
from grader.checks.authentication.api_keys_counter import History as Keys
from grader.checks.authentication.api_keys_counter import Key, Said
from grader.checks.authentication.attempts import Attempt, Told
from grader.checks.authentication.login_street import (
    ADDRESS_LIMIT,
    CLOSED,
    COST,
    LIMIT,
    STRANGER,
    WINDOW,
)
from grader.checks.authentication.login_street import History as Attempts
from grader.checks.authentication.sessions_app import cookie_of
from grader.checks.authentication.sessions_scenes import Asked
from grader.checks.concurrency import Scene
from grader.checks.running import Error, Reply
from grader.instruments.callers import Exchange
from grader.instruments.explore import Exploration, Run, parse
from grader.instruments.explore.coverage import Coverage

ADA, BOB = "ada@shop.example", "bob@shop.example"
NUMBERS = {ADA: 7, BOB: 8}


def outcomes(exercise: str, history: Any) -> dict[str, str]:
    return {f.property: str(f.outcome) for f in lab.exercises[exercise].judge(history)}


def failed(exercise: str, history: Any) -> list[str]:
    return [name for name, outcome in outcomes(exercise, history).items() if outcome != "PASS"]


def scene(*runs: Run) -> Scene:
    for run in runs:
        run.choices = run.choices or parse("1 2")
        run.endings = run.endings or ["returned"] * max(len(run.replies), 1)
    return Scene("two calls", list(runs))


# -- login ---------------------------------------------------------------------------------------------


def told(word: str, email: str = ADA, left: float = WINDOW) -> Told:
    attempt = Attempt("an attempt", email, "Open-Sesame", "203.0.1.2")
    if word == "in":
        return Told(attempt, "returned", NUMBERS[email.lower()], costs=(COST,))
    if word == "denied":
        return Told(attempt, "raised", type="InvalidCredentials", typed=True, text="wrong", costs=(COST,))
    return Told(attempt, "raised", type="TooManyAttempts", typed=True, text="later", retry_after=left)


def door() -> Attempts:
    history = Attempts(ids=dict(NUMBERS), compared=True)
    words = {
        "account": ["denied"] * LIMIT + ["throttled"] * 2 + ["in"],
        "nobody": ["denied"] * LIMIT + ["throttled"],
        "address": ["denied"] * ADDRESS_LIMIT + ["throttled"] * (LIMIT + 2) + ["in"],
        "colleague": ["denied"] * LIMIT + ["throttled"] * ADDRESS_LIMIT + ["in"],
        "forgiven": ["denied"] * 4 + ["in"] + ["denied"] * 4 + ["in"],
        "neighbour": ["denied"] * 4 + ["in", "denied", "throttled"],
        "own account": [*["denied"] * 3, "in"] * 6 + ["denied"] * 2 + ["throttled"] * 2,
        "office": ["in"] * (ADDRESS_LIMIT + 1),
        "address over": ["in"],
        "time": ["denied"] * LIMIT,
    }
    history.series = {name: [told(w) for w in series] for name, series in words.items()}
    history.series["time"] += [told("throttled", left=240), *[told("throttled", left=20)] * 6, told("in")]
    late = told("throttled", left=WINDOW - 360)
    history.series["address in time"] = [*[told("denied")] * ADDRESS_LIMIT, late]
    denied = [told("denied", email) for email in (ADA, "nobody@mail.example", "cyd@shop.example", ADA)]
    history.series["plain"] = [told("in"), told("in", ADA.upper()), *denied]
    history.races = [scene(Run(state=1, replies=[Reply(value=[]), Reply(value=[])]))]
    history.crash = scene(Run(state="", replies=[Reply(value=[])]))
    history.unrelated = scene(Run(replies=[Reply(value=[]), Reply(value=[])]))
    return history


def test_a_good_door_is_full_marks():
    assert failed("login", door()) == []


LOGIN = {
    "the password of nobody is compared with nothing": (
        "plain", STRANGER, replace(told("denied", "nobody@mail.example"), costs=()), ["same_work"]
    ),
    "nobody's costs more": (
        "plain", STRANGER, replace(told("denied", "n@mail.example"), costs=("m=9,t=1,p=1",)), ["same_work"]
    ),
    "another text for an unknown email": (
        "plain", STRANGER, replace(told("denied", "n@mail.example"), text="no such account"), ["same_reply"]
    ),
    "another attribute for a closed account": (
        "plain", CLOSED, replace(told("denied", "c@shop.example"), more="[('closed', 'True')]"), ["same_reply"]
    ),
    "an address that is echoed is no difference": (
        "plain", STRANGER, replace(told("denied", "n@mail.example"), text="wrong"), []
    ),
    "hashes before it refuses": ("account", LIMIT, replace(told("throttled"), costs=(COST,)), ["same_work"]),
    "only accounts that exist are throttled": ("nobody", LIMIT, told("denied"), ["same_reply", "account_is_throttled"]),
    "a network address too far": ("address", ADDRESS_LIMIT, told("denied"), ["address_is_throttled"]),
    "a success is a failure": ("office", ADDRESS_LIMIT, told("throttled"), ["success_forgives_its_own"]),
    "a success clears the address": ("own account", 26, told("denied"), ["success_forgives_its_own"]),
    "another moment for an address": (
        "address in time", ADDRESS_LIMIT, told("throttled", left=WINDOW), ["ends_in_time"]
    ),
    "no moment to come back at": ("time", LIMIT, replace(told("throttled"), retry_after=None), ["ends_in_time"]),
    "refused attempts count": ("time", LIMIT + 7, told("throttled"), ["ends_in_time"]),
    "a password in an error": ("forgiven", 0, replace(told("denied"), text="Open-Sesame"), ["passwords_go_nowhere"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGIN)
def test_one_attempt_answered_otherwise_fails_what_it_must(name):
    series, number, answer, wanted = LOGIN[name]
    history = door()
    history.series[series][number] = answer
    found = outcomes("login", history)
    fails = [n for n, outcome in found.items() if outcome == "FAIL"]
    assert fails == wanted


def test_what_depends_on_the_password_is_a_trace_of_it():
    history = door()
    history.depends = "what Redis holds"
    assert failed("login", history) == ["passwords_go_nowhere"]
    history.depends, history.compared = "", False
    assert outcomes("login", history)["passwords_go_nowhere"] == "UNKNOWN"


def test_what_only_time_or_chance_make_equal_is_no_trace():
    """The second and the third time with the other password."""

    def found(*texts: str) -> str:
        return login_twins.dependent(*({"Redis": set(text.split())} for text in texts))

    assert found("a 1 x9", "a 2 y9", "a 3 y9", "a 4 x9") == "Redis"
    assert found("1", "2", "3", "4") == ""
    assert found("07", "07", "08", "08") == ""
    assert found("07", "08", "08", "09") == ""  # seconds of a clock that the judge does not keep
    assert found("a", "b", "a", "b") == ""  # every other time


def test_a_guess_too_many_a_door_that_stays_shut_and_one_that_makes_others_wait():
    history = door()
    history.races.append(scene(Run(state=2, replies=[Reply(value=[]), Reply(value=[])])))
    history.crash = scene(Run(state="raised TooManyAttempts: later", replies=[Reply(value=[])]))
    found = outcomes("login", history)
    assert [n for n, o in found.items() if o == "FAIL"] == [
        "no_guess_too_many",
        "nobody_is_locked_out_for_ever",
    ]
    assert found["others_go_on"] == "SKIP"


def test_an_attempt_that_never_returns_is_named_and_the_schedules_were_not_judged():
    history = door()
    history.races = [scene(Run(endings=["returned", "never finished"], replies=[Reply(value=[]), None]))]
    assert failed("login", history) == ["no_guess_too_many", "others_go_on"]


def test_without_the_calls_nothing_is_said():
    history = door()
    history.crash = history.unrelated = None
    found = outcomes("login", history)
    assert found["nobody_is_locked_out_for_ever"] == found["others_go_on"] == "UNKNOWN"


# -- sessions ------------------------------------------------------------------------------------------

FLAGS = "Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax"
REMOVED = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
IDS = ["abcdefghijklmnopqrstuvwxyz012345", "ZYXWVUTSRQPONMLKJIHGFEDCBA98765x"]


def asked(status: int, account: int = 0, cookie: str = "") -> Asked:
    body = json.dumps({"id": account}).encode() if account and status == 200 else b"{}"
    exchange = Exchange("GET", "/me", status, body=body, cookies=(cookie,) if cookie else ())
    return Asked("a request", exchange, account, cookie_of(exchange))


def shop() -> sessions_scenes.History:
    mine, nobody = asked(200, 7), asked(401)
    entered = asked(200, 0, f"__Host-session={IDS[0]}; {FLAGS}")
    history = sessions_scenes.History(ids=list(IDS), repeated=list(IDS))
    history.asked = {
        "login": entered, "wrong": nobody, "plain here": mine, "plain wrong": nobody, "garbage 0": nobody,
        "planted": entered, "swapped": entered, "again": entered, "fixed planted": nobody, "fixed own": mine,
        "logout": asked(204, 0, REMOVED), "ended there": nobody, "ended mine": mine,
        "logout nobody": nobody, "logout again": asked(204), "all": asked(204), "gone mine": nobody,
        "gone fresh": mine, "idle 1": mine, "idle late": nobody, "absolute 1": mine, "absolute end": nobody,
        "old has run out a page": mine, "old was logged out a logout": mine,
    }  # fmt: skip
    run = Run(
        choices=parse("1 2"), endings=["returned"] * 2, replies=[mine.exchange, Exchange("POST", "/x", 204)]
    )
    history.schedules = history.everywhere = Exploration([run], Coverage(callers=2, explored=1))
    return history


def test_good_sessions_are_full_marks():
    assert failed("sessions", shop()) == []


@pytest.mark.parametrize(
    ("name", "answer", "wanted"),
    [
        ("plain here", asked(401, 7), "logs_in"),
        ("wrong", asked(200), "logs_in"),
        ("garbage 0", asked(500), "refuses_whatever_else"),
        ("garbage 0", replace(asked(200, 7), account=0), "refuses_whatever_else"),
        ("fixed planted", replace(asked(200, 7), account=0), "new_id_at_login"),
        ("ended there", replace(asked(200, 7), account=0), "logout_ends_it"),
        ("ended mine", asked(401, 7), "logout_ends_it"),
        ("logout", asked(204), "logout_ends_it"),
        ("logout", asked(204, 0, REMOVED.replace("; Secure", "")), "logout_ends_it"),
        ("logout again", asked(403), "logout_ends_it"),
        ("all", asked(500), "logout_everywhere"),
        ("gone mine", replace(asked(200, 7), account=0), "logout_everywhere"),
        ("idle 1", asked(401, 7), "ends_when_idle"),
        ("idle late", replace(asked(200, 7), account=0), "ends_when_idle"),
        ("absolute end", replace(asked(200, 7), account=0), "ends_in_any_case"),
        ("old was logged out a logout", asked(401, 7), "old_cookies_do_nothing"),
    ],
)  # fmt: skip
def test_one_request_answered_otherwise_fails_its_property(name, answer, wanted):
    history = shop()
    assert name in history.asked
    history.asked[name] = answer
    found = outcomes("sessions", history)
    assert [n for n, outcome in found.items() if outcome == "FAIL"] == [wanted]


@pytest.mark.parametrize(
    "flags",
    [
        FLAGS.replace("; Secure", ""),
        FLAGS.replace("; HttpOnly", ""),
        FLAGS.replace("Lax", "None"),
        FLAGS.replace("Path=/", "Path=/shop"),
        FLAGS + "; Domain=shop.example",
        FLAGS.replace("43200", "86400"),
    ],
)
def test_a_cookie_with_a_way_out_fails_that_alone(flags):
    history = shop()
    history.asked["login"] = asked(200, 0, f"__Host-session={IDS[0]}; {flags}")
    assert failed("sessions", history) == ["cookie_is_locked_in"]


def test_ids_that_can_be_guessed_kept_or_reused():
    short, repeats, alike, kept, reused = (shop() for _ in range(5))
    short.ids = ["1", "2"]
    repeats.repeated = [IDS[0], IDS[0]]
    alike.ids = [IDS[0], IDS[0][:-3] + "678"]
    kept.readable = "Redis"
    reused.ids = [*IDS, IDS[0]]
    for history in (short, repeats, alike):
        assert failed("sessions", history) == ["cannot_be_guessed"]
    assert failed("sessions", kept) == ["only_a_hash_kept"]
    assert failed("sessions", reused) == ["new_id_at_login"]


def test_a_page_that_brings_a_session_back_and_schedules_that_were_not_played():
    history = shop()
    assert history.schedules
    history.schedules.runs[0].state, history.schedules.runs[0].problem = 200, "still answered 200"
    assert failed("sessions", history) == ["logout_wins"]
    page, broken, logout = (Exchange("GET", "/me", status) for status in (200, 500, 204))
    assert sessions_scenes.lives_on(Run(replies=[page, logout], state=401)) == ""
    assert "500" in sessions_scenes.lives_on(Run(replies=[broken, logout], state=401))
    assert "still answered 200" in sessions_scenes.lives_on(Run(replies=[page, logout], state=200))
    history.schedules = None
    assert outcomes("sessions", history)["logout_wins"] == "UNKNOWN"


# -- api_keys ------------------------------------------------------------------------------------------

SECRETS = {n: c * 3 + "0Aa9Bb8Cc7Dd6Ee5Ff4Gg" + c * 3 for n, c in zip(
    ("first", "second", "third", "fourth", "elsewhere", "rotated"), "uvwxyz", strict=True)}  # fmt: skip


def key(name: str, owner: int) -> Key:
    prefix = f"shop_{name:_<9}"
    row = {"id": len(name), "owner_id": owner, "prefix": prefix, "key_hash": "f" * 64}
    return Key(prefix + SECRETS[name], row)


def owner(number: int) -> Said:
    return Said("a key", "returned", number)


BAD = Said("a bad key", "raised", None, "InvalidKey", True, "no such key")
NO_SCOPE = Said("a scope", "raised", None, "MissingScope", True, "not yours")


def counter() -> Keys:
    history = Keys()
    owners = {"first": 1, "second": 2, "third": 3, "fourth": 4, "elsewhere": 1, "rotated": 1}
    history.keys = {name: key(name, number) for name, number in owners.items()}
    for made in history.keys.values():
        history.everything += json.dumps(made.row)
    made = [Said("create_key", "returned", k.text) for k in history.keys.values()]
    history.calls = {
        "made": made, "bad": [BAD] * 3, "plain": [owner(1), owner(2), owner(1), owner(2)], "scopes": [NO_SCOPE] * 8,
        "rotated": [Said("rotate_key", "returned", history.keys["rotated"].text)],
        "overlap": [owner(1), owner(1), owner(1), NO_SCOPE, BAD, BAD], "before": [owner(1)], "bad rotated": [BAD] * 3,
        "grand": [Said("create_key", "returned", "shop_grand"), NO_SCOPE],
        "day": [owner(1), owner(1)], "ended": [BAD] * 3, "later": [BAD, owner(1)],
        "revoked": [Said("revoke_key", "returned", None), BAD, BAD, BAD, owner(1)],
        "revoked later": [Said("revoke_key", "returned", None), BAD, owner(1)], "spared": [owner(1), owner(1)],
    }  # fmt: skip
    history.statements = ["SELECT ... WHERE prefix = $1"]
    won, lost = (
        Reply(value=[["returned", "shop_new", 0]]),
        Reply(value=[["raised", "InvalidKey", True, "", "", 0]]),
    )
    history.rotations = scene(Run(replies=[won, lost]))
    return history


def test_good_keys_are_full_marks():
    assert failed("api_keys", counter()) == []


@pytest.mark.parametrize(
    ("series", "number", "answer", "wanted"),
    [
        ("plain", 3, owner(1), ["works"]),
        ("scopes", 1, owner(2), ["scopes_are_exact"]),
        ("scopes", 5, BAD, ["scopes_are_exact"]),
        ("grand", 1, owner(5), ["scopes_are_exact"]),
        ("bad rotated", 1, replace(BAD, type="DataError", typed=False), ["rotation_overlaps"]),
        ("bad", 2, owner(1), ["bad_keys_look_alike"]),
        ("bad", 2, replace(BAD, text="it was revoked"), ["bad_keys_look_alike"]),
        ("bad", 2, replace(BAD, type="KeyError", typed=False), ["bad_keys_look_alike"]),
        ("plain", 2, replace(owner(1), hashes=1), ["one_indexed_lookup"]),
        ("overlap", 2, BAD, ["rotation_overlaps"]),
        ("overlap", 4, replace(BAD, how="returned", value="shop_another"), ["rotation_overlaps"]),
        ("day", 0, BAD, ["rotation_overlaps"]),
        ("ended", 0, owner(1), ["rotation_overlaps"]),
        ("later", 0, owner(1), ["rotation_overlaps"]),
        ("revoked", 2, owner(1), ["revoked_at_once"]),
        ("revoked", 4, BAD, ["revoked_at_once"]),
        ("revoked later", 1, owner(1), ["revoked_at_once"]),
        ("spared", 1, BAD, ["revoked_at_once"]),
    ],
)
def test_one_call_that_ends_otherwise_fails_its_property(series, number, answer, wanted):
    history = counter()
    history.calls[series][number] = answer
    found = outcomes("api_keys", history)
    assert [n for n, outcome in found.items() if outcome == "FAIL"] == wanted


@pytest.mark.parametrize("form", range(6))
def test_a_secret_that_stands_in_the_table_in_whatever_form_is_found(form):
    history = counter()
    history.everything += api_keys.forms(history.keys["second"].secret)[form]
    assert failed("api_keys", history) == ["only_a_hash_stored"]


def test_keys_that_can_be_told_looked_up_dearly_or_rotated_twice():
    short, alike, scans, many, writes, twice = (counter() for _ in range(6))
    short.keys["first"].row["key_hash"] = "7f3a"
    alike.keys["elsewhere"] = Key(
        alike.keys["elsewhere"].prefix + "uuu0Aa9Bb8C" + "q" * 20, alike.keys["elsewhere"].row
    )
    scans.scans = ["SELECT ... WHERE lower(prefix) = $1"]
    many.statements *= 2
    writes.rewritten = True
    both = Reply(value=[["returned", "shop_new", 0]])
    twice.rotations = scene(Run(replies=[both, both]))
    assert failed("api_keys", short) == ["only_a_hash_stored"]
    assert failed("api_keys", alike) == ["cannot_be_guessed"]
    for history in (scans, many, writes):
        assert failed("api_keys", history) == ["one_indexed_lookup"]
    assert failed("api_keys", twice) == ["rotates_once"]


def test_what_was_not_tried_is_unknown():
    history = counter()
    history.rotations = None
    del history.keys["elsewhere"]
    found = outcomes("api_keys", history)
    assert found["rotates_once"] == found["cannot_be_guessed"] == "UNKNOWN"
    broken = Reply(error=Error("database", "SerializationFailure", sqlstate="40001"))
    assert "neither" in api_keys.twice(Run(replies=[broken, broken]))
