"""Train the networks of the paper's central figure and measure them before and after training, into a store.

    python scripts/train_zoo.py --preset laptop --store zoo
    python scripts/plot_error_vs_rf.py zoo -o zoo.png

If it is stopped at any point, the same command continues. The presets in diffstab/figures/paper/presets are
zoo.laptop.yaml (an hour on two cores), zoo.fashion.yaml (half a day) and zoo.paper.yaml (for GPUs). The other
zoo.*.yaml there train fewer epochs or further networks, or measure with other settings. Every option of
`diffstab sweep` works here, such as --executor ray. With --keep the first seed's weights and all rows are copied to
pretrained/.
"""

import sys

import click
from maintain.keep_checkpoint import keep
from maintain.kept_rows import ZOO, keep_rows
from safetensors.torch import load_file

from diffstab.cli import OneLineErrors
from diffstab.cli import main as diffstab
from diffstab.store import Row, Store
from diffstab.sweep import read_spec

# Kept of data other than the digits: the least and the most stable one, and one of each kind between them.
TELLING = "fc_l4 lenet vgg11-w0.25 vgg16_bn-w0.25 efficientnet_b0-w0.25 resnet18-w0.25".split()


@click.command(
    cls=OneLineErrors, context_settings={"ignore_unknown_options": True, "show_default": True, "max_content_width": 120}
)
@click.option("--preset", type=click.Choice(list(ZOO)), default="laptop")
@click.option("--store", metavar="DIR", required=True, help="Folder of the store for rows, raw values and weights.")
@click.option("--keep", "keeps", is_flag=True, help="At the end, copy the first seed's weights to pretrained/.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(preset: str, store: str, keeps: bool, options: tuple[str, ...]) -> None:
    """Train and measure the networks of a preset. OPTIONS are passed to `diffstab sweep`."""
    status = diffstab(["sweep", str(ZOO[preset]), "--store", store, *options], standalone_mode=False)
    if status:
        sys.exit(status)
    if keeps:
        keep_first_seed(Store(store), preset)
        keep_rows([Store(store)])


def keep_first_seed(store: Store, preset: str) -> None:
    """Copies the weights of each network's first seed to pretrained/; of presets but laptop those of six networks."""
    wanted = {job.id for job in read_spec(ZOO[preset], confirm_above=None).jobs}
    rows = [row for row in store.rows() if row["job"] in wanted and row.get("weights") == "train"]
    training = {row["training"]["job"]: row["training"] for row in rows}
    first = min(recipe["seed"] for recipe in training.values())
    for job, recipe in training.items():
        if recipe["seed"] == first and (preset == "laptop" or recipe["model"] in TELLING):
            row: Row = store.row_of(job)
            options = {name: value for name, value in recipe.items() if name != "job"}
            origin = {name: row[name] for name in ("versions", "git_commit")}
            keep(load_file(store.weights(row)), options, origin)


if __name__ == "__main__":
    main()
