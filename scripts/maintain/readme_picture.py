"""README's picture: a photograph, the same deformed, the same with noise of the same norm, and R_f of three networks.

    pip install 'diffstab[plot]'
    python scripts/maintain/readme_picture.py

Writes docs/images/deformation-and-noise.png, and .json with the numbers behind it.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from diffstab import MaxEntropyEnsemble, StreamKeys, deform, load_dataset, load_model, measure
from diffstab.data import EMBEDDED_FOLDER
from diffstab.results import LOWER, set_log_axis
from diffstab.streams import sphere_noise

TARGET = Path(__file__).parents[2] / "docs" / "images" / "deformation-and-noise"
PHOTO = "chelsea.jpg"
DELTA = 6.0  # pixels
NETWORKS = {"fc_l4": "fully connected", "lenet": "LeNet", "resnet18": "ResNet18"}
GRID = 22  # pixels between lines
BLUE, GREY = "#0072b2", "#8a8a8a"


def main() -> None:
    """Draws it and keeps the numbers."""
    with Image.open(EMBEDDED_FOLDER / "photos" / PHOTO) as photo:
        image = torch.from_numpy(np.array(photo)).permute(2, 0, 1).double() / 255
    keys = StreamKeys(0, torch.tensor([0]))
    ensemble = MaxEntropyEnsemble(image.shape[-1], cutoff=3, delta=DELTA)
    field = ensemble.sample(keys, dtype=torch.float64)[0]
    deformed = deform(image, field)
    norm = float((deformed - image).norm())
    noisy = image + norm * sphere_noise(keys, tuple(image.shape))[0]
    lines = torch.ones_like(image[:1])
    lines[:, GRID // 2 :: GRID], lines[:, :, GRID // 2 :: GRID] = 0, 0
    digits = load_dataset("mnist5k")
    found = {name: measure(load_model(name, dataset="mnist5k"), digits, count=500).R for name in NETWORKS}
    numbers = {
        "photo": PHOTO, "side": image.shape[-1], "cutoff": 3, "delta": DELTA, "temperature": ensemble.temperature,
        "norm": norm, "relative_norm": norm / float(image.norm()), "seed": 0,
        "R_f": {name: R._asdict() for name, R in found.items()},
    }  # fmt: skip
    TARGET.with_suffix(".json").write_text(json.dumps(numbers, indent=2) + "\n")
    with_lines = [(image, lines), (deformed, deform(lines, field)), (noisy, lines)]
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.0), layout="constrained", width_ratios=(1, 1, 1, 1.25))
    titles = "an image", "deformed", "noise of the same size"
    for axis, (picture, own), title in zip(axes, with_lines, titles, strict=False):
        axis.imshow((picture * (0.55 + 0.45 * own)).permute(1, 2, 0).clamp(0, 1).numpy())
        axis.set_title(title, fontsize=12)
        axis.set(xticks=[], yticks=[])
    draw_networks(axes[3], found)
    figure.savefig(TARGET.with_suffix(".png"), dpi=100)


def draw_networks(axis: Any, found: dict[str, Any]) -> None:
    """R_f of the networks as bars from the line at 1."""
    for place, (name, R) in enumerate(found.items()):
        axis.barh(place, R.value - 1, left=1, color=BLUE, height=0.5)
        axis.errorbar(R.value, place, xerr=[[R.value - R.low], [R.high - R.value]], color="#222222", capsize=3)
        axis.text(0.05, place - 0.36, NETWORKS[name], fontsize=10, va="bottom", transform=axis.get_yaxis_transform())
    axis.axvline(1, color=GREY, linewidth=1)
    axis.set(yticks=[], ylim=(2.6, -0.75), xlabel=f"$R_f$ ({LOWER})")
    axis.set_xscale("log")
    set_log_axis(axis, "x", (0.03, 10))
    axis.set_title("$R_f$ of three networks", fontsize=12)


if __name__ == "__main__":
    main()
