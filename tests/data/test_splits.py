"""The folder of a split is found whatever it is called; what is read is what is named, and splits are never mixed."""

import pytest
from PIL import Image

from diffstab import load_dataset
from diffstab.options import SPLITS
from diffstab.options.data_names import class_in_split, split_word, split_words

SPELLINGS = {
    "train": "train Train TRAIN training Training trn train2017 train_images TrainSet trainingset 1-train".split(),
    "val": "val Val valid Validation VALID eval Evaluation dev Dev development val2017 validation_data".split(),
    "test": "test Test TEST testing Testing tests tst test_set test-images TestData test1".split(),
}


@pytest.fixture
def tree(tmp_path):
    """Writes one image into each folder of a text, two into those that end with 2."""

    def write(folders):
        for name in folders.split():
            folder = tmp_path / name.removesuffix(":2")
            folder.mkdir(parents=True, exist_ok=True)
            for k in range(1 + name.endswith(":2")):
                Image.new("RGB", (30, 20), (10 * k, 0, 0)).save(folder / f"{k}.png")
        return tmp_path

    return write


def read(folder, split="test"):
    data = load_dataset("folder", split=split, data_dir=folder)
    return data.split, data.class_names, len(data)


@pytest.mark.parametrize(("split", "name"), [(split, name) for split, own in SPELLINGS.items() for name in own])
def test_usual_spellings_are_splits_in_any_case(split, name, tree):
    other = {"train": "test", "val": "train", "test": "train"}[split]
    folder = tree(f"{name}/a:2 {name}/b {other}/a {other}/b")
    assert read(folder, split) == (split, ("a", "b"), 3)
    assert read(folder, other) == (other, ("a", "b"), 2)
    assert read(folder, name) == (split, ("a", "b"), 3)  # the option knows the same spellings


@pytest.mark.parametrize("name", "train_station test_tube valley Trainer protest evaluate_me развитие test_dev".split())
def test_other_names_are_classes(name, tree):
    assert split_word(name) is None
    assert read(tree(f"{name} other:2")) == (None, tuple(sorted([name, "other"])), 3)


@pytest.mark.parametrize("around", ["", "data/", "archive/images/", "Data Set/".replace(" ", "_")])
def test_splits_may_lie_one_or_two_levels_down(around, tree):
    folder = tree(f"{around}Train/a:2 {around}Train/b {around}Test/a {around}Test/b")
    assert [read(folder, split) for split in ("train", "test")] == [("train", ("a", "b"), 3), ("test", ("a", "b"), 2)]


def test_words_that_all_names_share_and_a_second_folder_of_the_same_name_are_seen_through(tree):
    folder = tree("seg_train/seg_train/a:2 seg_train/seg_train/b seg_test/seg_test/a seg_test/seg_test/b seg_pred/x")
    assert [read(folder, split)[::2] for split in ("train", "test")] == [("train", 3), ("test", 2)]
    assert split_words(["cats_train", "cats_test"]) == ["train", "test"]
    assert class_in_split("train_cats") == ("train", ("cats",))
    assert [split_word(split) for split in SPLITS] == list(SPLITS)


@pytest.mark.parametrize(
    ("folders", "split", "message"),
    [
        ("train/a train/b", "test", r"no split test in .*; there are train \(train\); name --split train$"),
        ("data/Training/a", "val", r"no split val in .*data'; there are train \(Training\); name --split train"),
        ("train/a val/a", "extra", r"there are train \(train\), val \(val\); name --split train or --split val"),
        ("a b", "train", "no split train in .*, which has no folders of splits; leave --split out"),
        ("train/a dev/a eval/a", "test", r"has several folders of the split val \(dev, eval\); name one as data_dir"),
        ("cat/train cat/test dog/train dog/test", "test", r"cat' holds splits \(test, train\), beside other folders"),
        ("cat/raw/Train cat/raw/Test dog/raw/Train dog/raw/Test", "test", r"cat' holds splits \(Test, Train\), beside"),
        ("data/train data/test more", "test", r"data' holds splits .*; name the folder that is meant as data_dir"),
        ("train_cat train_dog test_cat test_dog", "test", "folders test_cat and train_cat .* named like two splits"),
        ("trainA trainB testA testB", "train", "make a folder for each split, with its classes in it"),
        ("train/train/a train/val/a test/a", "train", r"train' holds folders of splits itself \(train, val\)"),
        ("cat dog test", "test", r"test' may be the split test, or a class like cat, dog beside it; name it as"),
        ("bus car train", "train", r"train' may be the split train, or a class like bus, car beside it"),
        ("cat dog train/cat train/dog", "test", r"there are train \(train\); name --split train"),
    ],
)
def test_what_would_mix_splits_or_is_not_there_is_refused(folders, split, message, tree):
    with pytest.raises(ValueError, match=message):
        load_dataset("folder", split=split, data_dir=tree(folders))


def test_a_split_without_images_is_not_there(tree, tmp_path):
    (tmp_path / "test" / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="no split test in"):
        load_dataset("folder", data_dir=tree("train/a"))


def test_what_stands_for_the_split_is_named_as_it_is_called(tree):
    data = load_dataset("folder", split="test", data_dir=tree("train/a validation/a:2"))
    assert (data.split, len(data), data.notes) == ("val", 2, ("there is no split test; val is used instead",))


def test_a_class_called_train_is_a_class_and_told(tree):
    data = load_dataset("folder", data_dir=tree("bus car train"))
    assert (data.split, data.class_names) == (None, ("bus", "car", "train"))
    assert data.notes == ("'train' is taken for a class, like the folders beside it",)


def test_without_splits_the_folders_own_name_tells_it(tree):
    folder = tree("Train/a Train/b:2 plain/a plain/b:2")
    for split in ("test", "train"):
        assert read(folder / "Train", split) == ("train", ("a", "b"), 3)
    assert read(folder / "plain") == (None, ("a", "b"), 3)
    with pytest.raises(ValueError, match=r"no split val in .*Train', which is named like the split train"):
        read(folder / "Train", "val")


def test_what_lies_beside_the_split_is_told(tree):
    data = load_dataset("folder", data_dir=tree("train/a test/a test/b sketches ."))
    assert (data.split, len(data)) == ("test", 2)
    assert data.notes == ("left out: beside the folder that is read: sketches, images",)


def test_links_to_splits_are_followed_and_those_that_lead_back_are_not(tree, tmp_path):
    tree("store/Train/a store/Test/a:2")
    (tmp_path / "linked").mkdir()
    for name in ("Train", "Test"):
        (tmp_path / "linked" / name).symlink_to(tmp_path / "store" / name)
    assert read(tmp_path / "linked") == ("test", ("a",), 2)
    (tmp_path / "store" / "Test" / "back").symlink_to(tmp_path / "store")
    data = load_dataset("folder", data_dir=tmp_path / "store")
    assert (data.class_names, len(data), data.notes) == (("a",), 2, ("left out: 1 link to folders (back)",))
