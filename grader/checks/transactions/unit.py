"""Unit 04, transactions and isolation: the lab and what every answer of it may use."""

from grader.checks.exercise import LabChecks

lab = LabChecks(
    "04-transactions",
    context="""\
import random
import time
from decimal import Decimal

import psycopg
import sqlalchemy
from sqlalchemy import text

from grader.shop.errors import (
    AlreadyRunning,
    InsufficientFunds,
    InvalidAmount,
    NoDoctorLeft,
    OutOfStock,
    SameAccount,
    StaleVersion,
    UnknownAccount,
    UnknownProduct,
)
""",
)
