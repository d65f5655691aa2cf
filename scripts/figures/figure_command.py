"""What the scripts that draw a figure from a store's rows share: their options, files and errors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import diffstab
from diffstab.cli.errors import OneLineErrors
from diffstab.cli.tables import shown
from diffstab.figures import require_matplotlib
from diffstab.figures.files import stem_of, table_csv, write_files
from diffstab.figures.rows import read_rows
from diffstab.provenance import git_commit

Draw = Callable[[list[dict[str, Any]], Sequence[str]], Any]  # from rows and filters to `figures.lines.Drawn`


def figure_command(draw: Draw, title: str, about: str) -> click.Command:
    """A command that draws RESULTS into files.

    Args:
        draw: Is called when matplotlib is known to be there.
        title: Of the figure.
        about: The script's own text, for its help.
    """

    @click.command(cls=OneLineErrors, help=about, context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("results", type=click.Path(path_type=Path))
    @click.option("-o", "--output", metavar="FIGURE", type=click.Path(path_type=Path), required=True)
    @click.option("--where", "filters", metavar="FILTER", multiple=True, help="Only these rows, as 'model=resnet*'.")
    def main(results: Path, output: Path, filters: tuple[str, ...]) -> None:
        require_matplotlib()
        stem = stem_of(output)
        rows, notes = read_rows(results)
        drawn = draw(rows, filters)
        for note in [*notes, *drawn.notes]:
            click.echo(f"note: {note}", err=True)
        origin = {"diffstab": diffstab.__version__, "git_commit": git_commit(), "filters": filters}
        origin["setting"] = drawn.setting
        for path in write_files(stem, drawn.figure, table_csv(drawn.table), title=title, origin=origin):
            click.echo(path, err=True)
        click.echo(summary(drawn.table, drawn.setting))

    return main


def summary(table: Sequence[dict[str, Any]], setting: dict[str, Any]) -> str:
    """What was drawn, in one line."""
    networks = len({line["model"] for line in table})
    told = [f"{networks} network{'s' * (networks > 1)}, {len(table)} points"]
    told.append(f"{setting.get('images', '?')} images of {setting.get('dataset')}/{setting.get('split')}")
    told += [f"{name} = {shown(setting[name])}" for name in ("cutoff", "delta") if name in setting]
    return "; ".join([*told, str(setting.get("average"))])
