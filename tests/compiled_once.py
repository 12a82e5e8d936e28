"""Compile templates, routes and SQL once per process, not once for the application of each test.

Each test has an application of its own, because tests change its configuration, and a database of
its own. Compiling everything anew took three quarters of the CPU time of a test of a page.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any, ClassVar

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Dialect, Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


class TemplatesInMemory(BytecodeCache):
    """The code of each template, kept with the checksum of the source that it was compiled from."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


class RuleCompiledOnce(Rule):
    """A route that shares the functions which build its addresses with its like elsewhere."""

    _builders: ClassVar[dict[tuple[object, ...], Callable[..., Any]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


class StatementsInMemory:
    """The compiled SQL of each kind of database.

    SQLAlchemy keeps it by dialect, and makes a dialect for each engine: so engines share one.
    """

    def __init__(self) -> None:
        self._dialects: dict[str, Dialect] = {}
        self._cache: LRUCache[object, object] = LRUCache(3000)

    def share(self, engine: Engine) -> None:
        """Let an engine that has not been used yet know what the others compiled."""
        name = engine.dialect.name
        if name not in self._dialects:
            self._dialects[name] = _initialized_dialect(engine)
        engine.dialect = self._dialects[name]
        engine.update_execution_options(compiled_cache=self._cache)


def _initialized_dialect(engine: Engine) -> Dialect:
    """Return the engine's dialect, which the first connection tells about the server."""
    with engine.connect():
        pass
    engine.dispose()
    return engine.dialect
