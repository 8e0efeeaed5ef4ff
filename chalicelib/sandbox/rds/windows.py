"""Backup windows: once a day a database is backing up, and an automated snapshot comes of it.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html. Seven are kept.
"""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.sandbox.rds.snapshots import begin
from chalicelib.sandbox.rds.things import Database, RdsLand
from chalicelib.sandbox.weather.sky import Sky

DAY_S = 86_400
KEPT = 7


def catch_up(sky: Sky, where: RdsLand) -> None:
    """Let the windows come that have passed since the last look. Idempotent at one instant."""
    if not sky.settings.rds.automated:
        return
    for database in list(where.databases.values()):
        if database.window_s is None or database.cluster:
            continue
        for at_s in _passed(database, sky.now_s)[-KEPT:]:
            stamp = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d-%H-%M")
            begin(sky, where, database, f"rds:{database.name}-{stamp}", {}, "automated", at_s)
        database.windows_until_s = sky.now_s
        _expire(where, database)


def _passed(database: Database, now_s: float) -> list[float]:
    since_s = max(database.windows_until_s, database.born_s)
    first = int(since_s // DAY_S) * DAY_S + (database.window_s or 0)
    days = int((now_s - first) // DAY_S) + 1
    return [first + day * DAY_S for day in range(max(days, 0)) if since_s < first + day * DAY_S <= now_s]


def _expire(where: RdsLand, database: Database) -> None:
    mine = [s for s in where.snapshots.values() if s.source is database and s.type == "automated"]
    for old in sorted(mine, key=lambda s: s.taken_s)[:-KEPT]:
        old.deleted = True
        del where.snapshots[old.kind, old.name.lower()]
