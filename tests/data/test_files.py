"""What systems and programs drop into folders changes no label and stops no run; all that is left out is counted."""

import os

import pytest
from PIL import Image

from diffstab import load_dataset
from diffstab.data.files import LeftOut, image_files, read_image

JUNK_FOLDERS = (
    *".ipynb_checkpoints .git .AppleDouble __MACOSX @eaDir @Recycle #recycle __pycache__ $RECYCLE.BIN".split(),
    *"$Recycle.Bin lost+found found.000 RECYCLER .Trash-1000".split(),
    "System Volume Information",
)
JUNK_FILES = ["._0.png", ".0.png", "Thumbs.db", "THUMBS.DB", "ehthumbs.db", "desktop.ini", ".DS_Store", "~$0.png"]


@pytest.fixture
def classes(tmp_path):
    """Folders a, b and c with 1, 2 and 3 images."""
    for count, name in enumerate("abc", start=1):
        (tmp_path / name).mkdir()
        for k in range(count):
            Image.new("RGB", (30, 20), (80 * count, 80 * k, 0)).save(tmp_path / name / f"{k}.png")
    return tmp_path


def contents(folder):
    data = load_dataset("folder", data_dir=folder)
    return data.class_names, [(label, image.sum().item()) for image, label in data]


@pytest.mark.parametrize("within", [".", "a", "b/deep"])
@pytest.mark.parametrize("name", JUNK_FOLDERS)
def test_folders_of_systems_and_programs_are_left_out_at_every_level(name, within, classes):
    before = contents(classes)
    inner = classes / within / name / "b"
    inner.mkdir(parents=True)
    Image.new("RGB", (99, 99)).save(inner / "thumbnail.png")
    assert contents(classes) == before
    assert load_dataset("folder", data_dir=classes).notes == (f"left out: 1 hidden or system entry ({name})",)


@pytest.mark.parametrize("within", [".", "a"])
@pytest.mark.parametrize("name", JUNK_FILES)
def test_files_of_systems_are_left_out_at_every_level(name, within, classes):
    before = contents(classes)
    (classes / within / name).write_bytes(b"\x00\x05\x16\x07")  # as AppleDouble begins, which is no image
    assert contents(classes) == before
    assert load_dataset("folder", data_dir=classes).notes == (f"left out: 1 hidden or system entry ({name})",)


