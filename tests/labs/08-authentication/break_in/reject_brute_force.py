# fails: gets_in -- "returned None" "too many to try"
# With her address and her likely passwords, and then every code there is.
def break_in(client):
    for password in ("password", "123456", "ada", "ada1815", "letmein", "secret", "shop"):
        reply = client.post("/login", json={"email": "ada@example.com", "password": password})
        if reply.status_code == 200:
            break
    ticket = reply.json().get("ticket", "")
    for number in range(10**6):
        reply = client.post("/code", json={"ticket": ticket, "email": "ada@example.com", "code": f"{number:06}"})
        if reply.status_code == 429:
            return None
        if reply.status_code == 200:
            return client.get("/account", headers={"Authorization": f"Bearer {reply.json()['session']}"}).json()["note"]
