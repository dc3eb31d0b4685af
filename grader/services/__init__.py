"""Postgres and Redis: bundled by default, or any server named by DATABASE_URL and REDIS_URL.

    from grader import services
    running = services.up()
    psycopg.connect(running.postgres.url("shop", role="learner"))

All state is kept beneath `home()`; `down` stops what `up` started and nothing else.
"""

from grader.services.condition import Condition, status
from grader.services.errors import ServiceError
from grader.services.places import home
from grader.services.server import PostgresServer, RedisServer, Services
from grader.services.supervise import down, forget, up
from grader.services.throwaway import (
    ThrowawayPostgres,
    ThrowawayRedis,
    throwaway_postgres,
    throwaway_redis,
)

__all__ = [
    "Condition",
    "PostgresServer",
    "RedisServer",
    "ServiceError",
    "Services",
    "ThrowawayPostgres",
    "ThrowawayRedis",
    "down",
    "forget",
    "home",
    "status",
    "throwaway_postgres",
    "throwaway_redis",
    "up",
]
