# accepts: joserfc's KeySet of the keys that are fit, chosen by the library, claims by its registry
def _fit(entry):
    if entry.get("use") != "sig" or (entry["kty"], entry["alg"]) not in {("RSA", "RS256"), ("EC", "ES256")}:
        return False
    return entry["kty"] != "RSA" or jwk.import_key(entry).public_key.key_size >= 2048


def verify_token(token: str, keys: dict, clock) -> dict:
    fit = jwk.KeySet.import_key_set({"keys": [entry for entry in keys["keys"] if _fit(entry)]})

    def choose(message):
        header = message.headers()
        for key in fit.keys:
            if key.kid == header.get("kid") and key.alg == header.get("alg"):
                return key
        raise ValueError("no such key")

    try:
        decoded = jwt.decode(token, choose, algorithms=["RS256", "ES256"])
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise InvalidToken("signature") from None
    head, claims = decoded.header, decoded.claims
    if "crit" in head or not isinstance(head.get("typ"), str) or head["typ"].lower() != "at+jwt":
        raise InvalidToken("header")
    rules = jwt.JWTClaimsRegistry(
        now=lambda: int(clock.now().timestamp()),
        leeway=60,
        iss=dict(essential=True, values=["https://id.shop.example"]),
        aud=dict(essential=True, values=["shop-api"]),
        exp=dict(essential=True),
        sub=dict(essential=True, allow_blank=False),
    )
    try:
        rules.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidToken(str(error)) from error
    return claims
