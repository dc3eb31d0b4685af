# fails: state_applied -- "must be"
# A status may only move forward, and a dispute that was won moves back.
RANK = {"created": 1, "succeeded": 2, "disputed": 3, "refunded": 4}


def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        conn.execute(
            "INSERT INTO payments VALUES (%s, 'created', %s, 0, 0) ON CONFLICT DO NOTHING",
            (data["reference"], data["amount"]),
        )
        (status,) = conn.execute(
            "SELECT status FROM payments WHERE reference = %s FOR UPDATE", (data["reference"],)
        ).fetchone()
        if RANK[data["status"]] > RANK[status]:
            conn.execute(
                "UPDATE payments SET status = %s, refunded = %s, sequence = %s WHERE reference = %s",
                (data["status"], data["refunded"], event["sequence"], data["reference"]),
            )
