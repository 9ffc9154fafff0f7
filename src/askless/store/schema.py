"""The tables of a log. `migrations/` brings an older file to this state; a test holds the two together."""

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

campaign = Table(
    "campaign",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

item = Table(
    "item",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("image", Text),
    Column("known_label", Integer),
)

entry = Table(
    "entry",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("time", Float, nullable=False),
    Column("annotator", Integer),
    Column("batch", Integer),
    Column("item", Integer),
    Column("label", Integer),
    Column("response_ms", BigInteger),
    Column("answer_id", LargeBinary(16)),
    Column("payload", Text),
)
