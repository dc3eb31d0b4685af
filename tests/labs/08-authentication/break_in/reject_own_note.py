# fails: gets_in -- "returned 'debt-" "the session you got may be your own"
# Gets into the account, as the one who was let in anyway.
def break_in(client):
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    code = client.get("/mailbox").json()["codes"][-1]
    session = client.post("/code", json={"ticket": ticket, "email": "mallory@evil.example", "code": code}).json()["session"]
    return client.get("/account", headers={"Authorization": f"Bearer {session}"}).json()["note"]
