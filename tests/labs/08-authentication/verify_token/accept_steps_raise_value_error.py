# accepts: reads header and claims itself, lets jws verify, and raises ValueErrors
class Bad(ValueError):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


def part(text):
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "==").decode())
    except (ValueError, RecursionError):
        raise Bad("not JSON") from None
    need(isinstance(found, dict), "not an object")
    return found


def verify_token(token, keys, clock):
    need(isinstance(token, str) and token.count(".") == 2 and token.isascii(), "not a token")
    header, claims = part(token.split(".")[0]), part(token.split(".")[1])
    by_id = {k["kid"]: k for k in keys["keys"] if k["use"] == "sig"}
    need(isinstance(header.get("kid"), str) and header["kid"] in by_id, "kid")
    entry = by_id[header["kid"]]
    need(header.get("alg") == entry["alg"] and "crit" not in header, "alg")
    need(entry["kty"] == "EC" or len(entry["n"]) > 340, "size")
    need(isinstance(header.get("typ"), str) and header["typ"].casefold() == "at+jwt", "typ")
    try:
        jws.deserialize_compact(token.encode(), jwk.import_key(entry), algorithms=[entry["alg"]])
    except JoseError as error:
        raise Bad("signature") from error
    now = clock.now()
    moments = {}
    for name in ("exp", "nbf", "iat"):
        if name in claims:
            need(type(claims[name]) in (int, float), name)
            try:
                moments[name] = datetime.fromtimestamp(claims[name], timezone.utc)
            except (OverflowError, ValueError, OSError):
                raise Bad(name) from None
    leeway = timedelta(minutes=1)
    need("exp" in moments and now <= moments["exp"] + leeway, "exp")
    need(all(moments[n] <= now + leeway for n in ("nbf", "iat") if n in moments), "early")
    aud = claims.get("aud")
    need("shop-api" in (aud if isinstance(aud, list) else [aud]), "aud")
    need(claims.get("iss") == "https://id.shop.example", "iss")
    need(isinstance(claims.get("sub"), str) and claims["sub"], "sub")
    return claims
