"""The README's picture: a photograph, the same deformed, and the same with noise of the same norm.

    pip install 'diffstab[plot]'
    python scripts/maintain/readme_picture.py

Writes docs/images/deformation-and-noise.png, and .json with the numbers behind it.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from diffstab import MaxEntropyEnsemble, StreamKeys, deform
from diffstab.data import EMBEDDED_FOLDER
from diffstab.streams import sphere_noise

TARGET = Path(__file__).parents[2] / "docs" / "images" / "deformation-and-noise"
PHOTO = "chelsea.jpg"
DELTA = 4.0  # pixels
ARROWS = 20  # pixels between the starts of arrows
ENLARGED = 4  # arrows are drawn that much longer


def main() -> None:
    with Image.open(EMBEDDED_FOLDER / "photos" / PHOTO) as photo:
        image = torch.from_numpy(np.array(photo)).permute(2, 0, 1).double() / 255
    side = image.shape[-1]
    keys = StreamKeys(0, torch.tensor([0]))
    ensemble = MaxEntropyEnsemble(side, cutoff=3, delta=DELTA)
    field = ensemble.sample(keys, dtype=torch.float64)[0]
    deformed = deform(image, field)
    norm = float((deformed - image).norm())
    noisy = image + norm * sphere_noise(keys, tuple(image.shape))[0]
    numbers = {
        "photo": PHOTO, "side": side, "cutoff": 3, "delta": DELTA, "temperature": ensemble.temperature,
        "norm": norm, "relative_norm": norm / float(image.norm()), "seed": 0,
    }  # fmt: skip
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.with_suffix(".json").write_text(json.dumps(numbers, indent=2) + "\n")

    figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
    rows = np.arange(ARROWS // 2, side, ARROWS)
    dx, dy = (component[rows][:, rows].numpy() for component in (field.dx, field.dy))
    axes[1].quiver(rows, rows, dx, dy, angles="xy", scale_units="xy", scale=1 / ENLARGED, width=0.006, color="#0072b2")
    axes[1].set(xlim=(0, side - 1), ylim=(side - 1, 0), aspect="equal")
    for axis, picture in zip(axes[[0, 2, 3]], (image, deformed, noisy), strict=True):
        axis.imshow(picture.permute(1, 2, 0).clamp(0, 1).numpy())
    titles = (
        "image $x$",
        f"displacement ({ENLARGED} times)\nc = 3, $\\delta$ = {DELTA:g} pixels",
        "deformed $\\tau x$",
        f"noise $x + \\eta$\n$\\|\\eta\\| = \\|\\tau x - x\\|$ = {numbers['relative_norm']:.0%} of $\\|x\\|$",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=11)
        axis.set(xticks=[0, side - 1], yticks=[0, side - 1])
        axis.tick_params(labelsize=8)
        axis.set_xlabel("pixels", fontsize=8, labelpad=-6)
    figure.savefig(TARGET.with_suffix(".png"), dpi=100)


if __name__ == "__main__":
    main()
