"""`api_keys`: keys that programs show: made, looked up, limited, replaced and taken back."""

from __future__ import annotations

import base64

from grader.checks.authentication.api_keys_counter import Counter, History
from grader.checks.authentication.api_keys_scenes import drive, twice
from grader.checks.authentication.entropy import drawn_enough
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import all_end, covered, holds
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench

SHORTEST_PREFIX, SHORTEST_SECRET, SHORTEST_HASH = 8, 22, 22  # characters; 22 of base64 are 128 bits
WHOLE = "A key is good to the letter: what is hashed and compared is the whole text as it came, no part of it, nothing tidied up."
ALIKE = 8  # equal characters at one end of two secrets: what is counted, or a clock's, not chance


@lab.exercise(
    "api_keys",
    binds=("create_key", "check_key", "rotate_key", "revoke_key"),
    points=5,
    read="08-authentication: API keys",
    coverage=lambda h: (
        f"{sum(map(len, h.calls.values()))} calls one after the other; {covered(*[h.rotations] if h.rotations else [])}"
    ),
    hints=(
        "Somebody reads the table, or a line of your log; what may they do with it? And how is the right row found among "
        "millions if what is stored is not what is shown?",
        "A long random key needs no slow hash, since nobody guesses it. Part of it may be public: that part finds the row. "
        "Which of two rotations at once won must be decided by the statement that marks the old key.",
        "Begin each key with a public, unique part and look it up by equality; compare the hash of the whole; only then "
        "look at the moments and the scopes. Rotate with one conditional UPDATE that gives owner and scopes back.",
    ),
)
def api_keys(answer: Answer, bench: Bench) -> History:
    counter = Counter(answer, bench)
    try:
        drive(counter)
    finally:
        counter.close()
    return counter.history


@api_keys.property(
    weight=0,
    misconception="What is not committed when the call returns is rolled back by whoever gets the connection next.",
)
def works(history: History) -> Ruling:
    """A key that was made is stored, and accepted for its scopes, in another process too."""
    for one in history.calls.get("made", [])[:4]:
        if not isinstance(one.value, str) or not one.value.startswith("shop_"):
            return fail(f"{one.what}: a key that begins with shop_", one.line())
    if len(history.calls.get("made", [])) < 4:
        return fail("create_key returns a key", "it did not come back")
    for key in history.keys.values():
        if not key.row:
            return fail(
                "a row in api_keys whose prefix is how the key begins",
                "there is none: it was not committed, or its prefix is not part of the key",
            )
    if len({key.prefix for key in history.keys.values()}) < len(history.keys):
        return fail("another prefix for each key", "two keys have the same")
    for one in history.calls.get("plain", []):
        if type(one.value) is not int:
            return fail(f"{one.what}: the owner's id", one.line(), evidence=[history.table("plain")])
    first, second = history.keys["first"], history.keys["second"]
    owners = [first.row["owner_id"], second.row["owner_id"], first.row["owner_id"], second.row["owner_id"]]
    return history.first_other("plain", *owners)


@api_keys.property(
    needs=["works"],
    misconception="A copy of the table, in a backup or a log, must not be a bunch of keys; and what is encrypted or encoded "
    "is read by whoever knows how.",
)
def only_a_hash_stored(history: History) -> Ruling:
    """The table holds the public prefix and a hash, and nothing from which the key could be told."""
    for name in ("first", "second", "third"):
        key = history.keys[name]
        if len(key.secret) < SHORTEST_SECRET:
            return fail(
                f"at least {SHORTEST_SECRET} characters after the prefix, which are not stored",
                f"the prefix has {len(key.prefix)} of the key's {len(key.text)} characters",
            )
        if any(form in history.everything for form in forms(key.secret)):
            return fail("nothing of what follows the prefix", "the secret part stands in the table")
        if len(key.row["key_hash"]) < SHORTEST_HASH:
            return fail(
                f"a key_hash of at least {SHORTEST_HASH} characters",
                f"key_hash is {key.row['key_hash']!r}",
                "Of a short checksum somebody finds another text that has it.",
            )
        if len(key.prefix) < SHORTEST_PREFIX:
            return fail(f"a prefix of at least {SHORTEST_PREFIX} characters", f"it is {key.prefix!r}")
    return True


def forms(secret: str) -> list[str]:
    """A text as somebody might store it and read it back; its beginning and its end tell too much as well."""
    core = secret.strip("_-.")
    raw = core.encode()
    encoded = base64.b64encode(raw).decode().rstrip("=")
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return [core[:16], core[-16:], core[::-1], raw.hex(), encoded, url]


@api_keys.property(
    needs=["works"],
    misconception="`random`, clocks and counters repeat themselves or can be followed; whoever has a key must not be able to "
    "tell the next one.",
)
def cannot_be_guessed(history: History) -> Ruling:
    """The secret part is random, and tells nothing about that of another key."""
    secrets = [
        k.secret for n, k in history.keys.items() if n in ("first", "second", "third", "fourth", "elsewhere")
    ]
    if "elsewhere" not in history.keys:
        return unknown("No key was made in another process.")
    for number, one in enumerate(secrets):
        for other in secrets[number + 1 :]:
            same = max(common(one, other), common(one[::-1], other[::-1]))
            if same >= ALIKE:
                return fail(
                    "secrets that have nothing in common",
                    f"those of two keys agree in {same} characters at one end",
                )
    return drawn_enough(history.twins)


