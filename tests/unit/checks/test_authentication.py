"""Judges of lab 08 on hand-written histories, and the bank of forged tokens."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from grader.checks.authentication import close_the_hole_scenes, lab, reset_password_scenes
from grader.checks.authentication.browser import _rewritten
from grader.checks.authentication.close_the_hole_scenes import History as Closed
from grader.checks.authentication.close_the_hole_scenes import Try
from grader.checks.authentication.forgery import forged
from grader.checks.authentication.mint import Mint
from grader.checks.authentication.oauth_guesses import ELSEWHERE
from grader.checks.authentication.oauth_tokens import SAID
from grader.checks.authentication.refresh import doubled, survived
from grader.checks.authentication.second_step import ADA, HOLE, MALLORY
from grader.checks.authentication.stored_hashes import weakness
from grader.checks.authentication.verify_token_scenes import START, History, Shown
from grader.checks.concurrency import Scene, holds
from grader.checks.running import Error, Reply
from grader.instruments.callers import Exchange
from grader.instruments.explore import Run, parse

VARIANTS = Path(__file__).parents[2] / "labs" / "08-authentication"


def outcomes(exercise: str, history: Any) -> dict[str, str]:
    return {f.property: str(f.outcome) for f in lab.exercises[exercise].judge(history)}


def tokens(**replies: tuple[str, Any, bool]) -> History:
    """One token of ours and one of each family, refused unless said otherwise."""
    refused = ("raised", "InvalidToken", False)
    shown = [Shown("ours", "ours", {"sub": "a"}, ("returned", {"sub": "a"}, True))]
    for family in ("signature", "algorithm", "key", "meant for us", "time", "critical", "garbage"):
        shown.append(Shown(family, f"a {family} forgery", None, replies.get(family, refused)))
    shown.append(Shown("unusual", "an unusual one", {"sub": "a"}, ("returned", {"sub": "a"}, True)))
    return History(shown)


def test_refusing_every_forgery_is_full_marks():
    assert set(outcomes("verify_token", tokens()).values()) == {"PASS"}


def test_a_forgery_that_gets_in_fails_its_property_alone():
    found = outcomes("verify_token", tokens(time=("returned", {"sub": "a"}, True)))
    assert [name for name, outcome in found.items() if outcome != "PASS"] == ["only_in_its_time"]


def test_without_signatures_nothing_else_counts():
    found = outcomes("verify_token", tokens(signature=("returned", {"sub": "a"}, True)))
    assert found["needs_our_signature"] == "FAIL"
    assert found["meant_for_us"] == found["refuses_properly"] == "SKIP"


def test_refusing_one_of_ours_that_is_seldom_met_fails_its_property_alone():
    history = tokens()
    history.of("unusual")[0].reply = ("raised", "InvalidToken", False)
    found = outcomes("verify_token", history)
    assert [name for name, outcome in found.items() if outcome != "PASS"] == ["lets_unusual_ones_in"]


def test_a_none_and_a_bug_are_no_refusals():
    for reply in (("returned", None, False), ("raised", "KeyError", True)):
        found = outcomes("verify_token", tokens(key=reply))
        assert [name for name, outcome in found.items() if outcome != "PASS"] == ["refuses_properly"]


def test_a_token_that_was_not_shown_is_unknown():
    history = tokens()
    history.shown[3].reply = None
    assert outcomes("verify_token", history)["key_is_one_of_ours"] == "UNKNOWN"


def test_every_attack_is_named_by_a_variant_it_gets_past():
    lines = [p.read_text().splitlines()[0] for p in (VARIANTS / "verify_token").glob("reject_*.py")]
    words = " ".join(lines)
    quoted = {quote for line in lines for quote in re.findall(r'"([^"]*)"', line)}
    attacks = [f.name for f in forged(Mint(START)) if f.family != "garbage"]
    assert len(attacks) > 50
    assert [name for name in attacks if name not in words and not any(q in name for q in quoted)] == []


def test_weak_hashes_are_told_from_good_ones():
    tail = "$c29tZXNhbHRzb21lc2FsdA$" + "a" * 43
    assert weakness("$argon2id$v=19$m=19456,t=2,p=1" + tail) == ""
    assert "too cheap" in weakness("$argon2id$v=19$m=19456,t=1,p=1" + tail)
    assert "too dear" in weakness("$argon2id$v=19$m=1048576,t=2,p=1" + tail)
    assert "not Argon2id" in weakness("$argon2i$v=19$m=65536,t=3,p=1" + tail)
    assert "no Argon2" in weakness("sha256$ab$cd")
    assert "no Argon2 library can read" in weakness("$argon2id$nonsense")


def races(state: int, *replies: Reply) -> Scene:
    run = Run(
        choices=parse("1 2"),
        state={"new tokens that still work": state},
        replies=list(replies),
        endings=["returned"] * len(replies),
    )
    return Scene("two calls with one token", [run])


def test_of_two_calls_with_one_token_one_may_win_and_nobody_keeps_it():
    won, lost = Reply(value="t" * 43), Reply(error=Error("domain", "InvalidToken"))
    broken = Reply(error=Error("database", "LockNotAvailable", sqlstate="55P03"))
    assert holds([races(0, won, lost)], doubled, expected="one") is True
    assert holds([races(0, won, lost)], survived, expected="none") is True
    assert "two new ones" in holds([races(0, won, won)], doubled, expected="one").happened
    assert "still works" in holds([races(1, won, lost)], survived, expected="none").happened
    assert "LockNotAvailable" in holds([races(0, won, broken)], survived, expected="none").happened


def quoted_in_rejects(exercise: str) -> set[str]:
    lines = [p.read_text().splitlines()[0] for p in (VARIANTS / exercise).glob("reject_*.py")]
    return {quote for line in lines for quote in re.findall(r'"([^"]*)"', line)}


def test_every_attack_on_a_login_elsewhere_gets_past_a_variant_that_names_it():
    attacks = [
        *SAID.values(),
        "an ID token of the partner that names the other provider as its issuer",
        "an ID token that begins in an hour (nbf)",
        "an ID token issued an hour from now (iat)",
        "an ID token signed by a key of the other provider",
        "Mallory's callback in a browser that began nothing",
        "Mallory's callback in a browser that began a login",
        "a callback 11 minutes after the login began",
        "Alice's code in a login that Mallory began",
        "a login begun with the partner comes back from the other provider",
        "the cookies from before the login, in another browser",
        "the cookie of a login, with Alice's name changed into Bob's",
        "1, as a cookie",
        "the state of Alice's login, as a cookie",
        "the code of Alice's login, as a cookie",
        ELSEWHERE,
    ]
    quotes = quoted_in_rejects("oauth_callback")
    assert [a for a in attacks if not any(q.split(":")[0] in a for q in quotes)] == []


def test_every_attack_on_the_second_step_gets_past_a_variant_that_names_it():
    """The bank is read off the driver itself: a door that opens to nobody is shown every form."""
    shut = SimpleNamespace(
        ticket=lambda *_, **__: {"ticket": "t", "email": ADA, "code": "123456"},
        send=lambda *_: (Exchange("POST", "/code", 401), ""),
        clock=SimpleNamespace(advance=lambda seconds: None),
    )
    history = Closed()
    close_the_hole_scenes.attacks(shut, None, history)
    quotes = quoted_in_rejects("close_the_hole")
    assert len(history.attacks) > 10
    names = [a.name for a in history.attacks]
    assert [n for n in names if not any(n.startswith(q) or q.startswith(n) for q in quotes)] == []


def test_every_attack_on_a_way_back_in_gets_past_a_variant_that_names_it():
    """As above: a shop that mails nothing is asked everything the attackers ask."""
    place = SimpleNamespace(
        worker=SimpleNamespace(call=lambda *_: None),
        ask=lambda *_, **__: Exchange("GET", "/reset", 200),
        kill=lambda: None,
    )
    shop = SimpleNamespace(
        place=lambda **_: place,
        ada="ada@example.com",
        stranger="nobody@example.com",
        forgot=lambda *_, **__: (Exchange("POST", "/forgot", 202), []),
        reset=lambda *_: Exchange("POST", "/reset", 400),
        customer=lambda email: None,
    )
    history = reset_password_scenes.History()
    reset_password_scenes.everybody_else(shop, place, place, history)
    harmless = {"known", "down known"}
    attacks = [a.what for name, a in history.asked.items() if name not in harmless and "garbage" not in name]
    assert len(attacks) >= 8
    attacks += ["the link is used again", "an older link, after the password was changed"]
    attacks += ["a link that is 31 minutes old", "one link's first half, another's second"]
    attacks += [f"a token that is good, with {what}" for what in reset_password_scenes.PADDED]
    quotes = quoted_in_rejects("reset_password")
    assert [a for a in attacks if not any(q.split(":")[0] in a for q in quotes)] == []


def test_a_cookie_is_rewritten_where_it_is_text_and_where_it_is_base64():
    assert _rewritten("http://id|alice", "alice", "bob") == "http://id|bob"
    assert _rewritten("eyJzdWIiOiAiYWxpY2UifQ.tag", "alice", "bob") == "eyJzdWIiOiAiYm9iIn0.tag"


def test_the_hole_is_the_one_the_lab_prints():
    printed = (VARIANTS.parents[2] / "solutions" / "08-authentication.py").read_text()
    assert "\n".join(f"# {line}" for line in HOLE.strip().splitlines()) in printed


def door(**attacks: tuple[str, str]) -> Closed:
    """Ada is in, and one attack of each family is refused unless said otherwise: (name, who is in)."""
    login = Try("Ada's ticket and code", "", Exchange("POST", "/code", 200), ADA)
    history = Closed([(login, ADA)])
    for family in ("address", "code", "once", "time", "guesses"):
        name, who = attacks.get(family, ("an attack", ""))
        history.attacks.append(Try(name, family, Exchange("POST", "/code", 200 if who else 401), who))
    history.odd = [a for a in history.attacks if a.family == "code"]
    return history


def test_an_attack_on_the_second_step_fails_its_property_alone():
    found = outcomes("close_the_hole", door(code=("an empty code", ADA)))
    assert [name for name, outcome in found.items() if outcome == "FAIL"] == ["whole_code"]


def test_coming_in_as_oneself_is_no_attack():
    for who, outcome in ((MALLORY, "PASS"), (ADA, "FAIL")):
        found = outcomes("close_the_hole", door(address=("Ada's address", who)))
        assert found["ticket_says_who"] == outcome


def test_schedules_that_were_not_played_are_unknown():
    assert outcomes("close_the_hole", door())["holds_under_all_schedules"] == "UNKNOWN"
