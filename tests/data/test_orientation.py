"""EXIF orientation: left as it is, as torchvision and timm do, with a note; applied by an option that the row tells."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.datasets import ImageFolder

from diffstab import Store, load_dataset
from diffstab.data.files import is_turned
from diffstab.data.images import LOOKED_AT
from diffstab.options import MeasureOptions
from diffstab.store.from_row import options_of

TAG = 274
OPTIONS = ("--model", "paper:lenet", "--weights", "init", "--img-size", "28", "--device", "cpu", "--resamples", "100")


def write(path, tag=None, size=(90, 70)):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if tag is not None:
        exif[TAG] = tag
    pixels = np.random.default_rng(int(path.stem)).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, **({"lossless": True} if path.suffix == ".webp" else {}))


@pytest.fixture
def folder(tmp_path):
    """Two classes of 9 images, with each orientation and none."""
    for k, ending in enumerate(("jpg", "png")):
        for tag in range(9):
            write(tmp_path / "photos" / "ab"[k] / f"{tag}.{ending}", tag or None)
    return tmp_path / "photos"


def test_by_default_pixels_are_read_as_they_lie_as_torchvision_reads_them(folder):
    data = load_dataset("folder", data_dir=folder)
    theirs = ImageFolder(folder, transform=data.preprocessing)
    assert all(torch.equal(image, data[k][0]) and label == data[k][1] for k, (image, label) in enumerate(theirs))


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_the_option_turns_files_of_each_format_upright(tag, ending, tmp_path):
    write(tmp_path / f"1.{ending}", tag)
    data = load_dataset("folder", data_dir=tmp_path)
    turned = data.prepared(data.preprocessing.overridden(exif_orientation=True))
    with Image.open(tmp_path / f"1.{ending}") as image:
        upright = ImageOps.exif_transpose(image)
    assert torch.equal(turned[0][0], data.preprocessing(upright))
    # Pillow turns TIFF whenever it reads it
    assert torch.equal(data[0][0], turned[0][0]) is (tag == 1 or ending == "tiff")
    assert is_turned(tmp_path / f"1.{ending}") is (tag != 1 and ending != "tiff")


def test_the_note_counts_those_that_lie_otherwise(folder):
    data = load_dataset("folder", data_dir=folder)
    assert data.orientation_note(range(18)).startswith(
        "14 of 18 images looked at have an EXIF orientation, which is not"
    )
    assert data.orientation_note([0, 3]).startswith("1 of 2 images looked at")
    assert data.orientation_note([0, 1, 9]) is None
    assert data.prepared(data.preprocessing.overridden(exif_orientation=True)).orientation_note(range(18)) is None
    assert load_dataset("mnist5k").orientation_note(range(9)) is None
    many = [k % 18 for k in range(17 * LOOKED_AT)]
    assert f"of {LOOKED_AT} images looked at" in data.orientation_note(many)


def test_broken_files_are_left_to_their_reading(tmp_path):
    for content in (b"", b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*"):
        (tmp_path / "1.jpg").write_bytes(content)
        assert not is_turned(tmp_path / "1.jpg")


def test_preprocessing_tells_it_only_where_it_is_applied():
    usual = load_dataset("mnist5k").preprocessing
    turned = usual.overridden(exif_orientation=True)
    assert "exif_orientation" not in usual.to_dict()  # rows of before are those of now
    assert turned.to_dict()["exif_orientation"] is True
    assert "turned by EXIF" in str(turned)
    assert "EXIF" not in str(usual)
    assert usual.overridden() == usual
    assert MeasureOptions().override == {"img_size": None, "crop_pct": None, "mean": None, "std": None}


def test_the_first_lines_tell_classes_what_was_left_out_and_the_orientation(cli, folder):
    (folder / "a" / "Thumbs.db").touch()
    answer = cli("measure", *OPTIONS, "--dataset", "folder", "--data-dir", folder)
    first, second, *about = answer.stderr.splitlines()
    assert "18 images of folder, which has no splits" in first
    assert second.startswith("input: 3 x 28 x 28")
    assert about == [
        f"images in {str(folder)!r}: 18 images, 2 classes: a 9, b 9",
        "note: left out: 1 hidden or system entry (Thumbs.db)",
        "note: 14 of 18 images looked at have an EXIF orientation, which is not applied (as in torchvision and timm); "
        "--exif-orientation turns them",
    ]


def test_the_row_says_the_split_and_the_orientation_and_can_be_measured_again(cli, folder):
    (folder / "a").rename(folder / "Train")
    (folder / "b").rename(folder / "Testing")
    asked = (*OPTIONS, "--dataset", "folder", "--data-dir", folder, "--store", folder.parent / "store", "--json")
    rows = {}
    for turned in ([], ["--exif-orientation"]):
        answer = cli("measure", *asked, *turned)
        rows[bool(turned)] = json.loads(answer.stdout)
        assert ("note: 7 of 9 images" in answer.stderr) is not bool(turned)
    assert [row["split"] for row in rows.values()] == ["test", "test"]
    assert rows[True]["preprocessing"]["exif_orientation"] is True
    assert rows[True]["data_sha256"] != rows[False]["data_sha256"]
    assert rows[True]["R"] != rows[False]["R"]
    store = Store(folder.parent / "store")
    trust = [str(folder)]
    assert {options_of(row, store, trust).exif_orientation for row in store.rows()} == {True, False}
    again = cli("measure", "--from-row", rows[True]["key"], "--store", folder.parent / "store", "--trust", folder)
    assert "the same D, G and R" in again.stderr


def test_bad_input_is_one_line_even_where_something_was_left_out(cli, folder):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "b" / "9.png").write_text("no image")
    answer = cli("measure", *OPTIONS, "--dataset", "folder", "--data-dir", folder)
    assert answer.exit_code == 2
    assert "9.png' can't be read as an image" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
