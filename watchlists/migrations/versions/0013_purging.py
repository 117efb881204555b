"""What is purged of a flag is cleared, and stays marked until its bytes are wiped; a flag says as what it was asked."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_IDENTIFYING: dict[str, sa.types.TypeEngine[Any]] = {
    "watchlist": sa.String(64),
    "entry": sa.String(64),
    "score": sa.Float(),
}
_BLANK = {"watchlist": "''", "entry": "''", "score": "0"}


def upgrade() -> None:
    """Let the columns be empty, and clear what was purged before: it is due to be wiped.

    Of an old flag it is not known as what it was asked: it is void once its agreements are replaced, unless they speak
    to anybody.
    """
    op.add_column("flags", sa.Column("asked", sa.JSON, nullable=False, server_default="{}"))
    for name in _IDENTIFYING:
        _make_anew(name, nullable=True)
    op.create_table(
        "wipes_due",
        sa.Column("of_table", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("of_table", name="pk_wipes_due"),
    )
    purged = "UPDATE flag_candidates SET watchlist = NULL, entry = NULL, score = NULL WHERE voided_at IS NOT NULL"
    op.execute(sa.text(purged))
    for table in ("checks", "flag_candidates"):
        due = f"SELECT '{table}', max(voided_at) FROM flag_candidates WHERE voided_at IS NOT NULL HAVING count(*) > 0"  # noqa: S608
        op.execute(sa.text(f"INSERT INTO wipes_due (of_table, since) {due}"))


def downgrade() -> None:
    """Put blanks where something was cleared."""
    op.drop_table("wipes_due")
    for name, blank in _BLANK.items():
        op.execute(sa.text(f"UPDATE flag_candidates SET {name} = {blank} WHERE {name} IS NULL"))  # noqa: S608
        _make_anew(name, nullable=False)
    op.drop_column("flags", "asked")


def _make_anew(name: str, *, nullable: bool) -> None:
    """Make a column again, with its content: SQLite cannot change whether it may be empty."""
    blank = None if nullable else sa.text(_BLANK[name])
    op.add_column("flag_candidates", sa.Column("fresh", _IDENTIFYING[name], nullable=nullable, server_default=blank))
    op.execute(sa.text(f"UPDATE flag_candidates SET fresh = {name}"))  # noqa: S608
    op.drop_column("flag_candidates", name)
    op.execute(sa.text(f"ALTER TABLE flag_candidates RENAME COLUMN fresh TO {name}"))
