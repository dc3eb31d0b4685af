# fails: complete -- "missing" "G1c"
predict_anomalies = {
    "G0": ("prevented", "prevented", "prevented"),
    "G1a": ("prevented", "prevented", "prevented"),
    "G1b": ("prevented", "prevented", "prevented"),
    "P4": ("allowed", "maybe", "prevented"),
}
