"""What a Redis server holds, to be brought back: the counterpart of `grader.instruments.explore.SavedRows`."""

from __future__ import annotations

from typing import Any


class SavedKeys:
    """All keys as they are now, of any type, with the moments at which they expire; called, it brings them back.

    client: the judge's own `redis.Redis`, which returns bytes.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        keys = list(client.scan_iter(count=1000))
        self._held = [(key, max(int(client.pexpiretime(key)), 0), client.dump(key)) for key in keys]

    def __call__(self) -> None:
        with self._client.pipeline() as pipe:
            pipe.flushdb()
            for key, moment, value in self._held:
                pipe.restore(key, moment, value, absttl=True)
            pipe.execute()
