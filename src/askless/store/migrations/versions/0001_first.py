"""The first log: campaign, item, entry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "item",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("image", sa.Text),
        sa.Column("known_label", sa.Integer),
    )
    op.create_table(
        "entry",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("annotator", sa.Integer),
        sa.Column("batch", sa.Integer),
        sa.Column("item", sa.Integer),
        sa.Column("label", sa.Integer),
        sa.Column("response_ms", sa.BigInteger),
        sa.Column("answer_id", sa.LargeBinary(16)),
        sa.Column("payload", sa.Text),
    )
