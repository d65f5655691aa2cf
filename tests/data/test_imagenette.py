"""Imagenette: its largest size, its downloads; layouts of another data set are refused."""

import io
import tarfile
import zipfile
from hashlib import md5
from pathlib import Path

import pytest
from support.published_photographs import LARGE, SYNSETS, write
from torchvision.datasets import Imagenette

from diffstab import load_dataset
from diffstab.data import photographs

TEN = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257".split()


def labelled(data):
    """Of each image, in their order: the file's name, and its class."""
    return [(path.name, data.class_names[label]) for path, label in zip(data.raw.files, data.raw.labels, strict=True)]


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
