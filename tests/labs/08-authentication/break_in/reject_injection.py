# fails: gets_in -- "returned None" "believes something that it should look up"
# The first thing everybody tries; these statements have parameters.
def break_in(client):
    for email in ("ada@example.com' -- ", "ada@example.com' OR '1'='1", '" OR ""="'):
        ticket = client.post("/login", json={"email": email, "password": "' OR '1'='1"})
        if ticket.status_code != 200:
            continue
        answer = client.post("/code", json={"ticket": ticket.json()["ticket"], "email": email, "code": "' OR '1'='1"})
        if answer.status_code == 200:
            return client.get("/account", headers={"Authorization": f"Bearer {answer.json()['session']}"}).json()["note"]
    return None
