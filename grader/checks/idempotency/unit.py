"""Unit 10, idempotency and retries: the lab and what every answer of it may use."""

from grader.checks.exercise import LabChecks

lab = LabChecks(
    "10-idempotency",
    context="""\
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import parsedate_to_datetime

import psycopg
from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from grader.instruments.broker import BrokerUnavailable
from grader.instruments.provider import ProviderError, ProviderRefused, ProviderTimeout, ProviderUnavailable
from grader.shop.errors import InvalidAmount, PaymentDeclined, PaymentUnknown, UnknownOrder
""",
)
