"""From a fresh clone to an answering JupyterLab, beside installing the same packages alone; and the second start.

Our own clone goes first, so that whatever the second finds in caches is to our disadvantage. Takes some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 900


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    unwanted = (
        "DATABASE_URL",
        "REDIS_URL",
        "GRADER_HOME",
        "GRADER_ROOT",
        "VIRTUAL_ENV",
        "MAKEFLAGS",
        "MAKELEVEL",
    )
    environ = {name: value for name, value in os.environ.items() if name not in unwanted}
    own = str(Path(sys.executable).parent)  # `make bench` puts this environment first on PATH
    path = [entry for entry in environ.get("PATH", "").split(os.pathsep) if entry != own]
    return {**environ, "PATH": os.pathsep.join(path)}


def clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def seconds_to_lab(checkout: Path) -> float:
    """From `make lab` to JupyterLab's page; then everything of it is ended."""
    port = free_port()
    options = f"--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=bench"
    began = time.perf_counter()
    with (checkout / "lab.log").open("wb") as log:
        make = subprocess.Popen(
            ["make", "lab", f"ARGS={options}"],
            cwd=checkout,
            env=environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not answers(f"http://127.0.0.1:{port}/lab?token=bench"):
            if make.poll() is not None or time.perf_counter() - began > PATIENCE:
                sys.exit(
                    f"bench_start: JupyterLab did not start\n{(checkout / 'lab.log').read_text()[-3000:]}"
                )
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGTERM)
        make.wait()


def seconds_to_install(checkout: Path) -> float:
    """The packages of the lock alone, with the same tool."""
    began = time.perf_counter()
    python = checkout / ".venv/bin/python"
    subprocess.run(["python3.11", "-m", "venv", ".venv"], cwd=checkout, check=True, env=environment())
    if shutil.which("uv"):
        command = ["uv", "pip", "install", "--quiet", "--python", python]
    else:
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = ["--require-hashes", "-r", "requirements.lock"]
    subprocess.run([*command, *lock], cwd=checkout, check=True, env=environment(), stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def line(figure: str, value: float, unit: str, target: float, **detail: float) -> None:
    rounded = {name: round(number, 2) for name, number in detail.items()}
    print(
        json.dumps(
            {"figure": figure, "value": round(value, 3), "unit": unit, "target": target, "detail": rounded}
        )
    )


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="bm-start-"))
    base.chmod(0o755)
    try:
        ours = clone(base / "ours")
        first = seconds_to_lab(ours)
        second = seconds_to_lab(ours)
        alone = seconds_to_install(clone(base / "alone"))
        line(
            "fresh clone to JupyterLab answering, against installing the packages alone",
            first / alone,
            "ratio",
            1.3,
            seconds=first,
            install_seconds=alone,
        )
        line("second start to JupyterLab answering", second * 1000, "ms", 5000)
        subprocess.run([ours / ".venv/bin/grader", "down"], cwd=ours, env=environment(), check=True)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
