"""Labels give the test error; results tell networks, images and precision apart."""

import numpy as np
import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, deform, measure

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def test_keys_tell_networks_images_and_labels_apart(images):
    def key(network=None, x=images, **options):
        return measure(network or nn.Flatten(), x, MaxEntropyEnsemble(x.shape[-2:], 3, delta=1.0), **options).key

    keys = [
        key(),
        key(nn.Sequential(nn.Tanh(), nn.Flatten())),
        key(nn.Sequential(nn.ReLU(), nn.Flatten())),
        key(labels=torch.arange(40) % 2),
        key(x=images.mT.contiguous()),
        key(x=images.reshape(40, 3, 11, 17)),
        key(x=images.double()),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    assert key(lambda x: x) is None  # nothing tells one callable from another


def foreign(values):
    """An array as hardly any is: backwards, of the other byte order, read-only."""
    found = np.array(values[::-1], np.dtype(np.int64).newbyteorder("S"))[::-1]
    found.flags.writeable = False
    return found


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, foreign])
def test_labels_and_indices_may_be_lists_or_arrays(images, kind):
    labels, indices = kind([k % 2 for k in range(40)]), kind([3, 1, 8])
    found = measure(lambda x: x.mean((2, 3)), images, ENSEMBLE, labels=labels, indices=indices, seed=np.int64(2))
    assert found.test_error.images == 3


def test_outputs_that_are_no_classes_give_no_test_error(images):
    labels = torch.arange(40) % 2
    for network in (lambda x: x.mean((1, 2, 3)), lambda x: x, lambda x: x.mean((1, 2, 3))[:, None]):
        assert measure(network, images, ENSEMBLE, labels=labels).test_error is None


def test_labels_give_the_test_error_and_its_interval(images):
    labels = torch.arange(40) % 2
    found = measure(lambda x: torch.stack([x.mean((1, 2, 3)), 0 * x[:, 0, 0, 0]], 1), images, ENSEMBLE, labels=labels)
    assert found.test_error is not None
    assert (found.test_error.value, found.test_error.images) == (0.5, 40)
    assert found.test_error.low < 0.5 < found.test_error.high
    assert measure(nn.Flatten(), images, ENSEMBLE).test_error is None


def test_gaussian_test_error_is_that_of_the_images_themselves(images):
    """The class is whether the image is sharp: smoothed images would all be misclassified."""
    sharp = images + 0.5 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))

    def roughness(x):
        rough = (x[..., 1:] - x[..., :-1]).square().mean((1, 2, 3))
        return torch.stack([0 * rough, rough - 0.35], 1)

    labels = torch.ones(40, dtype=torch.int64)
    assert measure(roughness, sharp, ENSEMBLE, labels=labels, interpolation="gaussian").test_error.value == 0
    smooth = deform(sharp, torch.zeros(2, *SIZE), "gaussian")
    assert measure(roughness, smooth, ENSEMBLE, labels=labels).test_error.value == 1


def test_progress_counts_forward_passes(network, images):
    seen = []
    measure(network, images, ENSEMBLE, draws=2, batch_size=16, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(70, 200), (135, 200), (200, 200)]


def test_amp_is_told_with_its_error_and_recorded(network, images):
    """The note's figures are R_f of the first batch, with and without autocast."""
    notes = []
    found = measure(network, images, ENSEMBLE, amp=True, batch_size=25, note=notes.append)
    exact = measure(network, images, ENSEMBLE, batch_size=25)
    first = {amp: raw_ratio(one.raw, 20) for amp, one in ((True, found), (False, exact))}
    (note,) = notes
    assert note.startswith(
        f"amp-bfloat16: on the first 20 images R_f is {first[True]:.3g}, and {first[False]:.3g} in float32 "
        f"({first[True] / first[False] - 1:+.1%})"
    )
    assert (found.precision, exact.precision) == ("amp-bfloat16", "float32")
    assert found.R != exact.R
    assert found.key != exact.key
    assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(ValueError, match="amp is on and the network is in float64; take one"):
        measure(network.double(), images, ENSEMBLE, amp=True)


def raw_ratio(raw, count):
    return np.median(raw.deformation[:count]) / np.median(raw.noise[:count])


def test_labels_can_stand_for_any_output(network, images):
    """Classes 0, 1, 2 of the data are outputs 5, 3, 1; without a map there is no test error."""
    places = [5, 3, 1]
    labels = torch.arange(40) % 3
    found = measure(network, images, ENSEMBLE, labels=labels, label_outputs=lambda outputs: places)
    wrong = network.eval()(images).argmax(1) != torch.tensor(places)[labels]
    assert found.test_error.value == pytest.approx(float(wrong.double().mean()))
    without = measure(network, images, ENSEMBLE, labels=labels, label_outputs=lambda outputs: None)
    assert without.test_error is None
    assert without.R == found.R
    assert without.data_sha256 == found.data_sha256  # the same data, whatever the network


def test_which_images_were_measured_has_a_hash(network, images):
    some = torch.tensor([3, 7, 9])
    found = [measure(network, images, ENSEMBLE, indices=some[order]) for order in ([0, 1, 2], [2, 0, 1])]
    assert found[0].indices_sha256 == found[1].indices_sha256
    other = measure(network, images, ENSEMBLE, indices=torch.tensor([3, 7, 8]))
    assert other.indices_sha256 != found[0].indices_sha256
    assert measure(network, images[[3, 7, 9]], ENSEMBLE).indices_sha256 != found[0].indices_sha256


@pytest.mark.parametrize("order", [{"layers": "0"}, {"batch_norm": "batch"}], ids=["layers", "whole batches"])
def test_the_test_error_does_not_depend_on_the_order_of_the_images(images, order):
    """With layers or whole batches, the seed orders the images; the network's own classes are then right labels."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 17 * 11, affine=False), nn.Linear(3 * 17 * 11, 5))
    classes = torch.from_numpy(measure(network, images, ENSEMBLE, **order).raw.outputs).argmax(1)
    labels = torch.cat([classes[:30], (classes[30:] + 1) % 5])
    assert len(classes.unique()) > 2
    assert measure(network, images, ENSEMBLE, labels=labels, **order).test_error.value == 10 / 40
