"""Tiny ImageNet, ImageNet and Imagenette: the layouts that their makers publish, in small."""

import csv
import io
import os
import random
import re
import tarfile
import urllib.request
import zipfile
from hashlib import md5
from pathlib import Path

import pytest
import torch
from fake_network import Network
from PIL import Image
from torchvision.datasets import Imagenette

from diffstab import load_dataset
from diffstab.data import photographs

TEN = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257".split()
SYNSETS = {name: random.Random(1).sample(range(10**8), count) for name, count in (("tiny", 200), ("large", 1000))}
SYNSETS = {name: [f"n{number:08d}" for number in numbers] for name, numbers in SYNSETS.items()}


@pytest.fixture(autouse=True)
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(urllib.request, "urlopen", network)
    return network


def jpeg(size, colour):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "JPEG", quality=95)
    return stream.getvalue()


SMALL, LARGE, OTHER = jpeg((64, 64), (200, 100, 50)), jpeg((30, 40), (200, 100, 50)), jpeg((40, 30), (10, 20, 30))


def write(path, content=LARGE):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content)
    else:
        path.write_bytes(content)


def labelled(data):
    """Of each image, in their order: the file's name, and its class."""
    return [(path.name, data.class_names[label]) for path, label in zip(data.raw.files, data.raw.labels, strict=True)]


@pytest.fixture
def tiny(tmp_path):
    """tiny-imagenet-200, with two train images and one val image a class, and an image of its test."""
    base = tmp_path / "tiny-imagenet-200"
    synsets = SYNSETS["tiny"]
    write(base / "wnids.txt", "\n".join(synsets) + "\n")
    write(base / "words.txt", "".join(f"{synset}\ta word, another\n" for synset in synsets))
    for synset in synsets:
        write(base / "train" / synset / f"{synset}_boxes.txt", f"{synset}_0.JPEG\t0\t10\t63\t58\n")
        for k in range(2):
            write(base / "train" / synset / "images" / f"{synset}_{k}.JPEG", SMALL)
    rows = [f"val_{k}.JPEG\t{synset}\t0\t32\t44\t62\n" for k, synset in enumerate(reversed(synsets))]
    write(base / "val" / "val_annotations.txt", "".join(rows))
    for k in range(len(synsets)):
        write(base / "val" / "images" / f"val_{k}.JPEG", SMALL)
    write(base / "test" / "images" / "test_0.JPEG", SMALL)
    return base


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


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """ImageNet in class folders, with one train and one val image a class, and one more of the first."""
    base = tmp_path_factory.mktemp("imagenet")
    write(base / "one.JPEG", LARGE)
    for split in ("train", "val"):
        for k, synset in enumerate(reversed(SYNSETS["large"])):
            (base / split / synset).mkdir(parents=True)
            name = f"{synset}_10.JPEG" if split == "train" else f"val_{k}.JPEG"
            os.link(base / "one.JPEG", base / split / synset / name)
    (base / "one.JPEG").unlink()
    first = min(SYNSETS["large"])
    write(base / "train" / first / f"{first}_9.JPEG", OTHER)
    return base


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


def nette(base, images=1, content=LARGE, synsets=TEN):
    for split in ("train", "val"):
        for synset in synsets:
            for k in range(images):
                write(base / split / synset / f"{synset}_{k}.JPEG", content)
    return base


def test_imagenette_is_taken_in_its_largest_size(tmp_path, network):
    for images, name in ((1, "imagenette2-160"), (2, "imagenette2-320"), (3, "imagenette2")):
        base = nette(tmp_path / name, images)
        for data_dir in (tmp_path, base):
            data = load_dataset("imagenette", data_dir=data_dir)
            assert (data.name, data.split, data.classes, data.class_names) == ("imagenette", "val", 10, tuple(TEN))
            assert labelled(data) == [(f"{synset}_{k}.JPEG", synset) for synset in TEN for k in range(images)]
            assert {path.parents[2] for path in data.raw.files} == {base}
    assert (data.shape, data[0][0].shape) == ((3, 224, 224), (3, 224, 224))
    assert not network.asked


