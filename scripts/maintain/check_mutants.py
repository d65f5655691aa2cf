"""Plant small faults in the core (settings, fields, statistics), one at a time, and count those that the tests notice.

    python scripts/maintain/check_mutants.py --output docs/mutants.csv

The script works on copies of the tree. A fault is noticed if a test fails or takes too long. The module's own tests run
first, then tests of code that uses the module. The table lists each fault that no test noticed.
"""

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click
from mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
CORE = {
    "options/setting": "options/setting options/measure options/train sweep/schema",
    "options/base": "options/setting options/measure options/train",
    "results/row_columns": "results/row_columns store/schema results/result",
    "fields/ensemble": "fields/ensemble transforms/law measuring/closed_forms",
    "fields/modes": "fields/ensemble transforms/law",
    "fields/field": "fields/field fields/inverse fields/ensemble measuring/closed_forms",
    "fields/points": "fields/points fields/inverse transforms/boxes_and_keypoints",
    "fields/bilinear": "fields/deformation_in_parts fields/deformation measuring/closed_forms",
    "fields/gaussian": "fields/deformation fields/deformation_in_parts",
    "fields/deformation": "fields/deformation fields/deformation_in_parts fields/deform_labels fields/inverse",
    "statistics/averages": "statistics/estimates statistics/mean_ratio statistics/comparison statistics/samples",
    "statistics/estimates": "statistics/estimates statistics/radius statistics/mean_ratio measuring/closed_forms "
    "results/result",
    "statistics/correlation": "statistics/correlation statistics/estimates",
    "statistics/mean_ratio": "statistics/mean_ratio statistics/comparison statistics/estimates",
    "statistics/intervals": "statistics/intervals statistics/mean_ratio statistics/correlation statistics/estimates",
    "statistics/comparison": "statistics/comparison statistics/ranks statistics/samples",
    "statistics/samples": "statistics/samples statistics/comparison",
}
"""Tests that should notice faults, by module; the module's own tests come first."""
MADE = {"figures", "results", "zoo", "runs", "build", "dist"}
PRELOADED = ["torch", "torchvision.transforms.v2", "pytest", "PIL.Image", "click.testing"]
SECONDS = 150  # limit for the tests of one fault; they take 5 to 40


def test_of(name: str) -> str:
    """Returns the path below tests/ of the tests with this name.

    >>> test_of("fields/modes")
    'fields/test_modes.py'
    """
    room, _, file = name.partition("/")
    return f"{room}/test_{file}.py"


def left_out(folder: str, names: list[str]) -> set[str]:
    """Returns the names that a copy leaves out: hidden, cached or generated files."""
    return {n for n in names if n.startswith((".", "__py"))} | (MADE if Path(folder) == ROOT else set())


def tested(tree: Path, tests: Sequence[str]) -> None:
    """Runs pytest on files of a tree, and ends this process with its status."""
    import pytest

    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ.update(PYTHONPATH=str(tree), OMP_NUM_THREADS="1")
    told = os.open(tree.parent / "told.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(told, 1)
    os.dup2(told, 2)
    os._exit(pytest.main(["-x", "-q", "--tb=no", "--hypothesis-profile=unshrunk", "-p", "no:cacheprovider", *tests]))


def status(tree: Path, tests: Sequence[str]) -> int | None:
    """Runs pytest on files of a tree in a new process; returns its status, None if it took too long."""
    process: Any = get_context("forkserver").Process(target=tested, args=(tree, tests))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return int(process.exitcode)


def noticed(module: str, trees: "SimpleQueue[Path]", mutant: Mutant) -> bool:
    """Plants a fault in a free tree; returns True if a test of the module fails."""
    tree = trees.get()
    path = tree / "diffstab" / f"{module}.py"
    sound = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutant.source, encoding="utf-8")
        for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            cached.unlink()  # Python would take it for a file of the same size and second
        own, *others = [f"tests/{test_of(name)}" for name in CORE[module].split()]
        return status(tree, [own, f"diffstab/{module}.py"]) != 0 or status(tree, others) != 0
    finally:
        path.write_text(sound, encoding="utf-8")
        trees.put(tree)


def planted(module: str, every: int, survivors: Path | None) -> list[Mutant]:
    """Returns the module's faults to plant: every n-th one, and only those in the table of an earlier run if given."""
    found = list(mutants((ROOT / "diffstab" / f"{module}.py").read_text(encoding="utf-8")))[::every]
    if survivors is None:
        return found
    with survivors.open(encoding="utf-8", newline="") as table:
        known = {(row["module"], row["before"], row["after"]) for row in csv.DictReader(table)}
    return [mutant for mutant in found if (module, mutant.before, mutant.after) in known]


def checked(
    module: str, found: Sequence[Mutant], trees: "SimpleQueue[Path]", pool: ThreadPoolExecutor
) -> list[dict[str, Any]]:
    """Returns a line with counts per fault that no test noticed; one line with counts alone if there is none."""
    survivors = []
    for k, (mutant, dead) in enumerate(zip(found, pool.map(partial(noticed, module, trees), found), strict=True), 1):
        click.echo(f"\r{module}: {k} of {len(found)}, not noticed: {len(survivors)} ", nl=False, err=True)
        if not dead:
            click.echo(f"\n{mutant.line}: {mutant.before} -> {mutant.after}", err=True)
            survivors.append({"line": mutant.line, "before": mutant.before, "after": mutant.after})
    click.echo(err=True)
    share = 100 * (1 - len(survivors) / max(1, len(found)))
    click.echo(f"{module}: {len(found) - len(survivors)} of {len(found)} noticed, {share:.1f} %")
    counts = {"module": module, "faults": len(found), "noticed": len(found) - len(survivors)}
    return [{**counts, **one} for one in survivors or [{"line": None, "before": None, "after": None}]]


@click.command()
@click.argument("modules", nargs=-1, type=click.Choice(list(CORE)))
@click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="Plant only every n-th fault.")
@click.option("--survivors", type=click.Path(exists=True, path_type=Path), help="Plant only the faults in this table.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1))
@click.option("--output", type=click.Path(path_type=Path), help="Also write counts and survivors to this CSV file.")
def main(modules: tuple[str, ...], every: int, survivors: Path | None, jobs: int, output: Path | None) -> None:
    """Plant faults in MODULES (default: the whole core) and count those that tests notice."""
    get_context("forkserver").set_forkserver_preload(PRELOADED)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for k in range(jobs):
            trees.put(Path(shutil.copytree(ROOT, Path(scratch) / str(k) / ROOT.name, ignore=left_out)))
        for module in modules or CORE:
            tests = [f"tests/{test_of(name)}" for name in CORE[module].split()]
            tree = trees.get()
            if status(tree, tests) != 0:
                raise click.ClickException(f"the tests of {module} fail before any fault is planted; mend them first")
            trees.put(tree)
            rows += checked(module, planted(module, every, survivors), trees, pool)
    if output is not None:
        from diffstab.figures.drawing import table_csv
        from diffstab.writing import write_atomically

        write_atomically(output, table_csv(rows))


if __name__ == "__main__":
    main()
