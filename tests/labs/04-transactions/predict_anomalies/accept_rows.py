# accepts: a row of three words for each anomaly
p, a = "prevented", "allowed"
predict_anomalies = {
    "G0": (p, p, p),
    "G1a": (p, p, p),
    "G1b": (p, p, p),
    "G1c": (p, p, p),
    "OTV": (p, p, p),
    "PMP": (a, p, p),
    "P4": (a, p, p),
    "G-single": (a, p, p),
    "G2-item": (a, a, p),
    "G2": (a, a, p),
}
