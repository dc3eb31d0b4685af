"""One socket a lane to connect to, and the address that leads there."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

FIRST_PORT = 5001


class Listeners:
    """folder: where the sockets go; a private temporary folder if omitted. mode: permissions of the sockets."""

    def __init__(self, lanes: Sequence[str], folder: str | Path | None, mode: int) -> None:
        self._own_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="pgw-")) if folder is None else Path(folder)
        if self._own_folder:
            self.folder.chmod(0o711)
        self.ports = {lane: FIRST_PORT + i for i, lane in enumerate(lanes)}
        self.sockets = {lane: self._listen(port, mode) for lane, port in self.ports.items()}

    def _path(self, port: int) -> Path:
        return self.folder / f".s.PGSQL.{port}"

    def _listen(self, port: int, mode: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        path = self._path(port)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(mode)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def url(self, lane: str, given: Mapping[str, Any]) -> str:
        """The address of `lane`'s listener, with the role, database and options of the address `given`."""
        user = quote(str(given.get("user") or ""), safe="")
        password = f":{quote(str(given['password']), safe='')}" if given.get("password") else ""
        database = quote(str(given.get("dbname") or ""), safe="")
        extra = "".join(
            f"&{k}={quote(str(v), safe='')}"
            for k, v in given.items()
            if k not in ("host", "port", "user", "password", "dbname", "sslmode", "hostaddr")
        )
        host = quote(str(self.folder), safe="")
        return f"postgresql://{user}{password}@/{database}?host={host}&port={self.ports[lane]}{extra}"

    def remove(self) -> None:
        """Removes the sockets from the file system."""
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            for port in self.ports.values():
                self._path(port).unlink(missing_ok=True)
