"""Data sets: what the embedded ones hold, folders of images as they come, and images before preprocessing."""

import os
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms._presets import ImageClassification

from diffstab import load_dataset
from diffstab.data.embedded import EMBEDDED_FOLDER
from diffstab.data.folder import image_files
from diffstab.data.images import PixelImageSet, PreparedImageSet, TensorImageSet, image_set
from diffstab.data.preprocessing import Preprocessing
from diffstab.data.raw import UNLABELLED, ArrayImages, FileImages, RawImages
from diffstab.options import PHOTOS

GRAY = Preprocessing(size=(17, 11), mean=(0.5,), std=(0.25,), source="test")
COLOUR = Preprocessing(size=(17, 11), mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.1), source="test")


def write_image(path, size=(30, 20), colour=(200, 100, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_mnist5k_splits_by_the_last_hundred_of_each_class():
    train, test = (load_dataset("mnist5k", split=split) for split in ("train", "test"))
    assert (len(train), len(test), test.classes, test.shape) == (4000, 1000, 10, (1, 28, 28))
    assert torch.equal(load_dataset("mnist5k", split="validation").images, test.images)
    for data, each in ((train, 400), (test, 100)):
        assert torch.bincount(data.labels).tolist() == [each] * 10
    image, label = test[0]
    assert (image.dtype, label) == (torch.float32, 0)
    everything = torch.cat([train.images, test.images])
    pixels = everything * 0.3081 + 0.1307
    assert float(pixels.min()) == pytest.approx(0, abs=1e-6)
    assert float(pixels.max()) == pytest.approx(1, abs=1e-6)
    # normalised by the whole of MNIST: the 5,000 digits come out close to zero mean and unit variance
    assert float(everything.mean()) == pytest.approx(0, abs=0.02)
    assert float(everything.std()) == pytest.approx(1, abs=0.02)
    assert len({image.numpy().tobytes() for image in everything}) == 5000


def test_every_photograph_has_a_name_and_the_licence_of_the_readme():
    lines = re.findall(r"^\| (\w+)\.jpg \| (.*) \| (.*) \|$", (EMBEDDED_FOLDER / "README.md").read_text(), re.M)
    assert [name for name, _, _ in lines] == list(PHOTOS)
    assert {path.stem for path in (EMBEDDED_FOLDER / "photos").iterdir()} == PHOTOS.keys()
    for name, source, licence in lines:
        who, _, told = PHOTOS[name].rpartition(", ")
        assert told == licence, name
        assert who in source or who == "scikit-image", name  # which is named above the table


def test_photos_are_in_imagenets_input_space():
    photos = load_dataset("photos")
    assert len(photos) >= 12
    assert (photos.shape, photos.classes) == ((3, 224, 224), 0)
    for image, label in photos:
        assert (image.shape, image.dtype, label) == ((3, 224, 224), torch.float32, UNLABELLED)
        assert float(image.std()) > 0.1
    sources = (EMBEDDED_FOLDER / "README.md").read_text()
    for path in (EMBEDDED_FOLDER / "photos").iterdir():
        with Image.open(path) as image:
            assert image.size == (256, 256)
        assert path.name in sources


def test_a_tree_of_classes_and_a_flat_folder(tmp_path):
    for name in ("b/1.png", "b/deep/2.png", "a/3.PNG"):
        write_image(tmp_path / "tree" / name)
    tree = load_dataset("folder", data_dir=tmp_path / "tree")
    assert (len(tree), tree.classes, tree.shape) == (3, 2, (3, 20, 30))
    assert [label for _, label in tree] == [0, 1, 1]
    expected = (torch.tensor([200, 100, 50]) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    assert torch.allclose(tree[0][0][:, 5, 7], expected)
    write_image(tmp_path / "flat" / "1.jpg", size=(300, 500))
    write_image(tmp_path / "flat" / "2.jpg", size=(700, 80))
    flat = load_dataset("folder", data_dir=tmp_path / "flat")
    assert (flat.classes, flat.shape, flat[1][0].shape, flat[1][1]) == (0, (3, 224, 224), (3, 224, 224), UNLABELLED)


@pytest.mark.parametrize("size", [(300, 500), (701, 333), (256, 256), (80, 700), (65, 40)])
def test_large_images_are_resized_and_cropped_as_torchvision_does(size, tmp_path):
    image = Image.effect_noise(size, 60).convert("RGB")
    image.save(tmp_path / "1.png")
    expected = ImageClassification(crop_size=224)(image)  # torchvision's usual evaluation
    assert torch.equal(load_dataset("folder", data_dir=tmp_path)[0][0], expected)


def test_a_folder_named_like_the_split_is_entered(tmp_path):
    write_image(tmp_path / "train" / "x" / "1.png")
    write_image(tmp_path / "test" / "x" / "1.png")
    write_image(tmp_path / "test" / "x" / "2.png")
    assert [len(load_dataset("folder", split=split, data_dir=tmp_path)) for split in ("train", "test")] == [1, 2]
    assert len(load_dataset("folder", split="val", data_dir=tmp_path)) == 2  # for lack of another
    write_image(tmp_path / "validation" / "x" / "1.png")
    assert [len(load_dataset("folder", split=split, data_dir=tmp_path)) for split in ("val", "test")] == [1, 2]


def test_unreadable_images_are_named(tmp_path):
    write_image(tmp_path / "1.png")
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[:60])
    (tmp_path / "3.png").write_text("not an image")
    write_image(tmp_path / "4.png", size=(31, 20))
    data = load_dataset("folder", data_dir=tmp_path)
    for k, message in ((1, "2.png' can't be read"), (2, "3.png' can't be read"), (3, "31 x 20 pixels and the first")):
        with pytest.raises(ValueError, match=rf"{tmp_path}.*{message}"):
            data[k]
    Image.fromarray(np.full((20, 30), 40000, dtype=np.uint16)).save(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"1.png' has pixels of kind I;16; save it with 8 bits a channel"):
        load_dataset("folder", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("mnist6k", {}, r"dataset is 'mnist6k'; allowed: mnist5k, photos, .* \(did you mean 'mnist5k'"),
        ("mnist5k", {"split": "extra"}, "split is 'extra'; the data set mnist5k has train, test"),
        ("mnist5k", {"split": "trian"}, "split is 'trian'; allowed: train, val, test, extra"),
        ("photos", {"split": "train"}, "split is 'train'; the data set photos has test"),
        ("mnist5k", {"data_dir": "x"}, "data_dir is 'x', but mnist5k comes with the package; leave it out"),
        ("photos", {"download": True}, "download is asked for, but photos comes with the package; leave it out"),
        (
            "folder",
            {"data_dir": ".", "download": True},
            "download is asked for, but the images are in your folder; leave it out",
        ),
        (
            "folder",
            {},
            "the data set 'folder' needs data_dir, the folder with the images, one folder per class or none",
        ),
        ("CIFAR-10", {}, "the data set 'cifar10' needs data_dir, the folder with cifar-10-batches-py"),
        ("torch/mnist", {"download": True}, "the data set 'mnist' needs data_dir"),
        ("folder", {"data_dir": "/nowhere/at/all"}, "is not a folder"),
    ],
)
def test_bad_specs_are_refused(spec, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(spec, **options)


def test_folders_without_or_with_mixed_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no image under .* looked for \.jpg"):
        load_dataset("folder", data_dir=tmp_path)
    write_image(tmp_path / "1.png")
    write_image(tmp_path / "class" / "1.png")
    with pytest.raises(ValueError, match=r"holds both images \(1.png, ...\) and folders of images \(class"):
        load_dataset("folder", data_dir=tmp_path)


def test_image_files_are_sorted_and_links_to_folders_not_followed(tmp_path):
    for name in ("b.JPG", "a/2.png", "a/10.png", "a.webp", "c/d/e.tiff", "B/x.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "c")
    (tmp_path / "c" / "link.png").symlink_to(tmp_path / "a.webp")
    names = "B/x.bmp a/10.png a/2.png a.webp b.JPG c/d/e.tiff c/link.png".split()
    assert image_files(tmp_path) == sorted(image_files(tmp_path)) == [tmp_path / name for name in names]
    assert image_files(tmp_path, recursive=False) == [tmp_path / "a.webp", tmp_path / "b.JPG"]
    assert [path.name for path in image_files(tmp_path / "a" / "link")] == ["e.tiff", "link.png"]


def test_a_class_folder_may_be_a_link_and_empty_ones_are_no_classes(tmp_path):
    write_image(tmp_path / "store" / "1.png")
    (tmp_path / "tree" / "empty").mkdir(parents=True)
    for name in ("b", "a"):
        os.symlink(tmp_path / "store", tmp_path / "tree" / name)
    data = load_dataset("folder", data_dir=tmp_path / "tree")
    assert (data.class_names, [label for _, label in data]) == (("a", "b"), [0, 1])


def array_images(preprocessing, labels=(2, 0, 1)):
    shape = (3, 17, 11) if preprocessing is GRAY else (3, 17, 11, 3)
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return ArrayImages("digits", "test", labels, 3, preprocessing, ["x", "y", "z"], pixels=pixels)


@pytest.mark.parametrize("usual", [GRAY, COLOUR], ids=["gray", "colour"])
def test_images_in_memory_come_alike_at_once_and_one_by_one(usual):
    raw = array_images(usual)
    data = image_set(raw)
    assert isinstance(data, PixelImageSet)
    assert (data.name, data.split, data.classes, data.class_names) == ("digits", "test", 3, ("x", "y", "z"))
    assert (len(data), data.shape, data.images.shape) == (3, usual.shape, (3, *usual.shape))
    one_by_one = PreparedImageSet(raw, usual)
    for index, label in enumerate((2, 0, 1)):
        pixel = raw.pixels[index].reshape(17, 11, -1)[13, 7] / 255
        assert data[index][0][:, 13, 7].numpy() == pytest.approx((pixel - usual.mean) / usual.std, abs=1e-5)
        assert torch.equal(data[index][0], one_by_one[index][0])
        assert torch.equal(data[index][0], data.images[index])
        assert data[index][1] == one_by_one[index][1] == label
    assert raw.title(1) == "image 1 of digits"


def test_another_preprocessing_of_the_same_images():
    raw = array_images(GRAY)
    larger = image_set(raw).prepared(GRAY.overridden(img_size=23).with_channels(3))
    assert (larger.shape, larger[1][0].shape, larger[1][1]) == ((3, 23, 23), (3, 23, 23), 0)
    assert (larger.name, larger.class_names) == ("digits", ("x", "y", "z"))
    assert torch.equal(larger[1][0], larger.preprocessing(raw.open(1)))
    assert torch.equal(larger.prepared(GRAY)[2][0], image_set(raw)[2][0])
    tensors = TensorImageSet("own", "test", torch.zeros(2, 1, 17, 11), torch.zeros(2, dtype=torch.int64), 1)
    with pytest.raises(ValueError, match="own came as tensors; give PIL images or arrays"):
        tensors.prepared(GRAY)


def test_load_dataset_takes_a_preprocessing():
    other = Preprocessing(size=(12, 20), resize=(16, 24), mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0), source="test")
    for name in ("mnist5k", "photos"):
        data = load_dataset(name, preprocessing=other)
        assert (data.shape, data[3][0].shape, data.preprocessing) == ((3, 12, 20), (3, 12, 20), other)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 3, 1], 3, "x/val: image 1 has label 3; there are 3 classes, so labels are 0 to 2"),
        ([0, 1, -1], 3, "image 2 has label -1"),
        ([-2, -1], 0, "image 0 has label -2"),
    ],
)
def test_labels_outside_the_classes_are_refused(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        RawImages("x", "val", labels, classes, GRAY)
    assert len(RawImages("x", "val", [UNLABELLED] * 4, 0, GRAY)) == 4


def test_images_and_labels_are_as_many():
    with pytest.raises(ValueError, match="digits/test has 3 images and 2 labels"):
        array_images(GRAY, labels=(0, 1))


def test_files_are_opened_when_they_are_asked_for(tmp_path):
    write_image(tmp_path / "1.png", size=(11, 17))
    raw = FileImages("x", "val", [0, 1], 2, COLOUR, files=[tmp_path / "1.png", tmp_path / "none.png"])
    assert (raw.open(0).getpixel((3, 4)), raw.title(1)) == ((200, 100, 50), repr(str(tmp_path / "none.png")))
    with pytest.raises(ValueError, match=r"none.png' can't be read as an image"):
        raw.open(1)
