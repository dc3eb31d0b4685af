# fails: read_committed -- "G1a at READ COMMITTED" "did not happen" "uncommitted"
predict_anomalies = {
    "G0": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1a": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1b": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1c": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "OTV": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "PMP": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "P4": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G-single": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G2-item": {"READ COMMITTED": "allowed", "REPEATABLE READ": "allowed", "SERIALIZABLE": "prevented"},
    "G2": {"READ COMMITTED": "allowed", "REPEATABLE READ": "allowed", "SERIALIZABLE": "prevented"},
}
