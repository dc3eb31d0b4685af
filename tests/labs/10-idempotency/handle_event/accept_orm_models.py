# accepts: SQLAlchemy models with annotated columns, on the connection given
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, Session
from sqlalchemy.pool import StaticPool
from sqlalchemy.exc import IntegrityError
class Base(DeclarativeBase): pass
class Inbox(Base):
    __tablename__ = "inbox"
    event_id: Mapped[str] = mapped_column(primary_key=True)
class Balance(Base):
    __tablename__ = "balances"
    customer_id: Mapped[int] = mapped_column(primary_key=True)
    points: Mapped[int]
def handle_event(conn, event):
    with Session(create_engine("postgresql+psycopg://", creator=lambda: conn, poolclass=StaticPool)) as s:
        s.execute(text("SELECT pg_advisory_xact_lock(:c)"), {"c": event["customer_id"]})
        if s.get(Inbox, event["id"]):
            return
        s.add(Inbox(event_id=event["id"]))
        b = s.get(Balance, event["customer_id"])
        if b is None:
            s.add(Balance(customer_id=event["customer_id"], points=event["points"]))
        else:
            b.points += event["points"]
        s.commit()
