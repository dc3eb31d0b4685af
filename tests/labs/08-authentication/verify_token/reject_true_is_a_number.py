# fails: only_in_its_time -- "an nbf that is true" "an iat that is true"
# In Python a bool is an int.
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ISSUER = "https://id.shop.example"


def unpack(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(unpack(text), "big")


def find_key(header, keys):
    for key in keys["keys"]:
        if key["kid"] == header.get("kid"):
            if key["use"] != "sig" or key["alg"] != header["alg"]:
                raise InvalidToken("wrong kind of key")
            if key["kty"] == "RSA" and number(key["n"]).bit_length() < 2048:
                raise InvalidToken("weak key")
            return key
    raise InvalidToken("unknown key")


def check_signature(header, key, signed, signature):
    if key["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        if len(signature) != 64:
            raise InvalidToken("signature")
        public = ec.EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), ec.SECP256R1()).public_key()
        pair = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public.verify(pair, signed, ec.ECDSA(hashes.SHA256()))


def is_number(value):
    return isinstance(value, (int, float)) and abs(value) < 1e12


def check_claims(claims, now):
    if claims.get("iss") != ISSUER:
        raise InvalidToken("issuer")
    aud = claims.get("aud")
    if not (aud == "shop-api" or isinstance(aud, list) and "shop-api" in aud):
        raise InvalidToken("audience")
    if not claims.get("sub"):
        raise InvalidToken("subject")
    if not is_number(claims.get("exp")) or claims["exp"] < now - 60:
        raise InvalidToken("expired")
    for name in ("nbf", "iat"):
        if name in claims and (not is_number(claims[name]) or claims[name] > now + 60):
            raise InvalidToken("too early")


def verify_token(token, keys, clock):
    try:
        head, body, signature = token.split(".")
        header = json.loads(unpack(head))
        if str(header.get("typ")).lower() != "at+jwt":
            raise InvalidToken("not an access token")
        if "crit" in header:
            raise InvalidToken("extension")
        key = find_key(header, keys)
        check_signature(header, key, f"{head}.{body}".encode(), unpack(signature))
        claims = json.loads(unpack(body))
        check_claims(claims, clock.time())
        return claims
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidSignature) as error:
        raise InvalidToken("bad token") from error
