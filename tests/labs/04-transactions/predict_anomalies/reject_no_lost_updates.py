# fails: read_committed -- "P4 at READ COMMITTED" "happened"
# A transaction is believed to protect what it has read.
predict_anomalies = {
    "G0": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1a": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1b": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1c": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "OTV": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "PMP": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "P4": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G-single": {"READ COMMITTED": "allowed", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G2-item": {"READ COMMITTED": "allowed", "REPEATABLE READ": "allowed", "SERIALIZABLE": "prevented"},
    "G2": {"READ COMMITTED": "allowed", "REPEATABLE READ": "allowed", "SERIALIZABLE": "prevented"},
}
