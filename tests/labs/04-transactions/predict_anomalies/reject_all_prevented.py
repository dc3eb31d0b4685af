# fails: read_committed, repeatable_read -- "you say prevented" "happened"
predict_anomalies = {
    "G0": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1a": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1b": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G1c": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "OTV": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "PMP": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "P4": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G-single": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G2-item": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
    "G2": {"READ COMMITTED": "prevented", "REPEATABLE READ": "prevented", "SERIALIZABLE": "prevented"},
}
