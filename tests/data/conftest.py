"""Small data sets as fixtures."""

import os
import urllib.request

import pytest
from support.fake_network import Network
from support.published_arrays import FORMATS, publish
from support.published_photographs import LARGE, OTHER, SMALL, SYNSETS, write


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """What data sets are fetched from: nothing, unless a test puts files there."""
    network = Network()
    monkeypatch.setattr(urllib.request, "urlopen", network)
    return network


@pytest.fixture(params=FORMATS)
def published(request, monkeypatch):
    """Of each data set: its name, what is in each split, its files, and what is fetched; with true checksums."""
    return publish(request.param, monkeypatch)


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
