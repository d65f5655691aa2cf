"""Transformations through the measuring loop: their rows, label flips, the Lipschitz ratio, noise of a given norm."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, StreamKeys, deform, measure
from diffstab.options.choices import DIFFEO
from diffstab.perturbations.named import Translation, transformation_named
from diffstab.statistics.estimates import largest_ratio
from diffstab.store.check import check
from diffstab.store.recompute import recompute
from diffstab.streams import sphere_noise, uniforms

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)
NAMES = ("translation", "whole-translation", "rotation", "scale")
pytestmark = pytest.mark.usefixtures("one_thread")


class Contrast:
    """A transformation of one's own: a random change of contrast."""

    name, delta = "contrast", None

    def __init__(self, size):
        self.size = size

    def sample(self, keys, *, dtype, device):
        return (0.5 + uniforms(keys, 1)).to(dtype).to(device)

    def apply(self, images, factors, interpolation):
        mean = images.mean((-3, -2, -1), keepdim=True)
        return mean + (images - mean) * factors.view(-1, 1, 1, 1)


def measured(network, images, transformation=ENSEMBLE, **options):
    return measure(network, images, transformation, **{"resamples": 100, **options})


@pytest.mark.parametrize("name", NAMES)
def test_each_transformation_is_applied_image_by_image(network, images, name):
    transformation = transformation_named(name, SIZE, 2.0)
    result = measured(network, images, transformation, draws=2, batch_size=7)
    assert (result.transform, result.delta, result.cutoff, result.temperature) == (name, 2.0, None, None)
    assert result.convention == "paper"
    network.eval()
    for draw in range(2):
        keys = StreamKeys(0, torch.arange(len(images)), draw)
        sample = transformation.sample(keys)
        moved = deform(images, sample)
        with torch.no_grad():
            squares = (network(moved) - network(images)).double().square().sum(1)
        np.testing.assert_allclose(result.raw.deformation[:, draw], squares, rtol=1e-3, atol=1e-10)
        norms = (moved - images).double().flatten(1).norm(dim=1)
        np.testing.assert_allclose(result.raw.displacement_norm[:, draw], norms, rtol=1e-5)


@pytest.mark.parametrize("name", [DIFFEO, *NAMES])
def test_of_a_linear_isometry_r_is_1_for_every_transformation(images, name):
    """The noise has the norm of the typical change of the image, by its very definition; an odd count has a middle."""
    transformation = ENSEMBLE if name == "diffeo" else transformation_named(name, SIZE, 2.0)
    assert measured(nn.Flatten(), images[:39], transformation).R.value == pytest.approx(1, rel=1e-5)


def test_rows_of_different_transformations_are_different(network, images, tmp_path):
    ways = [ENSEMBLE, *(transformation_named(name, SIZE, 2.0) for name in NAMES), Translation(SIZE, 1.0)]
    results = [measured(network, images, one) for one in ways]
    assert len({result.key for result in results}) == len(ways)
    store = Store(tmp_path / "store", create=True)
    assert all(store.add(result) for result in results)
    assert [row["transform"] for row in store.rows()] == [DIFFEO, *NAMES, "translation"]
    assert list(check(Store(store.folder))) == []
    again = recompute(store, store.rows()[1], average="mean").row
    assert (again["transform"], again["flips_noise"]) == ("translation", store.rows()[1]["flips_noise"])


