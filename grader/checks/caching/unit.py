"""Unit 11, caching: the lab and what every answer of it may use."""

from grader.checks.exercise import LabChecks

lab = LabChecks(
    "11-caching",
    context="""\
import hashlib
import json
import math
import random
import threading
import time
import uuid
from decimal import Decimal

import psycopg
from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError

from grader.shop.cached import encode_entry, entry_key, read_product
from grader.shop.errors import InvalidAmount, UnknownProduct
""",
)
