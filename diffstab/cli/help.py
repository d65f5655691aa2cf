"""The class of every command: help in groups, and the network as first word.

The last section, `Options`, has the options that no group names, which are all options of a short command.
"""

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from ..options import PHOTOS, MeasureOptions, settings_of
from .errors import OneLineErrors

# Sections of each command's help, in order: the parameters of their options. A newer setting names its section itself.
NETWORK = "model weights checkpoint weights_key num_classes in_chans model_kwargs trust"
DATA = "dataset data_dir download"
CELLS = "executor jobs threads shard ray_address cpus_per_job gpus_per_job"
MEASURE_GROUPS = {
    "Network": NETWORK,
    "Data": f"{DATA} split img_size crop_pct mean std exif_orientation",
    "Deformation and noise": "delta delta_share temperature cutoff interpolation convention cutoff_rule delta_rule "
    "transform noise_radius noise_norm changed_dir worst ascent_steps ascent_starts",
    "Statistics": "images draws until_precision seed average resamples layers with_init batch_norm",
    "Speed": "device batch_size workers precision amp channels_last compile",
    "Output": "store from_row output report as_json",
    "Gate": "fail_above baseline fail_if margin",
}
TRAIN_GROUPS = {
    "Network": "model start trust",
    "Data": f"{DATA} train_size label_noise translate flip diffeo_temperature diffeo_cutoff diffeo_cutoff_rule",
    "Training": "recipe epochs seed loss penalty alpha select holdout ema stability_images",
    "Optimiser": "optimizer lr head_lr momentum weight_decay decay_vectors batch_size schedule cosine_span gamma",
    "Speed": "device bfloat16 channels_last compile",
    "Output": "output resume tensorboard wandb as_json",
}
SWEEP_GROUPS = {"Sweep": "store example dry_run trust yes retry_failed as_json", "Where cells run": CELLS}
FIGURE_GROUPS = {"Figure": "preset store filters output", "Cells that are missing": f"run {CELLS}"}

PHOTOS_TOLD = "Photographs of the package: " + "; ".join(f"{name} ({of})" for name, of in PHOTOS.items()) + "."


class Command(OneLineErrors):
    """A command whose help lists options in groups, and whose argument `network` sets `--model`."""

    def __init__(self, *args: Any, groups: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.groups = groups or {}

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each group, then one for the other options."""
        records = {
            one.name: one.get_help_record(context) for one in self.get_params(context) if isinstance(one, click.Option)
        }
        named = {title: names.split() for title, names in self.groups.items()}
        for one in settings_of(MeasureOptions).values():
            named.get(one.section, []).append(one.name)
        sections = {title: [records.pop(name, None) for name in names] for title, names in named.items()}
        for title, lines in {**sections, "Options": list(records.values())}.items():
            shown = [line for line in lines if line]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Sets `model` from the argument `network`.

        Raises:
            ValueError: If the argument and --model are given and differ.
        """
        rest = super().parse_args(context, args)
        word = context.params.pop("network", None)
        if word is not None:
            option = context.params["model"]
            if context.get_parameter_source("model") == ParameterSource.COMMANDLINE and option != word:
                raise ValueError(f"the network is {word!r} and --model is {option!r}; give one of the two")
            context.params["model"] = word
            context.set_parameter_source("model", ParameterSource.COMMANDLINE)
        return rest
