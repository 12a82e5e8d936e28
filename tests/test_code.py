"""Rules over the tree itself: nothing runs away, only the edges commit, every setting and command
is documented.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from mydia_web.cli import main
from mydia_web.config import Settings
from mydia_web.sources.registry import KINDS

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mydia_web").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """The name and length of each function, from its `def` to its last line."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                f"{module.relative_to(ROOT)}:{node.name}",
                (node.end_lineno or node.lineno) - node.lineno + 1,
            )


def lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_functions_are_short():
    lengths = dict(found for module in MODULES for found in functions(module))
    assert {name: length for name, length in lengths.items() if length > 50} == {}


def test_files_are_short():
    sizes = {str(module.relative_to(ROOT)): lines(module) for module in MODULES}
    assert {name: size for name, size in sizes.items() if size > 500} == {}


def test_templates_are_short():
    sizes = {str(template.relative_to(ROOT)): lines(template) for template in TEMPLATES}
    assert {name: size for name, size in sizes.items() if size > 80} == {}


def test_lines_of_templates_are_short():
    long = [
        f"{template.relative_to(ROOT)}:{number}"
        for template in TEMPLATES
        for number, line in enumerate(template.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > 120
    ]
    assert long == []


def test_templates_write_no_addresses_by_hand():
    by_hand = re.compile(r"""script_root|(?:href|action|src|hx-[a-z]+)=["']/""")
    found = [
        str(template.relative_to(ROOT))
        for template in TEMPLATES
        if by_hand.search(template.read_text(encoding="utf-8"))
    ]
    assert found == []


def nodes(module: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of the module's code with the place where it stands."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        yield f"{module.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def is_packing(node: ast.AST) -> bool:
    """`a, b = x, y`: two thoughts in one line."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
        return False
    return isinstance(node.targets[0], ast.Tuple)


def is_tangled_choice(node: ast.AST) -> bool:
    """A conditional expression within another, or `x or y if c else z`."""
    if not isinstance(node, ast.IfExp):
        return False
    parts = (node.test, node.body, node.orelse)
    has_another = any(isinstance(part, ast.IfExp) for part in parts)
    return has_another or isinstance(node.body, ast.BoolOp) or isinstance(node.orelse, ast.BoolOp)


def is_positional_record(node: ast.AST) -> bool:
    """A dataclass of more than three fields that could be filled by their order."""
    if not isinstance(node, ast.ClassDef):
        return False
    fields = [
        part
        for part in node.body
        if isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part.annotation)
    ]
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    dataclasses = [words for words in decorators if words.startswith("dataclass")]
    is_by_name = any("kw_only=True" in words for words in dataclasses)
    return bool(dataclasses) and len(fields) > 3 and not is_by_name


def is_typing_only(node: ast.AST) -> bool:
    """An import for type checkers alone, which hides a circle."""
    return isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"


@pytest.mark.parametrize(
    "rule", [is_packing, is_tangled_choice, is_positional_record, is_typing_only]
)
def test_one_thought_a_line(rule):
    assert [place for module in MODULES for place, node in nodes(module) if rule(node)] == []


def test_few_conditional_expressions():
    """An `if` with two returns reads better: at most ten in 1,000 lines of code."""
    choices = sum(isinstance(node, ast.IfExp) for module in MODULES for _, node in nodes(module))
    assert choices <= sum(map(lines, MODULES)) / 100


def test_only_the_edges_commit():
    edges = (
        "web",
        "cli",
        "sync/service.py",
        "sync/clients.py",
        "sync/inbound/run_pull.py",
        "sync/inbound/reading.py",
        "sync/inbound/inbox.py",
        "sync/inbound/listen.py",
        "sync/outbound/worker.py",
        "sync/outbound/connections.py",
        "sync/outbound/quarantine.py",
    )
    inside = [
        m for m in MODULES if not m.relative_to(ROOT / "mydia_web").as_posix().startswith(edges)
    ]
    committing = [
        str(module) for module in inside if "session.commit()" in module.read_text(encoding="utf-8")
    ]
    assert committing == []


def test_layers_are_kept():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def documentation() -> str:
    return "\n".join(doc.read_text(encoding="utf-8") for doc in DOCS)


@pytest.mark.parametrize("setting", [setting.name for setting in fields(Settings)])
def test_every_setting_is_documented(documentation, setting):
    assert f"`MYDIA_{setting.upper()}`" in documentation


def commands() -> Iterator[str]:
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {part}" for part in command.commands)
        else:
            yield name


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(documentation, command):
    assert f"mydia-web {command}" in documentation


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_is_documented(documentation, kind):
    assert f"`{kind}`" in documentation
