"""Data sets of the library `datasets`: every image and label, splits, columns, and what is refused."""

import io
import json
import os
import random

import datasets
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import Image as Pictures
from PIL import Image
from support.hugging_face import picture

from diffstab import load_dataset
from diffstab.options.data_names import dataset_named, table_named

NAMES = ["cat", "dog", "owl"]
LABELS = [2, 0, 1, 1, 0, 2, 2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache; nothing is reached, and nothing global changes."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("diffstab.data.tables.reachable", lambda *urls: False)
    before = torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    shown = datasets.is_progress_bar_enabled(), datasets.config.HF_HUB_OFFLINE
    yield
    assert (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert (datasets.is_progress_bar_enabled(), datasets.config.HF_HUB_OFFLINE) == shown


def pictures(mode="RGB", width=21, height=17):
    return [picture(k, width, height, mode) for k in range(len(LABELS))]


def table(mode="RGB", labels=LABELS, names=NAMES, image="image", label="label", **more):
    features = Features({image: Pictures(), label: ClassLabel(names=names) if names else Value("int64"), **more})
    columns = {image: pictures(mode), label: labels, **dict.fromkeys(more, labels)}
    return Dataset.from_dict(columns, features=features)


def as_parquet(folder, **splits):
    (folder / "data").mkdir(parents=True)
    for split, one in splits.items():
        one.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return f"hfds:{folder}"


def as_saved(folder, made):
    made.save_to_disk(folder)
    return f"hfds:{folder}"


def as_images(folder, **splits):
    for split, one in splits.items():
        for k, row in enumerate(one):
            place = folder / split / NAMES[row["label"]]
            place.mkdir(parents=True, exist_ok=True)
            row["image"].save(place / f"{k}.png")
    return f"hfds:{folder}"


def check(found, order=tuple(range(7)), mode="RGB"):
    """Every image and label, in the data set's order."""
    made = [pictures(mode)[k] for k in order]
    assert [label for _, label in (found[k] for k in range(len(found)))] == [LABELS[k] for k in order]
    for k, image in enumerate(made):
        assert torch.equal(found[k][0], found.preprocessing(image))
    assert (found.classes, found.class_names) == (3, tuple(NAMES))


@pytest.mark.parametrize("way", ["parquet", "saved", "imagefolder", "arrow"])
def test_every_image_and_label_of_the_split(tmp_path, way):
    folder, test = tmp_path / "set", table()
    if way == "parquet":
        spec = as_parquet(folder, train=table(labels=[0] * 7), test=test)
    elif way == "saved":
        spec = as_saved(folder, DatasetDict(train=table(labels=[0] * 7), test=test))
    elif way == "arrow":
        test.save_to_disk(tmp_path / "one")
        folder.mkdir()
        os.rename(next((tmp_path / "one").glob("*.arrow")), folder / "test.arrow")
        spec = f"hfds:{folder}"
    else:
        spec = as_images(folder, train=table(), test=test)
    found = load_dataset(spec)
    assert (found.name, found.split, found.shape) == (spec, "test", (3, 17, 21))
    order = sorted(range(len(LABELS)), key=lambda k: (LABELS[k], k)) if way == "imagefolder" else range(len(LABELS))
    check(found, order)
    assert found.contents == f"{str(folder)!r}: 7 images, 3 classes: cat 2, dog 2, owl 3"


def test_splits_by_usual_names_by_their_own_and_none(tmp_path):
    spec = as_saved(tmp_path / "one", DatasetDict(train=table(), validation=table().select([1, 3])))
    found = load_dataset(spec)
    assert (found.split, len(found), found.notes) == ("val", 2, ("there is no split test; val is used instead",))
    assert len(load_dataset(spec, split="train")) == 7
    assert load_dataset(f"{spec},split=train").split is None
    with pytest.raises(ValueError, match=r"split is 'extra'; the data set .* has train, val"):
        load_dataset(spec, split="extra")
    with pytest.raises(ValueError, match=r"has no split 'full'; there are train, validation: name one"):
        load_dataset(f"{spec},split=full")
    odd = as_saved(tmp_path / "odd", DatasetDict(full=table()))
    with pytest.raises(ValueError, match=r"has the splits full; name one, as in .*,split=full"):
        load_dataset(odd)
    check(load_dataset(f"{odd},split=full"))
    whole = as_saved(tmp_path / "whole", table())
    assert load_dataset(whole).split is None
    with pytest.raises(ValueError, match=r"has no splits, so leave it out"):
        load_dataset(whole, split="train")


def test_columns_are_named_where_there_are_several(tmp_path):
    fine = ClassLabel(names=["a", "b", "c", "d"])
    spec = as_saved(tmp_path / "two", table(image="img", label="coarse", fine=fine))
    with pytest.raises(ValueError, match=r"several columns of labels, coarse, fine; name one, as in .*,label=coarse"):
        load_dataset(spec)
    assert load_dataset(f"{spec},label=fine").class_names == ("a", "b", "c", "d")
    check(load_dataset(f"{spec},label=coarse"))
    check(load_dataset(as_saved(tmp_path / "label", table(fine=fine))))  # one of them is called label
    with pytest.raises(ValueError, match=r"has no column 'nothing'; there are img, coarse, fine"):
        load_dataset(f"{spec},label=nothing")
    with pytest.raises(ValueError, match=r"column 'fine' .* holds no images"):
        load_dataset(f"{spec},image=fine")
    both = datasets.concatenate_datasets(
        [table(), table().select_columns("image").rename_column("image", "mask")], axis=1
    )
    several = as_saved(tmp_path / "pictures", both)
    with pytest.raises(ValueError, match=r"several columns of images, image, mask; name one, as in .*,image=image"):
        load_dataset(several)
    check(load_dataset(f"{several},image=mask"))
    with pytest.raises(ValueError, match=r"has the columns label; one of the library's kind Image is needed"):
        load_dataset(as_saved(tmp_path / "none", table().remove_columns("image")))


def test_labels_without_names_and_no_labels(tmp_path):
    numbers = load_dataset(as_saved(tmp_path / "numbers", table(names=None)))
    assert (numbers.classes, numbers.class_names, numbers[0][1]) == (3, (), 2)
    for made in (table().remove_columns("label"), table(labels=[-1] * 7)):
        found = load_dataset(as_saved(tmp_path / f"{len(made.column_names)}", made))
        assert (found.classes, found[0][1]) == (0, -1)
    missing = as_saved(tmp_path / "missing", table(names=None, labels=[0, 1, None, 2, 0, 1, 1]))
    with pytest.raises(ValueError, match=r"column 'label' .* holds None; a whole number for each image is needed"):
        load_dataset(missing)
    texts = as_saved(tmp_path / "texts", table(text=Value("string")).cast_column("text", Value("string")))
    with pytest.raises(ValueError, match=r"column 'text' .* holds '2'; a whole number"):
        load_dataset(f"{texts},label=text")


def test_gray_images_have_one_channel_and_mixed_ones_three(tmp_path):
    gray = load_dataset(as_saved(tmp_path / "gray", table("L")))
    assert gray.shape == (1, 17, 21)
    check(gray, mode="L")
    mixed = Dataset.from_dict({"image": pictures("L")[:1] + pictures()[1:]}, features=Features({"image": Pictures()}))
    assert load_dataset(as_saved(tmp_path / "mixed", mixed)).shape == (3, 17, 21)


def test_large_images_get_the_preprocessing_of_photographs(tmp_path):
    made = Dataset.from_dict({"image": [picture(1, 90, 80)] * 3}, features=Features({"image": Pictures()}))
    found = load_dataset(as_saved(tmp_path / "large", made))
    assert (found.shape, found.preprocessing.resize) == ((3, 224, 224), (256, 256))


def test_orientation_is_left_and_told_as_of_files(tmp_path):
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    picture(1, 30, 20).save(stream, "JPEG", exif=exif)
    cells = [{"bytes": stream.getvalue(), "path": None}] * 2
    found = load_dataset(as_saved(tmp_path / "t", Dataset.from_dict({"image": cells}).cast_column("image", Pictures())))
    assert found.shape == (3, 20, 30)  # the library itself would turn it
    assert "2 of 2 images looked at have an EXIF orientation" in found.orientation_note([0, 1])


@pytest.mark.parametrize("cell", [{"bytes": b"nothing", "path": None}, None])
def test_an_image_that_can_not_be_read_is_named(tmp_path, cell):
    good = io.BytesIO()
    picture(1, 20, 20).save(good, "PNG")
    cells = [{"bytes": good.getvalue(), "path": None}, cell]
    made = Dataset.from_dict({"image": cells}).cast_column("image", Pictures())
    found = load_dataset(as_saved(tmp_path / "t", made))
    with pytest.raises(ValueError, match=r"image 1 of .* can't be read as an image"):
        found[1]
    files = load_dataset(as_images(tmp_path / "files", test=table()))
    (tmp_path / "files" / "test" / "cat" / "1.png").unlink()
    with pytest.raises(ValueError, match=r"image 0 of .* can't be read as an image"):
        files[0]


def test_files_of_other_kinds_and_elsewhere_are_refused(tmp_path):
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "a.json").write_text(json.dumps({"image": 3}))
    with pytest.raises(ValueError, match=r"files are of the kind json; parquet, arrow, imagefolder are allowed"):
        load_dataset(f"hfds:{pickled}")
    as_parquet(tmp_path / "other", test=table())
    leading = tmp_path / "leading"
    leading.mkdir()
    files = "configs:\n- config_name: default\n  data_files: ../other/data/*.parquet\n"
    (leading / "README.md").write_text(f"---\n{files}---\n")
    with pytest.raises(ValueError, match=r"can't be read"):
        load_dataset(f"hfds:{leading}")
    (leading / "README.md").write_text(f"---\n{files.replace('../other', 'http://127.0.0.1:9')}---\n")
    with pytest.raises(ValueError, match=r"can't be read"):
        load_dataset(f"hfds:{leading}")
    os.mkfifo(pickled / "pipe")
    with pytest.raises(ValueError, match=r"pipe' is no regular file"):
        load_dataset(f"hfds:{pickled}")


def test_changed_files_are_read_anew(tmp_path):
    """Also if they have the size and the time of those before."""
    specs = as_parquet(tmp_path / "set", test=table(labels=[0] * 7)), as_images(tmp_path / "files", test=table())
    (_, label), (image, _) = (load_dataset(spec)[0] for spec in specs)
    paths = tmp_path / "set/data/test-00000-of-00001.parquet", tmp_path / "files/test/cat/1.png"
    before = [path.stat() for path in paths]
    table(labels=[1] * 7).to_parquet(paths[0])
    picture(9, 21, 17).save(paths[1])
    for path, status in zip(paths, before, strict=True):
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert paths[0].stat().st_size == before[0].st_size
    (_, again), (other, _) = (load_dataset(spec)[0] for spec in specs)
    assert (label, again) == (0, 1)
    assert not torch.equal(image, other)


def test_what_the_library_keeps_of_the_hub_needs_no_network(tmp_path):
    kept = tmp_path / "cache" / "someone___pets"
    as_parquet(tmp_path / "pets", test=table())
    datasets.load_dataset(str(tmp_path / "pets"))
    (tmp_path / "cache" / "pets").rename(kept)
    found = load_dataset("hfds:someone/pets")
    check(found)
    assert found.contents == "'someone/pets': 7 images, 3 classes: cat 2, dog 2, owl 3"
    with pytest.raises(ValueError, match=r"does not tell its revisions apart\); use --download"):
        load_dataset("hfds:someone/pets@v1")


def test_a_script_in_the_folder_does_not_run(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(ValueError, match=r"can't be read"):
        load_dataset(f"hfds:{tmp_path / 'set'}")


def test_what_is_not_on_this_machine_needs_the_hub():
    with pytest.raises(ValueError, match=r"is neither a folder nor on this machine .*; use --download where the hub"):
        load_dataset("hfds:someone/nothing")
    with pytest.raises(ValueError, match=r"is not on this machine and http://127.0.0.1:9 can't be reached"):
        load_dataset("hfds:someone/nothing", download=True)


@pytest.mark.parametrize(
    "spec", ["hfds:", "hfds: ,label=a", "hfds:a/b,labels=c", "hfds:a/b,label=", "hfds:a,label=b,label=c"]
)
def test_a_name_of_another_form_is_told(spec):
    with pytest.raises(ValueError, match=r"hfds:USER/NAME or hfds:FOLDER is needed"):
        dataset_named(spec)


def test_parts_of_a_name_have_one_order():
    assert dataset_named("hfds:a/b@v1,label=c, split=full") == "hfds:a/b@v1,split=full,label=c"
    assert table_named("hfds:a/b") == ("a/b", None, None, None, None)


def test_other_options_of_data_sets(tmp_path, monkeypatch):
    spec = as_saved(tmp_path / "set", table())
    with pytest.raises(ValueError, match=r"data_dir is .* says where it is; leave it out"):
        load_dataset(spec, data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"download is asked for, but the data set is in your folder"):
        load_dataset(spec, download=True)
    monkeypatch.setattr("diffstab.data.tables.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the package datasets: pip install 'diffstab\[datasets\]'"):
        load_dataset(spec)
