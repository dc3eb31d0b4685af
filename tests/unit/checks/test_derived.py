"""What is calculated from what others know, and what is drawn."""

import base64
import hashlib
import hmac
import secrets
import uuid

import pytest

from grader.checks.authentication.derived import derived

KNOWN = {"the state": secrets.token_urlsafe(32), "the code": secrets.token_urlsafe(24), "the nonce": ""}
STATE, CODE = KNOWN["the state"], KNOWN["the code"]


@pytest.mark.parametrize("how", ["sha256", "sha1", "md5", "sha512"])
def test_a_hash_is_found_in_hex_and_base64_whole_and_cut(how):
    digest = hashlib.new(how, STATE.encode()).digest()
    encoded = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    standard = base64.b64encode(digest).decode()
    for text in (digest.hex(), digest.hex()[:22], digest.hex().upper(), encoded, encoded[:22], standard):
        assert derived(text, KNOWN) == f"{how} of the state"


def test_a_hash_of_two_is_found_in_their_order():
    assert (
        derived(hashlib.sha256((STATE + CODE).encode()).hexdigest(), KNOWN)
        == "sha256 of the state and the code"
    )
    assert (
        derived(hashlib.md5(f"{CODE}:{STATE}".encode()).hexdigest(), KNOWN) == "md5 of the code and the state"
    )
    keyed = hmac.new(CODE.encode(), STATE.encode(), hashlib.sha256).hexdigest()
    assert derived(keyed, KNOWN) == "HMAC of the state under the code"


def test_the_text_itself_and_a_beginning_of_it_is_found():
    assert derived(STATE, KNOWN) == "the state"
    assert derived(CODE[:22], KNOWN) == "the code"
    assert derived(str(uuid.UUID(hashlib.md5(CODE.encode()).hexdigest())), KNOWN) == "md5 of the code"


def test_what_is_drawn_or_made_with_a_secret_is_not_found():
    key = secrets.token_bytes(32)
    for text in (
        secrets.token_urlsafe(32),
        str(uuid.uuid4()),
        hmac.new(key, STATE.encode(), "sha256").hexdigest(),
    ):
        assert derived(text, KNOWN) == ""


def test_what_has_a_signature_or_merely_begins_alike_is_not_found():
    signature = secrets.token_urlsafe(32)
    assert derived(f"{STATE}.{signature}", KNOWN) == ""
    assert derived(f"{hashlib.sha256(STATE.encode()).hexdigest()}.{signature}", KNOWN) == ""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode()
    assert derived(f"{head}.{signature}", {"the state": f"{head}.{STATE}"}) == ""


def test_what_is_empty_or_short_tells_nothing():
    assert derived("", KNOWN) == derived("none", KNOWN) == derived(STATE[:9], KNOWN) == ""
    assert derived(secrets.token_hex(16), {}) == ""
