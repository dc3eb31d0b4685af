# accepts: a class of this name is the application, with no framework; tags are numbers that count the versions seen
class catalog:
    def __init__(self, load_product, load_customer):
        self.load_product, self.load_customer = load_product, load_customer
        self.versions = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        asked = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        kind, _, argument = scope["path"].strip("/").partition("/")
        status, headers, content = 404, {"cache-control": "no-store"}, {"detail": "no such page"}
        if kind == "account":
            found = self.load_customer(asked.get("authorization", "")[len("Bearer ") :])
            status, headers, content = (200 if found else 401), {"cache-control": "private"}, found or {"detail": "who?"}
        elif kind == "products" and argument.isdigit():
            language = "de" if asked.get("accept-language", "").startswith("de") else "en"
            found = self.load_product(int(argument), language)
            if found:
                status, headers, content = self.reply(found, asked.get("if-none-match", ""))
        body = b"" if content is None else json.dumps(content).encode()
        if content is not None:
            headers["content-type"] = "application/json"
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    def reply(self, found, none_match):
        if found not in self.versions:
            self.versions.append(dict(found))
        tag = f'"v{self.versions.index(found)}"'
        headers = {"etag": tag, "cache-control": "max-age=120", "vary": "accept-language"}
        if tag in (known.strip().removeprefix("W/") for known in none_match.split(",")):
            return 304, headers, None
        return 200, headers, found
