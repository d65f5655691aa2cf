"""Tiny ImageNet and ImageNet in their published layouts give the same items."""

import csv
import os
import re

import pytest
import torch
from PIL import Image
from support.published_photographs import SYNSETS

from diffstab import load_dataset


def labelled(data):
    """Of each image, in their order: the file's name, and its class."""
    return [(path.name, data.class_names[label]) for path, label in zip(data.raw.files, data.raw.labels, strict=True)]


def val_of(synsets):
    """What the val split of `tiny` and Kaggle's say: in the order of the classes, whose names are sorted."""
    return sorted(((f"val_{k}.JPEG", synset) for k, synset in enumerate(reversed(synsets))), key=lambda item: item[1])


def test_tiny_imagenet_as_it_is_published(tiny, network):
    names = tuple(sorted(SYNSETS["tiny"]))
    for data_dir in (tiny, tiny.parent):
        train, val = (load_dataset("tiny-imagenet", split=split, data_dir=data_dir) for split in ("train", "val"))
        assert (train.name, train.classes, train.class_names, val.class_names) == ("tinyimagenet", 200, names, names)
        assert labelled(train) == [(f"{name}_{k}.JPEG", name) for name in names for k in range(2)]
        assert labelled(val) == val_of(SYNSETS["tiny"])
    assert not network.asked
    mean, std = (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)
    assert (val.preprocessing.mean, val.preprocessing.std, val.preprocessing.resize) == (mean, std, None)
    image, label = val[3]
    expected = (torch.tensor([200, 100, 50]) / 255 - torch.tensor(mean)) / torch.tensor(std)
    assert image.shape == val.shape == (3, 64, 64)
    assert torch.allclose(image[:, 5, 7], expected, atol=0.02)  # JPEG rounds by up to 1/255, over std 0.27
    assert label == 3


def test_tiny_imagenets_test_has_no_labels_and_means_val(tiny):
    data = load_dataset("tinyimagenet", split="test", data_dir=tiny)
    assert (data.split, labelled(data)) == ("val", val_of(SYNSETS["tiny"]))


@pytest.mark.parametrize("deep", ["", "images"])
def test_tiny_imagenets_val_in_class_folders_gives_the_same_items(deep, tiny):
    expected = labelled(load_dataset("tinyimagenet", split="val", data_dir=tiny))
    for name, synset in expected:
        target = tiny / "val" / synset / deep / name
        target.parent.mkdir(parents=True)
        (tiny / "val" / "images" / name).rename(target)
    (tiny / "val" / "val_annotations.txt").unlink()
    assert labelled(load_dataset("tinyimagenet", split="val", data_dir=tiny)) == expected
    (tiny / "wnids.txt").unlink()
    assert labelled(load_dataset("tinyimagenet", split="val", data_dir=tiny)) == expected


@pytest.mark.slow
def test_annotations_that_do_not_fit_are_refused(tiny):
    told = tiny / "val" / "val_annotations.txt"
    rows = told.read_text().splitlines()

    def refused(lines, message):
        told.write_text("\n".join(lines) + "\n")
        with pytest.raises(ValueError, match=message):
            load_dataset("tinyimagenet", split="val", data_dir=tiny)

    refused(
        [*rows[:6], rows[6].replace(SYNSETS["tiny"][-7], "n12"), *rows[7:]], f"line 7 of '{told}' names 'n12', which"
    )
    refused([*rows[:4], "val_4.JPEG", *rows[5:]], f"line 5 of '{told}' names '', which is no class here")
    images = told.parent / "images"
    refused(
        [*rows, f"val_900.JPEG\t{rows[0].split()[1]}"], f"line 201 of .* 'val_900.JPEG', which is not in '{images}'"
    )
    refused(rows[:-5], r"gives no label to val_195.JPEG, val_196.JPEG, val_197.JPEG and 2 more in")
    (tiny / "wnids.txt").unlink()
    refused(rows, rf"looked for wnids.txt.* in '{tiny}' \(which holds test, train, val and 1 more\)")


