"""Images, networks and settings that give no number are refused, or the user is told."""

import multiprocessing

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from diffstab import MaxEntropyEnsemble, measure

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def test_one_bright_image_does_not_stop_the_others(images):
    bright = images.clone()
    bright[0] *= 1e7
    assert measure(nn.Flatten(), bright, ENSEMBLE).images == 40


class Endless(IterableDataset):
    """Gives images without end."""

    def __iter__(self):
        return iter(lambda: torch.rand(3, 17, 11), None)


class Shrinking:
    """Gives a batch less in each pass."""

    def __init__(self, images):
        self.images, self.left = images, 5

    def __iter__(self):
        self.left -= 1
        return iter(self.images.split(10)[: self.left])


def nan_at(index: int, images: torch.Tensor) -> torch.Tensor:
    broken = images.clone()
    broken[index, 0, 3, 3] = float("nan")
    return broken


def fails_on(call: int, image: int):
    """A network whose output for one image of a batch is NaN at its n-th call."""
    calls = iter(range(1000))

    def network(x):
        out = x.flatten(1).clone()
        if next(calls) == call:
            out[image, 0] = float("nan")
        return out

    return network


@pytest.mark.parametrize(
    ("network", "change", "options", "error", "message"),
    [
        (nn.Flatten(), lambda x: x[:1], {}, ValueError, r"1 image\(s\) came"),
        (nn.Flatten(), lambda x: x[:0], {}, ValueError, r"0 image\(s\) came"),
        (nn.Flatten(), lambda x: (x * 255).byte(), {}, TypeError, "images are torch.uint8; floats"),
        (nn.Flatten(), lambda x: nan_at(29, x), {}, ValueError, "image 29 holds NaN or infinite values before"),
        (nn.Flatten(), lambda x: x[..., :9], {}, ValueError, "images have 17 x 9 pixels"),
        (nn.Flatten(), lambda x: x[..., :1, :], {}, ValueError, "each side needs at least 2"),
        (nn.Flatten(), lambda x: x[0], {}, ValueError, r"\[N, C, H, W\] is needed"),
        (nn.Flatten(), lambda x: torch.ones_like(x), {}, ValueError, "change the images by no more than rounding"),
        (fails_on(0, 5), None, {}, ValueError, r"image 5 is not finite, at f\(x\)"),
        (fails_on(5, 5), None, {"batch_size": 20}, ValueError, r"image 25 is not finite, at f\(x\)"),
        (fails_on(1, 7), None, {}, ValueError, r"image 7 is not finite, at f\(tau x\), draw 0"),
        (fails_on(4, 7), None, {"draws": 2}, ValueError, r"image 7 is not finite, at f\(x \+ eta\), draw 1"),
        (lambda x: [1, "two"], None, {}, TypeError, "the network returned a list"),
        (lambda x: x.sum(), None, {}, ValueError, "for 40 images"),
        (lambda x: 0 * x, None, {}, ValueError, "does not change under noise"),
        ("resnet18", None, {}, TypeError, "model is a str"),
        (nn.Linear(3, 2).half(), None, {}, ValueError, r"the network is in torch.float16; .*\(network.float\(\)\)"),
        (nn.Flatten(), None, {"draws": 0}, ValueError, "draws is 0; it must be at least 1"),
        (nn.Flatten(), None, {"seed": -1}, ValueError, "seed is -1"),
        (nn.Flatten(), None, {"seed": 0.5}, TypeError, "seed is 0.5; a whole number"),
        (nn.Flatten(), None, {"average": "mode"}, ValueError, "average is 'mode'; allowed: median, mean"),
        (nn.Flatten(), None, {"noise_radius": "x"}, ValueError, "noise_radius is 'x'; allowed: ensemble, per-image"),
        (nn.Flatten(), None, {"interpolation": "x"}, ValueError, "interpolation is 'x'"),
        (nn.Flatten(), None, {"batch_norm": "x"}, ValueError, "batch_norm is 'x'; allowed: running, batch"),
        (nn.Flatten(), None, {"batch_size": 0}, ValueError, "batch_size is 0"),
        (nn.Linear(3, 2), None, {"device": "meta"}, ValueError, "device is meta but the network is on cpu"),
        (nn.Flatten(), None, {"labels": torch.arange(3)}, ValueError, r"labels are torch.int64 \(3,\)"),
        (lambda x: x[:, :, 0, 0], None, {"labels": torch.arange(40)}, ValueError, "label .* but the network has 3"),
        (nn.Flatten(), None, {"indices": torch.tensor([1, 40])}, ValueError, "there are 40 images"),
        (nn.Flatten(), None, {"indices": torch.tensor([1, 1])}, ValueError, "name an image twice"),
        (nn.Flatten(), None, {"indices": torch.tensor([1.0])}, ValueError, r"int64 \[M\] is needed"),
        (nn.Flatten(), lambda x: [x], {"indices": torch.arange(3)}, ValueError, "a loader brings its own"),
        (nn.Flatten(), lambda x: TensorDataset(x), {"labels": torch.arange(40)}, ValueError, "carry them"),
        (nn.Flatten(), iter, {}, TypeError, "gone through once"),
        (nn.Flatten(), lambda x: [(x, torch.zeros(40, 2).long())], {}, ValueError, r"labels are torch.int64 \(40, 2\)"),
        (nn.Flatten(), lambda x: TensorDataset(x, torch.rand(40)), {}, ValueError, "labels are torch.float32"),
        (nn.Flatten(), lambda x: TensorDataset(x, x, x), {}, TypeError, "gave 3 things at once"),
        (nn.Flatten(), Shrinking, {}, ValueError, "gave 40 images on its first pass and 30 on its second"),
        (nn.Flatten(), lambda x: Endless(), {}, TypeError, "wrap it in a DataLoader"),
        (lambda x: x[:, :0], None, {}, ValueError, r"the network returned torch.float32 \(40, 0"),
        (nn.Flatten(), lambda x: 7, {}, TypeError, "images are a int"),
        (nn.Flatten(), lambda x: [x.numpy()], {}, TypeError, "the loader gave images as ndarray"),
        (
            nn.Flatten(),
            lambda x: DataLoader(TensorDataset(x), batch_size=8, shuffle=True),
            {},
            ValueError,
            "other images on its second pass",
        ),
    ],
)
def test_bad_input_is_refused(images, network, change, options, error, message):
    given = images if change is None else change(images)
    with pytest.raises(error, match=message):
        measure(network, given, ENSEMBLE, **options)


