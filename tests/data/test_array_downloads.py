"""Data sets of arrays are fetched on request alone, once, and whole or not at all."""

import pytest
from support.published_arrays import lay, publish

from diffstab import load_dataset

INNER = {"mnist": "MNIST/raw", "fashionmnist": "FashionMNIST/raw"}


INNER |= {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


def test_download_fetches_what_is_not_there_once(published, tmp_path, network, capsys):
    name, splits, _, archives = published
    network.files = archives
    for split, (_, labels) in splits.items():
        data = load_dataset(name, split=split, data_dir=tmp_path / "new" / "folder", download=True)
        assert data.labels.tolist() == labels.tolist()
    asked = len(network.asked)
    assert asked >= len(archives)
    for split in splits:
        load_dataset(name, split=split, data_dir=tmp_path / "new" / "folder", download=True)
    assert len(network.asked) == asked
    kept = {path.name for path in (tmp_path / "new" / "folder").rglob("*") if path.is_file()}
    assert kept == set(published[2])  # no archives
    assert capsys.readouterr().out == ""


def test_a_download_that_fails_says_so_in_a_line_and_leaves_nothing(published, tmp_path, network, capsys):
    name, _, _, archives = published
    for name_of_last in archives:  # all others come
        network.files = {
            other: content for other, content in archives.items() if other != name_of_last and name != "svhn"
        }
        with pytest.raises(
            ValueError, match=rf"{name} could not be fetched into '{tmp_path}' \(.*no route to host"
        ) as error:
            load_dataset(name, data_dir=tmp_path, download=True)
        assert "\n" not in str(error.value)
        assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_broken_archive_is_refused_and_leaves_nothing(published, tmp_path, network):
    name, _, _, archives = published
    network.files = {file: content[:-9] for file, content in archives.items()}
    with pytest.raises(ValueError, match=f"{name} could not be fetched .*File not found or corrupted"):
        load_dataset(name, data_dir=tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_fetched_again_and_others_stay(published, tmp_path, network):
    name, splits, files, archives = published
    network.files = archives
    inner = lay(tmp_path / INNER.get(name, ""), {**files, "notes.txt": b"mine"})
    for file in files:
        (inner / file).write_bytes(b"damaged")
    assert load_dataset(name, data_dir=tmp_path, download=True).labels.tolist() == splits["test"][1].tolist()
    assert (inner / "notes.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("name", INNER)
def test_archives_that_are_there_are_unpacked_without_a_network(name, tmp_path, monkeypatch, network):
    _, splits, _, archives = publish(name, monkeypatch)
    lay(tmp_path / INNER[name] if "mnist" in name else tmp_path, archives)
    if "cifar" in name:
        with pytest.raises(ValueError, match=rf"which holds .*{next(iter(sorted(archives)))}.*use --download"):
            load_dataset(name, data_dir=tmp_path)
    assert load_dataset(name, data_dir=tmp_path, download=True).labels.tolist() == splits["test"][1].tolist()
    assert not network.asked