def test_junk_is_left_out_of_flat_folders_and_beside_splits(tmp_path):
    for name in ("flat/1.png", "flat/.ipynb_checkpoints/1.png", "flat/._1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(tmp_path / name, "PNG")
    for name in ("Train/a", "Test/a", "__MACOSX/Train/a", "Test/.ipynb_checkpoints"):
        (tmp_path / "split" / name).mkdir(parents=True)
        Image.new("RGB", (30, 20)).save(tmp_path / "split" / name / "1.png")
    flat, test = (load_dataset("folder", data_dir=tmp_path / name) for name in ("flat", "split"))
    assert (len(flat), flat.classes) == (1, 0)
    assert flat.notes == ("left out: 2 hidden or system entries (._1.png, .ipynb_checkpoints)",)
    assert (len(test), test.class_names) == (1, ("a",))
    assert test.notes == ("left out: 2 hidden or system entries (.ipynb_checkpoints, __MACOSX)",)


def test_a_folder_may_itself_lie_in_a_hidden_one(classes, tmp_path_factory):
    hidden = tmp_path_factory.mktemp("x") / ".cache"
    os.symlink(classes, hidden)
    assert contents(hidden) == contents(classes)


def test_files_of_other_kinds_links_and_folders_without_images_are_told(classes, tmp_path_factory):
    before = contents(classes)
    for name in ("a/1.txt", "b/2.txt", "c/0.gif", "c/LICENSE"):
        (classes / name).write_text("")
    (classes / "aa").mkdir()
    (classes / "a" / "more").symlink_to(tmp_path_factory.mktemp("x"))
    assert contents(classes) == before
    assert load_dataset("folder", data_dir=classes).notes == (
        "left out: 4 files of other kinds (.txt 2, .gif 1, without ending 1)",
        "left out: 1 link to folders (more)",
        "left out: 1 folder without images (aa): no class, so labels number the other 3",
    )


def test_a_clean_folder_has_no_notes_and_tells_its_classes(classes):
    data = load_dataset("folder", data_dir=classes)
    assert (data.notes, data.contents) == ((), f"{str(classes)!r}: 6 images, 3 classes: a 1, b 2, c 3")
    assert data.prepared(data.preprocessing.overridden(img_size=28)).contents == data.contents
    assert load_dataset("folder", data_dir=classes / "b").contents == f"{str(classes / 'b')!r}: 2 images, no classes"
    for k in range(20):
        (classes / f"x{k:02}").mkdir()
        Image.new("RGB", (30, 20)).save(classes / f"x{k:02}" / "1.png")
    assert load_dataset("folder", data_dir=classes).contents.endswith(
        ": 26 images, 23 classes of 1 to 3: a, b, c and 20 more"
    )


def test_a_folder_that_may_not_be_read_is_named(classes, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(
        ValueError, match=r"the folder '.*/b' can't be listed \(Permission denied\); allow it or move it"
    ):
        load_dataset("folder", data_dir=classes)


def test_empty_and_broken_files_and_links_to_nothing_are_refused_by_name(classes):
    (classes / "a" / "1.JPG").touch()
    (classes / "a" / "2.png").symlink_to("nowhere.png")
    data = load_dataset("folder", data_dir=classes)
    for index in (1, 2):
        with pytest.raises(
            ValueError, match=rf"{data.raw.files[index].name}' can't be read as an image .*; remove or mend"
        ):
            data[index]


def test_published_files_are_read_without_junk(tiny):
    before = len(load_dataset("tinyimagenet", split="train", data_dir=tiny))
    synset = sorted(path.name for path in (tiny / "train").iterdir())[0]
    junk = tiny / "train" / synset / "images" / "._x.JPEG"
    junk.write_bytes(b"\x00\x05\x16\x07")
    (tiny / "val" / "images" / "._val_0.JPEG").write_bytes(b"\x00\x05\x16\x07")
    train, val = (load_dataset("tinyimagenet", split=split, data_dir=tiny) for split in ("train", "val"))
    assert (len(train), train.notes) == (before, ("left out: 1 hidden or system entry (._x.JPEG)",))
    assert (len(val), val.notes) == (200, ("left out: 1 hidden or system entry (._val_0.JPEG)",))


def test_of_an_animation_the_first_image_is_read_and_transparency_is_dropped(tmp_path, recwarn):
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "lime", "blue")]
    for name in ("1.webp", "2.png", "3.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    palette = frames[0].convert("P")
    palette.save(tmp_path / "4.png", transparency=bytes(256))
    frames[0].convert("RGBA").save(tmp_path / "5.png")
    frames[0].save(tmp_path / "6.png", transparency=(255, 0, 0))
    data = load_dataset("folder", data_dir=tmp_path)
    assert all((image == data[0][0]).all() for image, _ in data)
    gray = data.prepared(data.preprocessing.with_channels(1))
    assert gray[3][0].shape == (1, 20, 30)
    assert not recwarn
    left = LeftOut()
    assert [read_image(path).mode for path in image_files(tmp_path, left=left)] == ["RGB"] * 3 + ["P", "RGBA", "RGB"]
    assert left.notes() == []


def test_a_link_to_itself_is_left_out(tmp_path):
    for name in ("a/one.png", "b/two.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (20, 20)).save(tmp_path / name)
    (tmp_path / "c").symlink_to("c")
    (tmp_path / "a" / "z.png").symlink_to("z.png")
    data = load_dataset("folder", data_dir=tmp_path)
    assert data.class_names == ("a", "b")
    with pytest.raises(ValueError, match=r"z.png' can't be read as an image"):
        [data[index] for index in range(len(data))]
