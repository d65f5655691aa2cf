"""Which layers a choice means, and which can't be measured."""

from collections import namedtuple

import pytest
import torch
from support.layered import ENSEMBLE, SIZE, profile
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.layers.names import layers_meant

pytestmark = pytest.mark.usefixtures("one_thread")


class Odd(nn.Module):
    """Runs a module twice, shares one under two names, returns tuples and other things, and leaves one out."""

    Pair = namedtuple("Pair", "first second")

    class Tuple(nn.Module):
        def forward(self, x):
            return Odd.Pair(x + 1, x.mean())

    class Text(nn.Module):
        def forward(self, x):
            return f"{x.ndim} dimensions"

    class Transposed(nn.Module):
        def forward(self, x):
            return x.T

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 3)

    class Integers(nn.Module):
        def forward(self, x):
            return x.argmax(1)

    class Infinite(nn.Module):
        def forward(self, x):
            return x / 0

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3 * 17 * 11, 6)
        self.act = nn.Tanh()
        self.alias = self.act
        for part in (self.Tuple, self.Text, self.Transposed, self.Constant, self.Integers, self.Infinite):
            self.add_module(part.__name__.lower(), part())
        self.never = nn.Linear(6, 6)
        self.own = nn.Parameter(torch.ones(2, 2))  # as vision transformers hold their position embedding
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        x = self.act(self.first(x.flatten(1)))
        x, _ = self.tuple(self.alias(2 * x))
        for name in ("text", "transposed", "constant", "integers", "infinite"):
            getattr(self, name)(x)
        return self.last(x)


def test_runs_shared_modules_and_tuples_are_told_apart(images):
    network, notes = Odd(), []
    result = profile(network, images, note=notes.append)
    found = {layer.name: layer for layer in result.layers}
    assert list(found) == ["first", "act", "act:2", "tuple", "last"]
    assert found["act"].R != found["act:2"].R
    assert [layer.depth for layer in result.layers] == [0, 0, 0, 0, 1]
    assert found["tuple"].part == "'first' of first, second"
    assert found["tuple"].to_dict()["part"] == "'first' of first, second"
    text = "\n".join(notes)
    for told in (
        "text: it gives a str for 100 images, not floats for each",
        "transposed: it gives float32 (6, 100) for 100 images, not floats for each",
        "integers: it gives int64 (100,) for 100 images",
        "constant: its output does not change under noise",
        "infinite: its values are not finite",
        "never: it never runs in the forward pass",
    ):
        assert told in text, told
    assert result.raw.layers.deformation.shape == (40, 5, 2)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("frist", "no layer is called 'frist'; near: first"),
        ("first,act9", "no layer is called 'act9'; near: act"),
        (
            "text",
            r"no layer can be measured \(text: it gives a str for 100 images, not floats for each\); choose others",
        ),
        ("never", "never: it never runs in the forward pass"),
        ("auto,first", "give auto or all alone"),
        ("", "auto, all, or names such as layer\\*,fc are needed"),
    ],
)
def test_layers_that_cannot_be_measured_are_refused(images, chosen, message):
    with pytest.raises(ValueError, match=message):
        profile(Odd(), images, chosen)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_networks_without_layers_to_see_are_refused(images):
    traced = torch.jit.trace(nn.Sequential(nn.Flatten()), images[:2])
    with pytest.raises(ValueError, match=r"the network is a function; an nn\.Module is needed"):
        profile(lambda x: x, images)
    with pytest.raises(ValueError, match="a TopLevelTracedModule shows no layers"):
        profile(traced, images)
    with pytest.raises(TypeError, match="layers is 3; auto, all, or names"):
        profile(nn.Sequential(nn.Flatten()), images, 3)
    with pytest.raises(ValueError, match="median is taken per output coordinate"):
        measure(nn.Sequential(nn.Flatten()), images, MaxEntropyEnsemble(SIZE, 5, None, 1.0, "reference"), layers="all")


def test_patterns_mean_modules_by_any_of_their_names():
    network = Odd()
    assert list(layers_meant(network, "al*,l?st")) == ["alias", "last"]
    assert list(layers_meant(network, "a*")) == ["act"]
    assert list(layers_meant(network, "*,first")) == list(layers_meant(network, "all"))


def test_auto_takes_blocks_with_the_norm_and_activation_behind_them():
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout())
    network = nn.Sequential(block, nn.ModuleList([nn.Identity()]), nn.Flatten(), nn.Linear(4, 2))
    assert list(layers_meant(network, "auto")) == ["0.2", "0.3", "3"]


def test_auto_takes_the_points_at_which_timm_reads_features():
    import timm

    network = timm.create_model("resnet10t", num_classes=3)
    points = ["act1", "layer1", "layer2", "layer3", "layer4"]
    assert list(layers_meant(network, "auto")) == points
    result = measure(network, torch.rand(4, 3, 32, 32), MaxEntropyEnsemble(32, delta=1.0), layers="auto", resamples=100)
    assert [layer.name for layer in result.layers] == [*points, "output"]
    depths = [layer.depth for layer in result.layers]
    assert depths == sorted(depths)


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, torch.compile, lambda network: torch.compile(nn.DataParallel(network))]
)
def test_layers_are_seen_through_what_wraps_a_network(network, images, wrap):
    """Its own names, numbers and hashes; a network that hides them is refused."""
    options = {"layers": "auto", "resamples": 100}
    plain, wrapped = (measure(one, images, ENSEMBLE, **options) for one in (network, wrap(network)))
    assert wrapped.layers == plain.layers
    assert (wrapped.key, wrapped.model) == (plain.key, plain.model)
    assert [layer.name for layer in wrapped.layers][:2] == ["2", "4"]


def test_layers_of_a_network_compiled_in_place_are_refused(network, images):
    network.compile()
    with pytest.raises(ValueError, match=r"compiled in place .*which hides its layers; hand over one that was not"):
        measure(network, images, ENSEMBLE, layers="auto")