def test_imagenet_in_class_folders(large, tmp_path, network):
    names = tuple(sorted(SYNSETS["large"]))
    train, val, test = (load_dataset("imagenet", split=split, data_dir=large) for split in ("train", "val", "test"))
    assert (train.classes, train.class_names, val.class_names) == (1000, names, names)
    expected = [(f"{name}_10.JPEG", name) for name in names]
    assert labelled(train) == [expected[0], (f"{names[0]}_9.JPEG", names[0]), *expected[1:]]
    assert labelled(val) == labelled(test) == val_of(SYNSETS["large"])
    assert (test.split, test.shape, test.preprocessing.resize) == ("val", (3, 224, 224), (256, 256))
    for index, colour in ((0, (200, 100, 50)), (1, (10, 20, 30))):
        image, label = train[index]
        expected = (torch.tensor(colour) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
            [0.229, 0.224, 0.225]
        )
        assert torch.allclose(image[:, 100, 7], expected, atol=0.02)
        assert (image.shape, label) == ((3, 224, 224), 0)
    for name in ("validation", "valid"):
        (tmp_path / name).symlink_to(large / "val")
        assert labelled(load_dataset("imagenet", split="val", data_dir=tmp_path)) == labelled(val)
        (tmp_path / name).unlink()
    assert not network.asked


def test_images_are_listed_without_being_opened(large, monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    assert len(load_dataset("imagenet", split="train", data_dir=large)) == 1001


@pytest.fixture
def kaggle(large, tmp_path):
    """Kaggle's archive of ImageNet: flat val images, whose labels stand in a table beside ILSVRC."""
    base = tmp_path / "kaggle" / "ILSVRC" / "Data" / "CLS-LOC"
    (base / "val").mkdir(parents=True)
    (base / "train").symlink_to(large / "train")
    rows = [("ImageId", "PredictionString")]
    for k, synset in enumerate(reversed(SYNSETS["large"])):
        os.link(large / "val" / synset / f"val_{k}.JPEG", base / "val" / f"val_{k}.JPEG")
        rows.append((f"val_{k}", f"{synset} 85 1 499 272 " * (1 + k % 2)))  # one or more objects
    with (tmp_path / "kaggle" / "LOC_val_solution.csv").open("w", newline="") as table:
        csv.writer(table).writerows(rows)
    return tmp_path / "kaggle"


def test_kaggles_layout_gives_the_same_items(kaggle, large, monkeypatch):
    expected = {split: labelled(load_dataset("imagenet", split=split, data_dir=large)) for split in ("train", "val")}
    inner = kaggle / "ILSVRC" / "Data" / "CLS-LOC"
    monkeypatch.chdir(inner)
    for data_dir in (kaggle, kaggle / "ILSVRC", inner.parent, inner, "."):
        for split, items in expected.items():
            assert labelled(load_dataset("imagenet", split=split, data_dir=data_dir)) == items
    (inner / "train").unlink()  # then the table alone tells the classes
    assert labelled(load_dataset("imagenet", split="val", data_dir=kaggle)) == expected["val"]


def test_kaggles_table_must_fit_the_images(kaggle):
    table = kaggle / "LOC_val_solution.csv"
    rows = table.read_text().splitlines()
    synset = rows[3].split(",")[1].split()[0]

    def refused(lines, message):
        table.write_text("\n".join(lines) + "\n")
        with pytest.raises(ValueError, match=message):
            load_dataset("imagenet", split="val", data_dir=kaggle)

    refused(
        [*rows[:3], rows[3].replace(synset, "n12"), *rows[4:]], f"line 4 of '{table}' names 'n12', which is no class"
    )
    refused([*rows, f"val_x,{synset} 1 2 3 4"], f"line 1002 of '{table}' names 'val_x.JPEG', which is not in ")
    refused(rows[:-1], "gives no label to val_999.JPEG in")
    (kaggle / "ILSVRC" / "Data" / "CLS-LOC" / "train").unlink()
    refused(rows[:9], f"'{table}' .* has 8 classes; there are 1000")
    table.unlink()
    flat = re.escape(str(kaggle / "ILSVRC" / "Data" / "CLS-LOC" / "val"))
    with pytest.raises(
        ValueError, match=rf"'{flat}' holds images .*sort them into folders such as n01440764.*LOC_val_"
    ):
        load_dataset("imagenet", split="val", data_dir=kaggle)


def test_imagenet_is_never_fetched(large, network):
    with pytest.raises(ValueError, match=r"ImageNet can't be fetched by a program: get it from image-net\.org"):
        load_dataset("imagenet", data_dir=large, download=True)
    assert not network.asked


def test_lists_that_may_not_be_read_are_told(tiny, monkeypatch):
    def refused(path, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(ValueError, match=r"wnids.txt' can't be read \(Permission denied\)"):
        load_dataset("tinyimagenet", data_dir=tiny, split="val")
