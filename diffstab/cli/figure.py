"""`diffstab figure`: draws the figures of the paper, each from the rows that its sweep stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..figures import FIGURES, PRESETS, FigureKind, figure_named
from .echo import echo
from .errors import OneLineGroup
from .executors import executor_of, executor_options, listening, tell_failures
from .help import FIGURE_GROUPS, Command
from .options import Decorator, together, where_option
from .progress import saying
from .stores import tell_notes

if TYPE_CHECKING:
    from ..sweep import Job

OWN = "own"  # rows of whatever is in the store
FOLDER, STORE = "figures", "figures/store"
NEEDS_CELLS = "The figure shows trainings and measurements (cells) from --store; --run runs those that are missing.\n\n"

figure_options = together(
    click.option(
        "--preset",
        type=click.Choice((*PRESETS, OWN)),
        default=PRESETS[0],
        show_default=True,
        help="Sweep behind the figure: a small one for two cores (laptop), the paper's (paper), one on FashionMNIST "
        "(fashion), or your own (own), which draws all rows in --store.",
    ),
    click.option(
        "--store",
        type=click.Path(path_type=Path),
        default=STORE,
        show_default=True,
        help="Folder of the stored results, or a CSV file exported from one.",
    ),
    click.option(
        "-o",
        "--output",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        default=FOLDER,
        show_default=True,
        help="Folder for the files NAME.png, NAME.pdf and NAME.csv.",
    ),
    where_option,
    click.option(
        "--run",
        is_flag=True,
        help="Run the missing cells first. The same command continues a run that was stopped.",
    ),
)
options: Decorator = together(figure_options, executor_options)


class Figures(OneLineGroup):
    """A command for each figure, and `all`."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of all figures, then `all`."""
        return [*(kind.name for kind in FIGURES), "all"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Makes the command when it is asked for."""
        return all_figures if name == "all" else figure_command(figure_named(name).name)


@click.group(cls=Figures)
def figure() -> None:
    """Draw the paper's figures and others, each with its points as CSV.

    Most figures need a sweep: a set of trainings and measurements, called cells. --run runs the cells that --store
    lacks; without --run, a figure shows those that it has.

    \b
    Examples:
      diffstab figure fig05-error --run
      diffstab figure all --preset own --store results
    """


def figure_command(name: str) -> click.Command:
    """Makes the command of one figure, for the group and for scripts."""
    kind = figure_named(name)

    @click.command(
        name,
        cls=Command,
        groups=FIGURE_GROUPS,
        help=f"{kind.title}.\n\n{NEEDS_CELLS * bool(kind.sweeps)}"
        f"\b\nExample:\n  diffstab figure {name}{' --run' * bool(kind.sweeps)}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @options
    def command(**asked: Any) -> None:
        make(kind, **asked)

    return command


@click.command("all", cls=Command, groups=FIGURE_GROUPS)
@options
def all_figures(**asked: Any) -> None:
    """Draw every figure that --preset has. The exit status is 1 if one can't be drawn.

    \b
    Example:
      diffstab figure all --preset own --store results
    """
    failed = 0
    for kind in FIGURES:
        if asked["preset"] not in (*kind.presets, OWN):
            continue
        echo(f"{kind.name}: {kind.title}", err=True)
        try:
            make(kind, **asked)
        except ValueError as error:
            failed += 1
            echo(f"not drawn: {error}", err=True)
    click.get_current_context().exit(1 if failed else 0)


def make(kind: FigureKind, *, preset: str, store: Path, output: Path, filters: tuple[str, ...], **rest: Any) -> None:
    """Runs missing cells if asked to, draws the figure, and writes its files."""
    from ..figures import require_matplotlib
    from ..figures.drawing import stem_of
    from ..writing import make_folder

    require_matplotlib()
    if preset not in (*kind.presets, OWN):
        raise ValueError(f"{kind.name} has no preset {preset!r}; allowed: {', '.join((*kind.presets, OWN))}")
    make_folder(output)
    stem = stem_of(output / kind.name)
    rows = _rows(kind, preset, store, rest) if kind.sweeps else []
    with saying(f"drawing {kind.name}"):
        if kind.sweeps:
            drawn = kind.draw(rows, filters)
        else:
            drawn = kind.draw_without_rows(preset if preset != OWN else PRESETS[0])
    for note in drawn.notes:
        echo(f"note: {note}", err=True)
    with saying(f"writing {kind.name}"):
        _write(kind, drawn, stem, {"preset": preset, "filters": filters})


def _rows(kind: FigureKind, preset: str, path: Path, rest: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the preset's sweeps, with a note on missing ones; all rows for the preset `own`."""
    from ..sweep import read_spec

    if preset == OWN:
        if rest["run"]:
            raise ValueError("preset is own and there is --run; run your own sweep with diffstab sweep, then draw")
        return _all_rows(path)
    jobs = [job for file in kind.sweep_files(preset) for job in read_spec(file, confirm_above=None).jobs]
    if rest.pop("run"):
        _run(jobs, path, rest)
    found = _rows_of({job.id for job in jobs}, path) if path.exists() else {}
    done = sum(row["status"] == "done" for row in found.values())
    how = f"diffstab figure {kind.name} --preset {preset} --store {path} --run"
    if not done:
        raise ValueError(f"{str(path)!r} has none of the {len(jobs)} cells behind {kind.name}; make them with {how}")
    if len(found) < len(jobs):
        echo(f"note: {len(jobs) - len(found)} of {len(jobs)} cells are missing; make them with {how}", err=True)
    return list({row["key"]: row for row in found.values()}.values())


def _rows_of(jobs: set[str], path: Path) -> dict[str, dict[str, Any]]:
    """Rows by job, of those jobs that have one."""
    from ..store import Store

    if not path.is_dir():
        return {row["job"]: row for row in _all_rows(path) if row.get("job") in jobs}
    store = Store(path)
    tell_notes(store)
    store.close()
    return {job: store.row_of(job) for job in jobs if store.status(job)}


def _all_rows(path: Path) -> list[dict[str, Any]]:
    from ..figures.points import read_rows

    rows, notes = read_rows(path)
    for note in notes:
        echo(f"note: {note}", err=True)
    return rows


def _run(jobs: "list[Job]", path: Path, where: dict[str, Any]) -> None:
    from ..store import Store
    from ..sweep import run_sweep, share_of

    if where["shard"] is not None:
        jobs = share_of(jobs, where["shard"])
    target = Store(path, create=True)
    tell_notes(target)
    with listening() as listener:
        progress = run_sweep(jobs, target, executor_of(where), listener=listener)
    tell_notes(target)
    target.close()
    tell_failures(progress)


def _write(kind: FigureKind, drawn: Any, stem: Path, asked: dict[str, Any]) -> None:
    """Writes the files with their provenance, and prints one line on stdout."""
    from ..figures.drawing import table_csv, write_files
    from ..provenance import git_commit, versions

    origin = {"diffstab": versions()["diffstab"], "git_commit": git_commit(), **asked, "setting": drawn.setting}
    for path in write_files(stem, drawn.figure, table_csv(drawn.table), title=kind.title, origin=origin):
        echo(path, err=True)
    echo(f"{kind.name}: {summary(drawn.table, drawn.setting)}")


def summary(table: list[dict[str, Any]], setting: dict[str, Any]) -> str:
    """Describes the drawn points in one line."""
    networks = len({line["model"] for line in table if "model" in line})
    told = [f"{networks} network{'s' * (networks > 1)}"] if networks else []
    told.append(f"{len(table)} point{'s' * (len(table) > 1)}")
    if "images" in setting:
        parts = [str(setting[name]) for name in ("dataset", "split") if setting.get(name) is not None]
        source = f" of {'/'.join(parts)}" if "dataset" in setting else ""
        told.append(f"{setting['images']} images{source}")
    from ..results import shown

    told += [f"{name} = {shown(setting[name])}" for name in ("cutoff", "delta") if setting.get(name) is not None]
    return "; ".join([*told, *([str(setting["average"])] if "average" in setting else [])])
