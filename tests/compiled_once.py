"""Compile templates and routes once per process, not once for the application of each test.

Each test has an application of its own, because tests change its configuration. Compiling its
templates and its 90 routes anew was two thirds of the CPU time of a test of a page.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
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

    _builders: dict[tuple[object, ...], Callable[..., Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]