def test_a_transformation_of_ones_own(network, images, tmp_path):
    result = measured(network, images, Contrast(SIZE), layers="all")
    assert (result.transform, result.delta, result.fold_fraction, result.clamped_fraction) == ("contrast", *[None] * 3)
    assert result.lipschitz is None
    assert result.R.value > 0
    row = result.to_dict()
    json.dumps(row, allow_nan=False)
    store = Store(tmp_path / "store", create=True)
    assert store.add(result)
    assert np.isnan(store.raw(store.rows()[0]).gradient_norm).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"apply": lambda images, sample, way: images[:, :1]},
            r"the transformation contrast made torch.float32 \(40, 1",
        ),
        ({"apply": lambda images, sample, way: images.double()}, "made torch.float64 .* of torch.float32"),
        ({"apply": lambda images, sample, way: None}, "made NoneType of torch.float32"),
        ({"apply": lambda images, sample, way: images / 0}, "contrast made images that are not finite"),
        ({"apply": lambda images, sample, way: images.clone()}, "change the images by no more than rounding"),
        ({"size": (11, 17)}, r"images have 17 x 11 pixels; the ensemble is for \(11, 17\)"),
    ],
)
def test_a_transformation_that_is_none_is_refused(network, images, change, message):
    own = Contrast(SIZE)
    vars(own).update(change)
    with pytest.raises(ValueError, match=message):
        measured(network, images, own)


def test_flips_are_counted_by_image_and_draw(network, images):
    result = measured(network, images, draws=3, noise_norm=10.0)
    network.eval()
    keys = [StreamKeys(0, torch.arange(40), draw) for draw in range(3)]
    with torch.no_grad():
        classes = network(images).argmax(1)
        by_tau = [network(deform(images, ENSEMBLE.sample(key))).argmax(1) != classes for key in keys]
        eta = [sphere_noise(key, tuple(images.shape[1:])) * 10 for key in keys]
        by_eta = [network(images + one).argmax(1) != classes for one in eta]
    for rate, raw, expected in (
        (result.flips_deformation, result.raw.flips_deformation, by_tau),
        (result.flips_noise, result.raw.flips_noise, by_eta),
    ):
        flips = torch.stack(expected, 1).double().numpy()
        np.testing.assert_array_equal(raw, flips)
        assert rate.value == pytest.approx(flips.mean())
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.images == 40
    assert 0 < result.flips_noise.value < 1


def test_what_is_no_classifier_has_no_flips(images):
    result = measured(nn.Conv2d(3, 4, 3), images)
    assert result.flips_deformation is result.flips_noise is result.raw.flips_noise is None


def test_the_lipschitz_ratio_is_the_largest(network, images):
    result = measured(network, images, draws=2)
    gradients = [ENSEMBLE.sample(StreamKeys(0, torch.arange(40), draw)).gradient() for draw in range(2)]
    norms = [torch.linalg.matrix_norm(g.movedim((-4, -3), (-2, -1)), ord=2).amax((1, 2)) for g in gradients]
    room = torch.stack(norms, 1).double() * images.double().flatten(1).norm(dim=1)[:, None]
    ratios = np.sqrt(result.raw.deformation) / room.numpy()
    assert result.lipschitz.value == pytest.approx(ratios.max(), rel=1e-5)
    assert result.lipschitz.low <= result.lipschitz.value == result.lipschitz.high
    assert measured(network, images, Translation(SIZE, 1.0)).lipschitz is None
    assert measured(network, images, transformation_named("scale", SIZE, 1.0)).lipschitz.value > 0


def test_the_largest_ratio_of_resamples():
    top, bottom = np.array([[1.0, 2.0], [3.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 4.0], [1.0, 0.0], [np.nan, 2.0]])
    found = largest_ratio(top, bottom, resamples=1000, seed=0)
    # a resample of three misses the best image with probability (2/3)^3, and both of the better with 1/27
    assert (found.value, found.low, found.high) == (3.0, 0.5, 3.0)
    assert largest_ratio(top, 0 * top, resamples=100, seed=0) is None


def test_noise_of_a_given_norm(network, images):
    """Of a linear isometry the change is the noise itself, so G grows as its square and D stays."""
    flat = nn.Flatten()
    usual = measured(flat, images)
    small, large = (measured(flat, images, noise_norm=norm) for norm in (0.1, 0.3))
    assert small.D == large.D == usual.D
    np.testing.assert_allclose(small.raw.noise, 0.01, rtol=1e-4)
    assert large.G.value == pytest.approx(9 * small.G.value, rel=1e-4)
    assert (small.noise_radius, small.noise_norm, small.noise_radius_rule) == (pytest.approx(0.1), 0.1, "given")
    assert len({usual.key, small.key, large.key}) == 3
    for bad, error in ((0, ValueError), (-1, ValueError), (math.nan, ValueError), ("1", TypeError)):
        with pytest.raises(error, match="noise_norm is"):
            measured(flat, images, noise_norm=bad)


