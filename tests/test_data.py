"""Data sets: what the embedded ones hold, and folders of images as they come."""

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transforms

from diffstab import load_dataset
from diffstab.data import DATASETS, UNLABELLED
from diffstab.data.embedded import EMBEDDED
from diffstab.data.folder import resize_and_crop


def write_image(path, size=(30, 20), colour=(200, 100, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_mnist5k_splits_by_the_last_hundred_of_each_class():
    train, test = (load_dataset("mnist5k", split=split) for split in ("train", "test"))
    assert (len(train), len(test), test.classes, test.shape) == (4000, 1000, 10, (1, 28, 28))
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


def test_photos_are_in_imagenets_input_space():
    photos = load_dataset("photos")
    assert len(photos) >= 12
    assert (photos.shape, photos.classes) == ((3, 224, 224), 0)
    for image, label in photos:
        assert (image.shape, image.dtype, label) == ((3, 224, 224), torch.float32, UNLABELLED)
        assert float(image.std()) > 0.1
    sources = (EMBEDDED / "README.md").read_text()
    for path in (EMBEDDED / "photos").iterdir():
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
def test_large_images_are_resized_and_cropped_as_torchvision_does(size):
    image = Image.effect_noise(size, 60).convert("RGB")
    expected = transforms.center_crop(transforms.resize(image, [256], antialias=True), [224, 224])
    assert resize_and_crop(image).tobytes() == expected.tobytes()


def test_a_folder_named_like_the_split_is_entered(tmp_path):
    write_image(tmp_path / "train" / "x" / "1.png")
    write_image(tmp_path / "test" / "x" / "1.png")
    write_image(tmp_path / "test" / "x" / "2.png")
    assert [len(load_dataset("folder", split=split, data_dir=tmp_path)) for split in ("train", "test")] == [1, 2]


def test_unreadable_images_are_named(tmp_path):
    write_image(tmp_path / "1.png")
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[:60])
    (tmp_path / "3.png").write_text("not an image")
    write_image(tmp_path / "4.png", size=(31, 20))
    data = load_dataset("folder", data_dir=tmp_path)
    for k, message in ((1, "2.png' can't be read"), (2, "3.png' can't be read"), (3, "31 x 20 pixels and the first")):
        with pytest.raises(ValueError, match=message):
            data[k]


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("mnist6k", {}, r"dataset is 'mnist6k'; allowed: mnist5k, photos, folder \(did you mean 'mnist5k'"),
        ("mnist5k", {"split": "val"}, "split is 'val'; allowed: train, test"),
        ("photos", {"split": "train"}, "only the split 'test'"),
        ("mnist5k", {"data_dir": "x"}, "comes with the package; leave it out"),
        ("folder", {}, "needs data_dir"),
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


def test_names_are_told():
    assert DATASETS == ("mnist5k", "photos", "folder")
