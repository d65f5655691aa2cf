"""The network and the images of a measurement by name, with the preprocessing between them."""

import json
from dataclasses import dataclass
from typing import Any

from ..checks import a_number, a_text, channel_values, crop_share, key_values, true_or_false
from .base import CommandOptions
from .choices import DEFAULT_DATASET, DEFAULT_MODEL, DEFAULT_SPLIT, MOST_OUTPUTS, WEIGHTS
from .data_names import DATASETS, EMBEDDED, SPLITS, dataset_named, split_named
from .setting import Role, Whole, setting

FROM_WEIGHTS = "[default: from the weights or the data set]"
ELSEWHERE = ", ".join(name for name in DATASETS if name not in (*EMBEDDED, "folder"))  # not in the package
TRUST = (
    "Name of code, a file, a folder or a hub network that may be loaded although only a stored row, a sweep or a "
    "config.json asks for it. Repeat the option for several."
)


@dataclass(frozen=True, kw_only=True)
class NamedOptions(CommandOptions):
    """The network and the images of a measurement by name, and the preprocessing that leads from one to the other."""

    # fmt: off
    model: str = setting(DEFAULT_MODEL,
        "Network to measure: NAME, paper:NAME, timm:NAME[.TAG], torchvision:NAME[@WEIGHTS], hf-hub:USER/NAME, "
        "local-dir:PATH, transformers:NAME (USER/NAME on the hub, or a folder), onnx:FILE, or your own code as "
        "MODULE:CALLABLE or FILE.py:CALLABLE. `diffstab models` lists names.",
        roles=Role.COLUMN | Role.FIRST)
    num_classes: int | None = setting(None, f"Number of outputs of the network.  {FROM_WEIGHTS}",
        Whole(1, MOST_OUTPUTS))
    in_chans: int | None = setting(None, f"Number of channels of the network's input.  {FROM_WEIGHTS}",
        Whole(1, MOST_OUTPUTS))
    model_kwargs: str | None = setting(None,
        "Argument for the network's constructor, for example depth=12. Repeat the option for several.",
        key_values, metavar="NAME=VALUE", several=True)
    dataset: str = setting(DEFAULT_DATASET,
        f"Images: {' or '.join(EMBEDDED)}, in the package; {ELSEWHERE}, in the folder --data-dir; `folder`, your "
        "own images in --data-dir; or hfds:NAME of the library `datasets` (USER/NAME on the hub, or a folder).",
        lambda name, value: dataset_named(a_text(name, value)), roles=Role.COLUMN | Role.COMPARED | Role.FIRST)
    data_dir: str | None = setting(None, "Folder of the data set, unless it comes with the package.",
        path=True, roles=Role.COLUMN | Role.BESIDE | Role.FIRST)
    download: bool = setting(False, "Download the data set into --data-dir if it is missing there.",
        true_or_false, roles=Role.EXECUTION | Role.ASIDE)
    split: str = setting(DEFAULT_SPLIT,
        f"Part of the data set: {', '.join(SPLITS)}, or another usual name such as validation.",
        lambda name, value: split_named(a_text(name, value)), roles=Role.COLUMN | Role.COMPARED | Role.FIRST)
    weights: str = setting("pretrained",
        "Weights of the network: published ones (pretrained), or random ones as before training (init).",
        allowed=WEIGHTS, roles=Role.RULES | Role.FIRST)
    checkpoint: str | None = setting(None, "File with your trained weights; replaces --weights.",
        path=True, roles=Role.RULES | Role.ASKED | Role.FIRST)
    weights_key: str | None = setting(None,
        "Key of the state dict inside --checkpoint if it holds several, for example state_dict_ema.",
        metavar="KEY", roles=Role.ASKED)
    img_size: int | None = setting(None, f"Side of the network's square input, in pixels.  {FROM_WEIGHTS}",
        Whole(2), roles=Role.ASKED)
    crop_pct: float | None = setting(None,
        f"Share of the resized image's side that the central crop keeps, for example 0.875.  {FROM_WEIGHTS}",
        lambda name, value: crop_share(name, a_number(name, value)), roles=Role.ASKED)
    mean: str | None = setting(None,
        f"Mean per channel that is subtracted from pixel values in [0, 1].  {FROM_WEIGHTS}",
        channel_values, metavar="M[,M,M]", roles=Role.ASKED)
    std: str | None = setting(None,
        "Standard deviation per channel that pixel values in [0, 1] are divided by, after the mean is subtracted.  "
        f"{FROM_WEIGHTS}",
        channel_values, metavar="S[,S,S]", roles=Role.ASKED)
    exif_orientation: bool = setting(False, "Rotate image files upright, as their EXIF tag says.",
        true_or_false, roles=Role.BESIDE | Role.ASKED)
    # fmt: on

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments in `model_kwargs` by name."""
        found: dict[str, Any] = json.loads(self.model_kwargs) if self.model_kwargs else {}
        return found

    @property
    def override(self) -> dict[str, Any]:
        """The preprocessing that was asked for: size, crop, mean, std and orientation."""
        mean, std = (text and tuple(map(float, text.split(","))) for text in (self.mean, self.std))
        turned = {"exif_orientation": True} if self.exif_orientation else {}
        return {"img_size": self.img_size, "crop_pct": self.crop_pct, "mean": mean, "std": std, **turned}

    def _check_arguments(self) -> None:
        """Refuses arguments of the network that have an option of their own."""
        for name in ("num_classes", "in_chans"):
            if name in self.arguments:
                raise ValueError(f"model_kwargs has {name}; give it as --{name.replace('_', '-')}")
