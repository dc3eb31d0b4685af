# fails: gets_in -- "the note of ada@example.com" "returned None"
# Takes the first code in the mailbox, which is the right one as long as there is no older mail.
def break_in(client):
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    code = client.get("/mailbox").json()["codes"][0]
    answer = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": code})
    if answer.status_code != 200:
        return None
    account = client.get("/account", headers={"Authorization": "Bearer " + answer.json()["session"]}).json()
    return account["note"] if account["email"] == "ada@example.com" else None
