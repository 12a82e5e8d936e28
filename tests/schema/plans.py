"""How a database answers the questions that our functions really ask: its plans, and the work they
took.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from psycopg import ClientCursor
from sqlalchemy import Connection, Engine, event

from mydia_web.db import db


@dataclass(slots=True)
class Plan:
    """One statement and the way the database takes to its rows."""

    sql: str
    parameters: Any
    #: The plan in the database's own words.
    words: str
    #: Tables that are read through, or by all of an index that was not made for this question.
    scanned: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    #: Does it put rows in order itself, for want of an index that has them so?
    sorts: bool = False
    #: Rows that were looked at; PostgreSQL alone tells.
    rows: int = 0

    def __str__(self) -> str:
        return f"{self.sql}\n{self.words}"


@dataclass(slots=True)
class Answer:
    """All that one call of a function asked."""

    plans: list[Plan]
    #: Steps of SQLite's machine, or rows PostgreSQL looked at: what may not grow with the tables.
    effort: int

    def __str__(self) -> str:
        return f"effort {self.effort}\n" + "\n".join(map(str, self.plans))

    @property
    def scanned(self) -> set[str]:
        return set().union(*(plan.scanned for plan in self.plans))

    @property
    def indexes(self) -> set[str]:
        return set().union(*(plan.indexes for plan in self.plans))

    @property
    def sorts(self) -> bool:
        return any(plan.sorts for plan in self.plans)


#: Indexes of the rows that one question is about: to read all of such an index is what it is for.
_PARTIAL = {
    index.name
    for table in db.metadata.tables.values()
    for index in table.indexes
    if index.dialect_kwargs.get("sqlite_where") is not None
}
#: A LIMIT that stops a scan before so many rows has made it harmless.
_FEW = 2_000


def answer(ask: Callable[[], object]) -> Answer:
    """Call the function and explain every statement it sends. Nothing that it writes is kept."""
    engine = db.engine
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if sql.startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            asked.append((sql, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        steps = _count_steps(ask) if engine.dialect.name == "sqlite" else _call(ask)
    finally:
        event.remove(engine, "before_cursor_execute", note)
        db.session.rollback()
    plans = [_explain(engine, *one) for one in asked]
    return Answer(plans, steps or sum(plan.rows for plan in plans))


def generic_plan(plan: Plan) -> Plan:
    """The plan that PostgreSQL makes once for any parameters, as it may for a statement it has
    prepared.
    """
    names = list(plan.parameters)
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", plan.sql)
    places = ", ".join(f"%({name})s" for name in names)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor = ClientCursor(connection.connection.driver_connection)
        cursor.execute("DEALLOCATE ALL")
        cursor.execute(f"PREPARE question AS {numbered}".encode())
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) EXECUTE question({places})".encode(), plan.parameters
        )
        [[[found]]] = cursor.fetchall()
        connection.rollback()
    return _read_postgresql(plan.sql, plan.parameters, found["Plan"])


def _call(ask: Callable[[], object]) -> int:
    ask()
    return 0


def _count_steps(ask: Callable[[], object]) -> int:
    """How many instructions SQLite's virtual machine took, to the hundred."""
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    raw: Any = db.session.connection().connection.driver_connection
    raw.set_progress_handler(count, 100)
    try:
        ask()
    finally:
        raw.set_progress_handler(None, 0)
    return hundreds * 100


def _explain(engine: Engine, sql: str, parameters: Any) -> Plan:
    read = {"sqlite": _ask_sqlite, "postgresql": _ask_postgresql}[engine.dialect.name]
    with engine.connect() as connection:
        plan = read(connection, sql, parameters)
        connection.rollback()
    return plan


def _ask_sqlite(connection: Connection, sql: str, parameters: Any) -> Plan:
    lines = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    plan = Plan(sql, parameters, "\n".join(lines))
    for line in lines:
        index = re.search(r"USING (?:COVERING )?INDEX (\w+)", line)
        table = re.match(r"SCAN (\w+)", line)
        if index:
            plan.indexes.add(index[1])
        if table and not (index and index[1] in _PARTIAL):
            plan.scanned.add(table[1])
        plan.sorts |= line == "USE TEMP B-TREE FOR ORDER BY"
    return plan


def _ask_postgresql(connection: Connection, sql: str, parameters: Any) -> Plan:
    statement = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}"
    [found] = connection.exec_driver_sql(statement, parameters).scalar_one()
    return _read_postgresql(sql, parameters, found["Plan"])


def _read_postgresql(sql: str, parameters: Any, top: dict[str, Any]) -> Plan:
    plan = Plan(sql, parameters, json.dumps(top, indent=1))
    for node in _nodes(top):
        if _reads_all(node):
            plan.scanned.add(node.get("Relation Name", ""))
        plan.indexes |= {node["Index Name"]} if "Index Name" in node else set()
        plan.indexes |= set(node.get("Conflict Arbiter Indexes", ()))
        plan.sorts |= node["Node Type"] == "Sort"
        plan.rows += _rows(node)
    return plan


def _reads_all(node: dict[str, Any]) -> bool:
    whole_index = (
        "Index Name" in node and "Index Cond" not in node and node["Index Name"] not in _PARTIAL
    )
    stopped = "Actual Rows" in node and _rows(node) < _FEW
    return (node["Node Type"] == "Seq Scan" or whole_index) and not stopped


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _rows(node: dict[str, Any]) -> int:
    """What a node took from a table or an index, with what it then threw away."""
    if "Scan" not in node["Node Type"]:
        return 0
    taken = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
    return int(taken * node.get("Actual Loops", 0))
