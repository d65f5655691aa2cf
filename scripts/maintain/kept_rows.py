"""Rows behind docs/predicting-error.md: the sweeps of each table in pretrained/, and the code that writes it.

A table has all cells of its sweeps, including failed ones, in the order of the sweeps' files: trainings with their
error on all test images, and measurements before and after training.
"""

from collections.abc import Sequence
from pathlib import Path

from diffstab.figures import sweep_file
from diffstab.figures.points import read_rows
from diffstab.store import Store, exported, is_measured
from diffstab.sweep import Spec, read_spec
from diffstab.writing import write_atomically

PRETRAINED = Path(__file__).parents[2] / "pretrained"
FOLDER = sweep_file("zoo", "laptop").parent
ZOO = {path.name.split(".")[1]: path for path in sorted(FOLDER.glob("zoo.*.yaml"))}
KEPT = {  # names of tables, and of their sweeps' files
    "zoo-mnist5k": ("zoo.laptop",),
    "zoo-mnist5k-measure": ("zoo.laptop-measure", "fields.laptop"),
    "zoo-fashionmnist": ("zoo.fashion",),
    "zoo-fashionmnist-half": ("zoo.fashion-half",),
    "zoo-fashionmnist-twice": ("zoo.fashion-twice",),
    "zoo-fashionmnist-measure": ("zoo.fashion-measure", "fields.fashion"),
    "zoo-fashionmnist-more": ("zoo.fashion-more",),
    "zoo-fashionmnist-size": ("training-set-fashionmnist.fashion",),
}


def specs_of(table: str) -> list[Spec]:
    """Reads the sweeps of a table."""
    zoos = {f"zoo.{name}": path for name, path in ZOO.items()}
    return [read_spec(zoos.get(name, FOLDER / f"{name}.yaml"), confirm_above=None) for name in KEPT[table]]


def keep_rows(stores: Sequence[Store], *, some: bool = False) -> list[str]:
    """Writes the tables whose cells are all in the stores, and returns one message per table with cells there.

    Args:
        stores: Stores that are searched for the cells, in turn.
        some: Write incomplete tables too, if they have a measurement of a trained network. Cells that are in no store
            keep their rows, so that sweeps on several machines add up.
    """
    told = []
    for table in KEPT:
        path = PRETRAINED / f"{table}.csv"
        jobs = list(dict.fromkeys(job.id for spec in specs_of(table) for job in spec.jobs))
        new = {job: found[0] for job in jobs if (found := [store.row_of(job) for store in stores if store.status(job)])}
        known = {row["job"]: row for row in read_rows(path)[0]} | new if some and path.exists() else new
        rows = [known[job] for job in jobs if job in known]
        measured = any(is_measured(row) and row["weights"] != "init" for row in rows)
        keeps = len(rows) == len(jobs) or (some and measured)
        if keeps and new:
            write_atomically(path, exported(rows, "csv"))
        if new:
            told.append(f"{table}.csv: {len(rows)} of {len(jobs)} cells{'' if keeps else ', not kept'}")
    return told
