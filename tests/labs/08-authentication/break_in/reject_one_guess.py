# fails: gets_in -- "the note of ada@example.com"
# One digit is guessed: right for one code in ten.
ADA = "ada@example.com"


def break_in(client: httpx.Client) -> str | None:
    try:
        step = client.post("/login", json={"email": "mallory@evil.example", "password": "correct horse"})
        step.raise_for_status()
        step = client.post("/code", json={"email": ADA, "code": "7", **step.json()})
        step.raise_for_status()
        page = client.get("/account", headers={"Authorization": f"Bearer {step.json()['session']}"}).raise_for_status().json()
    except httpx.HTTPStatusError:
        return None
    if page["email"] == ADA:
        return page["note"]
    return None