@pytest.mark.parametrize(("name", "count"), [("tinyimagenet", 200), ("imagenet", 1000), ("imagenette", 10)])
@pytest.mark.parametrize("split", ["train", "val"])
def test_wrong_layouts_are_told(name, count, split, tmp_path):
    def refused(message, data_dir=tmp_path):
        with pytest.raises(ValueError, match=f"{name}/{split}: {message}"):
            load_dataset(name, split=split, data_dir=data_dir)

    refused(rf"looked for a folder '{split}' in '{tmp_path}' \(an empty folder\); name the folder")
    refused(rf"looked for a folder '{split}' in '{tmp_path}/none' \(no such folder\)", tmp_path / "none")
    write(tmp_path / "a.tar", b"")
    refused(rf"looked for a folder '{split}' in '{tmp_path}' \(which holds a.tar\)")
    for synset in TEN[:3]:
        write(tmp_path / split / synset / "1.JPEG")
    held = r"\(which holds n01440764, n02102040, n02979186\)"
    refused(f"'{tmp_path / split}' {held} has 3 classes; there are {count}, such as n01440764")


@pytest.mark.parametrize(("name", "key"), [("tinyimagenet", "tiny"), ("imagenette", None)])
def test_folders_of_another_data_set_or_without_images_are_refused(name, key, tmp_path):
    own = sorted(SYNSETS[key]) if key else TEN
    base = nette(tmp_path, synsets=own)
    write(tmp_path / "wnids.txt", "\n".join(own))
    assert len(load_dataset(name, data_dir=base)) == len(own)
    image = base / "val" / own[3] / f"{own[3]}_0.JPEG"
    image.unlink()
    with pytest.raises(ValueError, match=f"the class folder '{image.parent}' holds no image"):
        load_dataset(name, data_dir=base)
    image.parent.rename(base / "val" / "n99999999")
    with pytest.raises(ValueError, match=rf"class folders of another data set \(n99999999\), and not {own[3]}"):
        load_dataset(name, data_dir=base)


def packed(folder, kind):
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for path in folder.rglob("*.*"):
                archive.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            archive.add(folder, folder.name)
    return stream.getvalue()


@pytest.fixture(params=["tinyimagenet", "imagenette"])
def fetchable(request, tmp_path, monkeypatch):
    """A data set's name, its archive and what it is called."""
    if request.param == "tinyimagenet":
        base = request.getfixturevalue("tiny").rename(tmp_path / "tiny-imagenet-200")
        content, file = packed(base, "zip"), "tiny-imagenet-200.zip"
        monkeypatch.setattr(photographs, "TINY_MD5", md5(content).hexdigest())
    else:
        content, file = packed(nette(tmp_path / "imagenette2"), "tgz"), "imagenette2.tgz"
        archives = {"full": (f"https://nowhere/{file}", md5(content).hexdigest())}
        monkeypatch.setattr(Imagenette, "_ARCHIVES", archives)
    return request.param, content, file


def test_download_fetches_what_is_not_there_once(fetchable, tmp_path, network, capsys):
    name, content, file = fetchable
    network.files = {file: content}
    new = tmp_path / "new"
    with pytest.raises(ValueError, match="use --download"):
        load_dataset(name, data_dir=new)
    assert not network.asked
    expected = labelled(load_dataset(name, data_dir=tmp_path))
    for split in ("val", "train", "val"):
        data = load_dataset(name, split=split, data_dir=new, download=True)
    assert labelled(data) == expected
    assert len([url for url in network.asked if url.endswith(file)]) == 2  # whether it has moved, and its content
    assert [entry.name for entry in new.iterdir()] == [file.partition(".")[0]]
    assert capsys.readouterr().out == ""


def test_a_download_that_fails_says_so_in_a_line_and_leaves_nothing(fetchable, tmp_path, network, monkeypatch, capsys):
    name, content, file = fetchable
    new = tmp_path / "new"
    for files, why in (({}, "no route to host"), ({file: content[:-9]}, "File not found or corrupted")):
        network.files = files
        with pytest.raises(ValueError, match=f"{name} could not be fetched into '{new}' .*{why}") as error:
            load_dataset(name, data_dir=new, download=True)
        assert "\n" not in str(error.value)
        assert list(new.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_an_interrupted_unpacking_leaves_nothing(fetchable, tmp_path, network, monkeypatch):
    name, content, file = fetchable
    network.files = {file: content}

    def stop(archive, folder, *_):
        assert Path(folder).parent == tmp_path / "new"  # so that what is finished can move in one step
        nette(Path(folder) / file.partition(".")[0])
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.utils._ARCHIVE_EXTRACTORS", {".zip": stop, ".tar": stop})
    with pytest.raises(KeyboardInterrupt):
        load_dataset(name, data_dir=tmp_path / "new", download=True)
    assert list((tmp_path / "new").iterdir()) == []
