"""MNIST's and FashionMNIST's files, packed and unpacked, wherever they lie; and what is refused."""

import gzip
import os
import tracemalloc
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from support.published_arrays import idx, lay, publish

from diffstab import load_dataset
from diffstab.data import idx as published_files
from diffstab.data.idx import FILES, PUBLISHED

INNER = {"mnist": "MNIST/raw", "fashionmnist": "FashionMNIST/raw"}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
IMAGES, LABELS = FILES["test"]


@pytest.fixture(params=INNER)
def small(request, monkeypatch):
    """Name, splits, unpacked and packed files."""
    return publish(request.param, monkeypatch)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("packed", [(True, True), (True, False), (False, True), (False, False)])
def test_packed_and_unpacked_files_are_read_where_they_lie(inside, packed, small, tmp_path, network):
    name, splits, files, archives = small
    both = dict(zip(files, archives, strict=True))
    chosen = {file: packed["labels" in file] for file in files}
    laid = {both[file] if is_packed else file for file, is_packed in chosen.items()}
    inner = lay(
        tmp_path / INNER[name] if inside else tmp_path,
        {file: content for file, content in {**files, **archives}.items() if file in laid},
    )
    for folder in {tmp_path, inner}:
        for split, (pixels, labels) in splits.items():
            data = load_dataset(name, split=split, data_dir=folder, download=True)
            assert data.labels.tolist() == labels.tolist()
            assert data.images.shape == (len(pixels), 1, 28, 28)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == laid  # nothing is unpacked beside them
    assert not network.asked


def test_one_split_needs_only_its_own_files_and_unpacked_ones_come_first(small, tmp_path):
    name, splits, files, _ = small
    lay(tmp_path, {IMAGES: files[IMAGES], LABELS: files[LABELS], f"{LABELS}.gz": b"not looked at"})
    assert load_dataset(name, data_dir=tmp_path).labels.tolist() == splits["test"][1].tolist()
    with pytest.raises(ValueError, match=rf"looked for {INNER[name]}/train-images.*train-labels.* \(or .gz\) in "):
        load_dataset(name, split="train", data_dir=tmp_path)


def test_folders_are_not_mixed(small, tmp_path):
    name, splits, files, archives = small
    lay(tmp_path / INNER[name], {IMAGES: files[IMAGES]})
    lay(tmp_path, {f"{file}.gz": archives[f"{file}.gz"] for file in (IMAGES, LABELS)})
    assert load_dataset(name, data_dir=tmp_path).labels.tolist() == splits["test"][1].tolist()
    (tmp_path / f"{IMAGES}.gz").unlink()
    with pytest.raises(ValueError, match=rf"looked for {INNER[name]}/{LABELS} \(or .gz\) in '.*raw' \(which holds "):
        load_dataset(name, data_dir=tmp_path)


def corrupted(content):
    return content[:40] + bytes([content[40] ^ 255]) + content[41:]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda content: b"", r"is damaged \(it begins with nothing, not 00000803\)"),
        (lambda content: content[:3], "is damaged"),
        (lambda content: content[:-9], r"is damaged \(Compressed file ended"),
        (corrupted, "is damaged"),
        (lambda content: content[:-8] + bytes(8), r"is damaged \(CRC check failed"),
        (lambda content: content + b"more", r"is damaged \(Not a gzipped file"),
        (lambda content: gzip.compress(gzip.decompress(content)[:10]), "is damaged .it ends after 10 bytes"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1]), "it has 3,919 values for 5 x 28 x 28"),
        (lambda content: gzip.compress(gzip.decompress(content) + b"x"), "it has 3,921 values for 5 x 28 x 28"),
        (lambda content: gzip.compress(idx(np.zeros((0, 28, 28)))), "it has 0 values for 0 x 28 x 28"),
        (lambda content: gzip.compress(b"\0\0\x0d\3" + content), "it begins with 00000d03, not 00000803"),
    ],
)
def test_damaged_packed_files_are_told_in_a_line(spoil, told, small, tmp_path):
    name, _, _, archives = small
    lay(tmp_path, {**archives, f"{IMAGES}.gz": spoil(archives[f"{IMAGES}.gz"])})
    with pytest.raises(ValueError, match=told) as error:
        load_dataset(name, data_dir=tmp_path)
    assert str(error.value).startswith(f"{name}/test: '{tmp_path / IMAGES}.gz' is damaged (")
    assert str(error.value).endswith("; get the published file, or use --download")
    assert "\n" not in str(error.value)


