"""The long checks' scripts: planted faults, the errors' page, the pins of the oldest versions."""

import ast

import check_mutants
import list_errors
import lowest_versions
import pytest
import yaml
from mutations import mutants

pytestmark = pytest.mark.slow

CURES = yaml.safe_load(list_errors.CURES.read_text(encoding="utf-8"))
SOURCE = '''
"""Text."""

import math


def clipped(x: float = 1.5, *, rule: str = "up") -> float:
    """More text, 3."""
    if x < 0 and rule not in ("up", "down"):
        raise ValueError(f"rule is {rule!r}; up or down is needed, not {3}")
    check(x)
    return -max(x, 0) if rule == "up" else math.sin(x) ** 2
'''


def test_faults_are_one_line_each_and_compile():
    found = list(mutants(SOURCE))
    whole = ast.unparse(ast.parse(SOURCE)).splitlines()
    assert len(found) == len({mutant.source for mutant in found}) > 20
    for mutant in found:
        ast.parse(mutant.source)
        lines = mutant.source.splitlines()
        assert len(lines) == len(whole)
        ((before, after),) = [pair for pair in zip(whole, lines, strict=True) if pair[0] != pair[1]]
        assert (before.strip(), after.strip()) == (mutant.before, mutant.after)
        assert "Text" not in before
        assert "rule is" not in after


def test_faults_are_of_every_kind():
    after = {mutant.after for mutant in mutants(SOURCE)}
    assert {
        "def clipped(x: float=3.0, *, rule: str='up') -> float:",
        "if x < 0 or rule not in ('up', 'down'):",
        "if x <= 0 and rule not in ('up', 'down'):",
        "if x < 1 and rule not in ('up', 'down'):",
        "if x < 0 and rule in ('up', 'down'):",
        "if x < 0 and rule not in ('up?', 'down'):",
        "if not (x < 0 and rule not in ('up', 'down')):",
        "pass",
        "return None",
        "return +max(x, 0) if rule == 'up' else math.sin(x) ** 2",
        "return -min(x, 0) if rule == 'up' else math.sin(x) ** 2",
        "return -max(x, 0) if not rule == 'up' else math.sin(x) ** 2",
        "return -max(x, 0) if rule == 'up' else math.cos(x) ** 2",
        "return -max(x, 0) if rule == 'up' else math.sin(x) * 2",
    } <= after


@pytest.mark.parametrize(("body", "expected"), [("assert True", 0), ("assert False", 1), ("while True: pass", None)])
def test_a_fault_is_noticed_by_failing_or_by_not_ending(body, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(check_mutants, "SECONDS", 30 if expected is not None else 6)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    assert check_mutants.status(tmp_path / "tree", ["test_it.py", "--hypothesis-profile=default"]) == expected


def test_tests_of_the_core_are_there():
    for module, tests in check_mutants.CORE.items():
        assert (list_errors.ROOT / "diffstab" / f"{module}.py").exists()
        assert all((list_errors.ROOT / "tests" / check_mutants.test_of(name)).exists() for name in tests.split())


def test_every_error_says_what_to_do_and_stands_under_a_heading():
    page = list_errors.page()
    assert page.count("\n## ") == len(list_errors.PLACES)
    for told in list_errors.messages():
        cause, cure = list_errors.told(told.message, CURES)
        assert f"| {list_errors.shown(cause)} | {list_errors.shown(cure)} |" in page


def test_an_error_without_a_cure_is_told():
    assert list_errors.told("x is ‹x›; give y", {}) == ("x is ‹x›", "give y")
    assert list_errors.told("x is ‹›", {"x is …": "mend it"}) == ("x is …", "mend it")
    with pytest.raises(ValueError, match="no cure for 'x is ‹x›'"):
        list_errors.told("x is ‹x›", {})


def test_pins_are_the_lower_bounds():
    project = {"dependencies": ["b>=2", "a"], "optional-dependencies": {"x": ["c>=1.0", "b>=2", "d[x]"]}}
    assert lowest_versions.pins(project) == ["b==2", "c==1.0"]
