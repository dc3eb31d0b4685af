# fails: knows_when_it_fails -- "returned 'debt-" "says it worked when it did not"
# Believes that whoever is let in is Ada.
def break_in(client):
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    code = client.get("/mailbox").json()["codes"][-1]
    answer = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": code})
    if answer.status_code != 200:
        return None
    return client.get("/account", headers={"Authorization": f"Bearer {answer.json()['session']}"}).json()["note"]