def test_temperature_zero_is_refused(images):
    with pytest.raises(ValueError, match="temperature is 0, so nothing moves"):
        measure(nn.Flatten(), images, MaxEntropyEnsemble(SIZE, 3, temperature=0.0))
    with pytest.raises(ValueError, match="one temperature per image"):
        measure(nn.Flatten(), images, MaxEntropyEnsemble(SIZE, 3, temperature=torch.ones(40)))


class Uneven(TensorDataset):
    def __getitem__(self, index):
        return torch.zeros(3, 17, 11 + (index == 5))


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_a_data_set_come_whole_through_its_workers(workers):
    before = {child.pid for child in multiprocessing.active_children()}
    with pytest.raises(ValueError, match=r"^images of \(3, 17, 11\) and \(3, 17, 12\); they must have one size$"):
        measure(nn.Flatten(), Uneven(torch.zeros(9)), ENSEMBLE, workers=workers)
    assert not [child for child in multiprocessing.active_children() if child.pid not in before], "a worker is left"


def test_an_error_leaves_no_worker_of_a_loader():
    before = {child.pid for child in multiprocessing.active_children()}
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        measure(nn.Flatten(), DataLoader(Uneven(torch.zeros(9)), 6, num_workers=1), ENSEMBLE)
    assert not [child for child in multiprocessing.active_children() if child.pid not in before], "a worker is left"


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, IndexError, AttributeError])
def test_a_networks_own_error_tells_the_images(images, error):
    def network(batch):
        raise error("expected 5, got 4")

    with pytest.raises(ValueError, match=r"the network fails on images of 40x3x17x11 \(\w*Error: .*expected 5, got 4"):
        measure(network, images, ENSEMBLE)


def test_changes_within_rounding_are_told(images):
    """Outputs that are almost constant: in float32, R_f holds percents of rounding; in float64 it does not."""

    class Almost(nn.Module):
        def __init__(self, share):
            super().__init__()
            self.linear = nn.utils.skip_init(nn.Linear, 3 * 17 * 11, 5)
            nn.init.normal_(self.linear.weight, generator=torch.Generator().manual_seed(0))
            nn.init.zeros_(self.linear.bias)
            self.share = share

        def forward(self, x):
            return 1 + self.share * self.linear(x.flatten(1))

    notes = []
    for share in (1e-7, 1e-3):
        measure(Almost(share), images, ENSEMBLE, note=notes.append)
        measure(Almost(share).double(), images.double(), ENSEMBLE, note=notes.append)
    (note,) = notes
    assert "within 100 times the rounding of float32; measure in float64" in note
