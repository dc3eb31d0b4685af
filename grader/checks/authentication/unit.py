"""Unit 08, authentication: the lab and what every answer of it may use."""

from grader.checks.exercise import LabChecks

# For whoever looked at another one; time.time() and the database's now() are of a day long before.
CLOCK = "What counts is the given clock: your machine's clock and the server's show another time."

lab = LabChecks(
    "08-authentication",
    context="""\
import base64
import hashlib
import hmac
import json
import secrets
import unicodedata
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlencode, urlsplit

import argon2
import httpx
import psycopg
from fastapi import BackgroundTasks, Cookie, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError
from psycopg.rows import dict_row
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import BaseModel

from grader.shop.errors import InvalidCredentials, InvalidKey, InvalidToken, MissingScope, TooManyAttempts
""",
)
