"""The sandbox: bubblewrap around a warm parent, namespaces around each answer and each server.

`BoxLauncher` plugs into `judge_answer(..., launcher=...)`; `probes.run` proves that it holds before it is used.
"""