def test_a_convention_that_is_not_the_ensembles_is_refused(network, images):
    with pytest.raises(ValueError, match="convention is 'reference' and the ensemble's is 'paper'"):
        measured(network, images, convention="reference")
    found = measured(network, images, Translation(SIZE, 1.0), convention="reference")
    assert (found.convention, found.noise_radius_rule, found.median_rule) == ("reference", "per-image", "coordinate")


@pytest.mark.parametrize("name", NAMES)
def test_the_command_measures_each(cli, name):
    arguments = f"measure --model fc_l2 --images 30 --resamples 100 --transform {name} --delta 2".split()
    answer = cli(*arguments)
    assert answer.exit_code == 0, answer.output
    assert f"{name} / noise" in answer.stdout
    assert f"flips by {name}" in answer.stdout
    assert "delta = 2 px, bilinear" in answer.stdout
    row = json.loads(cli(*arguments, "--json").stdout)
    assert (row["transform"], row["delta"], row["cutoff"]) == (name, 2.0, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--transform whole-translation --delta 0.5", "delta is 0.5"),
        ("--transform rotation --delta 40", "delta is 40"),
        ("--transform scale --delta 20", "delta is 20"),
        ("--transform translation --delta 100", "delta is 100"),
        ("--transform translation --delta 0", "delta is 0"),
        ("--transform rotation --temperature 0.1", "temperature is 0.1 and transform 'rotation'; give delta"),
        ("--transform rotation --cutoff 5", "cutoff is 5 and transform 'rotation', which has no cutoff"),
        ("--noise-norm 1 --noise-radius per-image", "noise_norm is 1 and noise_radius is 'per-image'"),
        ("--noise-norm 0", "noise_norm is 0"),
    ],
)
def test_the_command_refuses_in_one_line(cli, arguments, message):
    answer = cli(*f"measure --model fc_l2 --images 20 {arguments}".split())
    assert answer.exit_code == 2, answer.output
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_the_store_tells_transformations_and_layers_apart(cli, tmp_path):
    folder = str(tmp_path / "store")
    usual = "measure --images 30 --resamples 100 --store".split()
    for model in ("fc_l2", "lenet"):
        for more in ("--layers auto", "--transform rotation", "--noise-norm 2"):
            answer = cli(*usual, folder, "--model", model, *more.split())
            assert answer.exit_code == 0, answer.output
    listed = cli("results", "list", "--store", folder).stdout.splitlines()
    assert sorted(line.split()[5] for line in listed[1:]) == ["diffeo"] * 4 + ["rotation"] * 2
    query = ["results", "query", "--store", folder, "layers_asked=auto", "model=fc_l2", "--columns", "key"]
    key = cli(*query).stdout.split()[-1]
    compared = cli("compare", folder, "fc_l2", "lenet")
    assert compared.exit_code == 0, compared.output
    settings = [line for line in compared.stdout.splitlines() if "convention" in line]
    assert len(settings) == 3
    for told in ("c = 3, delta = 1 px, bilinear", "rotation, delta = 1 px, bilinear", "||eta|| = 2, bilinear"):
        assert any(told in line for line in settings), told
    shown = cli("results", "show", "--store", folder, key).stdout
    assert shown.splitlines()[-1].split()[:2] == ["5", "1"]
    assert shown.splitlines()[-4].split()[:3] == ["layer", "depth", "R.value"]
    exported = cli("results", "export", "--store", folder, "--format", "layers").stdout
    assert len(exported.splitlines()) == 1 + 3 + 7


def test_noise_of_a_given_norm_goes_with_the_network_at_initialisation(cli):
    asked = "measure --model fc_l2 --images 20 --resamples 100 --noise-norm 1 --with-init --json"
    answer = cli(*asked.split())
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["noise_norm"] == told["init"]["noise_norm"] == 1
