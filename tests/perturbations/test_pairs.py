"""Given pairs are measured as a transformation that gives the same changes is."""

import pytest
import torch
from PIL import Image
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, StreamKeys, load_dataset, measure
from diffstab.data import MatchedImages
from diffstab.perturbations import GivenPairs

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 3, delta=1.0)


def found(network, images, transformation, **options):
    return measure(network, images, transformation, note=lambda text: None, **{"resamples": 100, **options})


def deformed(images, draw=0):
    keys = StreamKeys(0, torch.arange(len(images)), draw)
    return ENSEMBLE.apply(images, ENSEMBLE.sample(keys))


def test_pairs_made_by_our_own_fields_give_the_numbers_of_measuring_with_them(network, images):
    own = found(network, images, ENSEMBLE, noise_radius="per-image")
    pairs = found(network, images, GivenPairs(deformed(images)))
    for letter in "DGR":
        assert getattr(pairs, letter) == getattr(own, letter)
    assert (pairs.transform, pairs.noise_radius_rule, pairs.delta, pairs.cutoff) == ("pairs", "per-image", None, None)
    assert (pairs.raw.displacement_norm == own.raw.displacement_norm).all()
    common = found(network, images, GivenPairs(deformed(images)), noise_radius="ensemble")
    assert common.R == found(network, images, ENSEMBLE).R
    few = found(network, images, GivenPairs(deformed(images)), indices=torch.arange(5, 20), batch_size=4, layers="all")
    assert few.raw.deformation == pytest.approx(own.raw.deformation[5:20], rel=1e-4)


def test_other_changes_have_another_key_and_are_not_compared(network, images, tmp_path):
    one, same, other = (found(network, images, GivenPairs(deformed(images, draw))) for draw in (0, 0, 1))
    assert one.key == same.key != other.key
    assert one.changed_sha256 != other.changed_sha256
    store = Store(tmp_path, create=True)
    assert store.add(one)
    assert not store.add(same)
    assert store.add(other)
    assert "given change / noise" in str(one)


def test_what_are_no_pairs_is_refused(network, images):
    with pytest.raises(ValueError, match="image 39 has no changed one among 30; give one for each image"):
        found(network, images, GivenPairs(images[:30]))
    with pytest.raises(ValueError, match=r"changed images are \(1, 17, 11\) and the images \(3, 17, 11\); give both"):
        found(network, images, GivenPairs(images[:, :1]))
    with pytest.raises(ValueError, match="interpolation is 'gaussian' and the pairs are given; take 'bilinear'"):
        found(network, images, GivenPairs(images), interpolation="gaussian")
    with pytest.raises(TypeError, match=r"changed image 0 is torch.uint8 \(3, 4, 4\); floats"):
        GivenPairs(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="changed has no image"):
        GivenPairs([])
    with pytest.raises(ValueError, match="transform is 'pairs' and no changed images are given"):
        measure(network, images, transform="pairs")
    two = nn.Conv2d(2, 3, 3)  # changed images with two channels are no displacements
    assert found(two, images[:, :2], GivenPairs(deformed(images)[:, :2])).E is None


@pytest.fixture
def folders(tmp_path):
    """12 grey pictures in two classes, and the same mirrored, under other suffixes, with one more."""
    for n in range(12):
        pixels = torch.randint(0, 256, (24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
        picture = Image.fromarray(pixels.numpy())
        for name, suffix, changed in (("plain", "png", picture), ("mirrored", "bmp", picture.transpose(0))):
            path = tmp_path / name / "ab"[n % 2] / f"{n}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            changed.save(path)
    picture.save(tmp_path / "mirrored" / "a" / "more.png")
    return tmp_path / "plain", tmp_path / "mirrored"


def test_folders_are_matched_by_name(folders):
    plain, mirrored = folders
    images = load_dataset("folder", data_dir=plain)
    matched = MatchedImages(images, mirrored)
    assert len(matched) == 12
    assert all(torch.equal(matched[n], images[n][0].flip(-1)) for n in range(12))
    (mirrored / "b" / "3.bmp").unlink()
    with pytest.raises(ValueError, match=r"lacks b/3; a changed image for each one is needed"):
        MatchedImages(images, mirrored)
    (plain / "b" / "3.jpg").write_bytes((plain / "b" / "5.png").read_bytes())
    with pytest.raises(ValueError, match="has several images called b/3; keep one of each"):
        MatchedImages(load_dataset("folder", data_dir=plain), plain)
    with pytest.raises(ValueError, match="which is not a folder; name a folder of changed images"):
        MatchedImages(images, plain / "nothing")
    with pytest.raises(ValueError, match="mnist5k has no files with names; take dataset folder"):
        MatchedImages(load_dataset("mnist5k"), plain)


def test_the_command_measures_pairs_and_measures_them_again(folders, cli, tmp_path):
    plain, mirrored = folders
    words = "measure fc_l2 --weights init --dataset folder --images 12 --resamples 100 --transform pairs".split()
    folder = ["--data-dir", plain, "--changed-dir", mirrored, "--store", tmp_path / "store"]
    answer = cli(*words, *folder)
    assert answer.exit_code == 0, answer.stderr
    assert "given changes change the output" in answer.stdout
    (row,) = Store(tmp_path / "store").rows()
    assert "delta" not in row
    assert row["noise_radius_rule"] == "per-image"
    again = ["--from-row", row["key"][:12], "--store", tmp_path / "store", "--trust", plain, "--trust", mirrored]
    assert cli("measure", *again).exit_code == 0
    alone = cli(*words[:-2], "--data-dir", plain, "--changed-dir", mirrored)
    assert "transform is 'diffeo' and changed_dir is" in alone.stderr
    displaced = cli(*words, *folder, "--delta", "2")
    assert "transform is 'pairs', which has no delta" in displaced.stderr
