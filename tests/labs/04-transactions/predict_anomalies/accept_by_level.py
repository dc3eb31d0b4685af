# accepts: by level, computed from what each level lets through
NAMES = ["G0", "G1a", "G1b", "G1c", "OTV", "PMP", "P4", "G-single", "G2-item", "G2"]
LETS_THROUGH = {
    "READ COMMITTED": {"PMP", "P4", "G-single", "G2-item", "G2"},
    "REPEATABLE READ": {"G2-item", "G2"},
    "SERIALIZABLE": set(),
}
predict_anomalies = {
    level: {name: "allowed" if name in through else "prevented" for name in NAMES}
    for level, through in LETS_THROUGH.items()
}