def test_a_packed_file_of_more_than_the_published_size_is_not_unpacked(small, tmp_path):
    name, _, _, archives = small
    most = FILES["test"][IMAGES]
    bomb = gzip.compress(bytes(2**20)) * 512  # 512 MiB in 512 kB
    lay(tmp_path, {**archives, f"{IMAGES}.gz": bomb})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"unpacks to more than the {most:,} bytes that are allowed, or use"):
            load_dataset(name, data_dir=tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 * most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_larger_than_the_published_ones_are_not_read(suffix, small, tmp_path):
    name, _, files, _ = small
    lay(tmp_path, {**files, f"{LABELS}.gz": b""})
    (tmp_path / LABELS).unlink()
    with (tmp_path / (LABELS + suffix)).open("wb") as stream:
        stream.truncate(2**40)  # of holes
    with pytest.raises(ValueError, match=r"has 1,099,511,627,776 bytes; at most .* are allowed, or use --download"):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes with a name are POSIX's")
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_only_regular_files_are_read(suffix, small, tmp_path):
    name, _, files, _ = small
    lay(tmp_path, files)
    (tmp_path / LABELS).unlink()
    os.mkfifo(tmp_path / (LABELS + suffix))
    with pytest.raises(ValueError, match=f"{LABELS}{suffix}' is a pipe; a regular file is needed, or use --download"):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("asked", "other"), [("mnist", "fashionmnist"), ("fashionmnist", "mnist")])
def test_the_files_of_the_other_data_set_are_refused(asked, other, packed, tmp_path, monkeypatch):
    _, _, files, archives = publish(other, monkeypatch)
    digests = {md5(content).hexdigest(): (other, file) for file, content in files.items()}
    monkeypatch.setattr(published_files, "PUBLISHED", digests)
    lay(tmp_path, archives if packed else files)
    assert len(load_dataset(other, data_dir=tmp_path)) == 5
    with pytest.raises(ValueError, match=rf"is {other} {IMAGES}; {asked} {IMAGES} is needed, or use --download"):
        load_dataset(asked, data_dir=tmp_path)
    (tmp_path / IMAGES).write_bytes(files["train-images-idx3-ubyte"])
    with pytest.raises(ValueError, match=rf"is {other} train-images-idx3-ubyte; {other} {IMAGES} is needed"):
        load_dataset(other, data_dir=tmp_path)


def test_every_published_file_is_known():
    expected = {(name, file) for name in INNER for files in FILES.values() for file in files}
    assert sorted(PUBLISHED.values()) == sorted(expected)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_files_of_debians_package_are_the_published_ones(split, count, monkeypatch):
    data = load_dataset("fashionmnist", split=split, data_dir=DEBIAN)
    assert data.labels.bincount().tolist() == [count // 10] * 10
    if split == "train":  # the statistics that images are normalised by are those of all training pixels
        assert abs(data.images.mean()) < 1e-3
        assert abs(data.images.std() - 1) < 1e-3
    for file in FILES[split]:
        content = gzip.decompress((DEBIAN / f"{file}.gz").read_bytes())
        assert len(content) == FILES[split][file]
        assert PUBLISHED[md5(content).hexdigest()] == ("fashionmnist", file)
    with pytest.raises(ValueError, match=r"is fashionmnist .*; mnist .* is needed"):
        load_dataset("mnist", split=split, data_dir=DEBIAN)