def common(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


@api_keys.property(
    needs=["works"],
    misconception="Every request pays for this: it has to find one row by an equality that an index knows, and a key that "
    "cannot be guessed needs no hash made for passwords.",
)
def one_indexed_lookup(history: History) -> Ruling:
    """Checking a key costs one statement that an index answers, no Argon2, and writes nothing."""
    if len(history.statements) != 1:
        return fail(
            "one statement for one check", f"{len(history.statements)}: {'; '.join(history.statements)}"[:300]
        )
    if history.scans:
        return fail("a row found by an index", f"a scan of the whole table: {history.scans[0]}"[:300])
    if dear := [c for c in history.calls["plain"] if c.hashes]:
        return fail("a fast hash", f"{dear[0].hashes} Argon2 computed for one check")
    return not history.rewritten or fail(
        "no write",
        "the row was written again",
        "A write for every request makes the busiest key the slowest.",
    )


@api_keys.property(
    needs=["works"],
    misconception="Scopes are names: part of one, its beginning, its capitals, or what LIKE takes for it, is another scope, and "
    "none stands for others.",
)
def scopes_are_exact(history: History) -> Ruling:
    """A key is good for exactly its scopes; for others it is refused with another error than a bad key."""
    ruling = history.first_other("scopes", *["no scope"] * 8)
    if ruling is True and len(history.calls.get("grand", [])) > 1:
        ruling = history.first_other("grand", "no scope", start=1)
    return ruling


@api_keys.property(
    needs=["works"],
    misconception="Which part was wrong, that a key existed once, or an error of the database: each is something to build on "
    "for whoever tries keys.",
)
def bad_keys_look_alike(history: History) -> Ruling:
    """Every key that is not good is refused with one and the same typed error, whatever is wrong with it."""
    found = history.calls.get("bad", [])
    if not found:
        return unknown("No bad key was shown.")
    others = [c for n in ("later", "ended", "revoked") for c in history.calls.get(n, []) if "key" in c.what]
    over = [c for c in others if history.word(c) == "invalid"]
    for one in (*found, *over, *history.calls.get("lacking", [])):
        shown = [history.table("lacking" if "lacked" in one.what else "bad")]
        if not one.refused:
            let_in = WHOLE if one.how == "returned" else ""
            return fail(f"{one.what}: InvalidKey", one.line(), let_in, evidence=shown)
        if one.reply != found[0].reply:
            return fail(f"{one.what}: {found[0].line()}, as for every bad key", one.line(), evidence=shown)
    return True


@api_keys.property(
    needs=["works", "bad_keys_look_alike"],
    misconception="The new key has to be brought to many machines while the old one still serves; but a rotation is no way "
    "to make a key live longer, nor to make two of one. " + CLOCK,
)
def rotation_overlaps(history: History) -> Ruling:
    """After a rotation both keys work for 24 hours, then the new one alone, with the owner and the scopes of the old."""
    made = history.calls.get("rotated", [])
    if not made or not isinstance(made[0].value, str):
        return fail("rotate_key: a new key", made[0].line() if made else "it did not come back")
    if not history.keys["rotated"].row:
        return fail("a row for the new key", "there is none after rotate_key returned")
    owner = history.keys["first"].row["owner_id"]
    for name, wanted in (
        ("overlap", [owner, owner, owner, "no scope", "invalid", "invalid"]),
        ("bad rotated", ["invalid"] * max(1, len(history.calls.get("bad rotated", [])))),
        ("before", [owner]),
        ("day", [owner, owner]),
        ("ended", ["invalid"] * 3),
        ("later", ["invalid", owner]),
    ):
        ruling = history.first_other(name, *wanted)
        if ruling is not True:
            return ruling
    return True


@api_keys.property(
    needs=["rotation_overlaps"],
    misconception="Between looking whether the key was rotated and marking it, another call looks too.",
)
def rotates_once(history: History) -> Ruling:
    """Of two rotations of one key at the same moment one makes the successor, the other is refused properly."""
    if history.rotations is None:
        return unknown("The calls were not made at the same moment.")
    ended = all_end([history.rotations])
    if ended is not True:
        return ended
    return holds([history.rotations], twice, expected="one successor, and one InvalidKey")


@api_keys.property(
    needs=["works", "bad_keys_look_alike"],
    misconception="A key is revoked because it is in wrong hands: whatever was remembered about it, or promised to it, ends now.",
)
def revoked_at_once(history: History) -> Ruling:
    """From the moment it is revoked the key with that prefix is refused in every process, and no other."""
    found = history.calls.get("revoked", [])
    if found and found[0].how == "raised":
        return fail("revoke_key returns", found[0].line())
    owner = history.keys["first"].row["owner_id"]
    ruling = history.first_other("revoked", "invalid", "invalid", "invalid", owner, start=1)
    if ruling is True:
        ruling = history.first_other("revoked later", "invalid", owner, start=1)
    spared = max(1, len(history.calls.get("spared", [])))
    return ruling if ruling is not True else history.first_other("spared", *[owner] * spared)
