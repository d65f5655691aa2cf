"""The nets of Table 1 and of today: sizes, depths, widths, images of 28 to 64 pixels; where training starts."""

from fnmatch import fnmatch

import pytest
import torch
from torch import nn

from diffstab.models.alpha import AlphaNetwork, alpha_in
from diffstab.models.load import load_model
from diffstab.models.paper import PAPER_NETS, traits_of
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.models.transfer import read_out, start_from_imagenet
from diffstab.options.model_names import base_and_width
from diffstab.options.train import TrainOptions
from diffstab.training.optimisation import make_optimizer, make_schedule
from diffstab.training.start import fresh_state

THIN = 1 / 16
MILLIONS = {  # Table 1, of 3 x 32 x 32 images and 10 classes; "9-20", "11-24"
    "fc_l2": (0.19, 0.21), "fc_l4": (0.19, 0.22), "fc_l6": (0.19, 0.23), "lenet": (0.0615, 0.0625),
    "alexnet": (22.5, 23.5), "vgg11": (9, 9.5), "vgg11_bn": (9, 9.5), "vgg16": (14.5, 15), "vgg16_bn": (14.5, 15),
    "vgg19": (19.5, 20.5), "vgg19_bn": (19.5, 20.5), "resnet18": (11, 11.5), "resnet34": (21, 21.5),
    "resnet50": (23, 24), "resnet101": (42, 43),
}  # fmt: skip


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def count(network: nn.Module, *kinds: type[nn.Module]) -> int:
    return sum(isinstance(layer, kinds) for layer in network.modules())


@pytest.mark.parametrize("name", PAPER_NETS)
@pytest.mark.parametrize("shape", [(1, 28, 7), (3, 64, 200)])
def test_they_take_small_images(name, shape):
    channels, side, classes = shape
    network = PAPER_NETS[name](*shape, width=THIN).eval()
    assert network(torch.rand(2, channels, side, side)).shape == (2, classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", MILLIONS)
def test_sizes_of_table_1(name):
    least, most = MILLIONS[name]
    assert least <= parameters(PAPER_NETS[name](3, 32, 10)) / 1e6 <= most


@pytest.mark.parametrize(("name", "millions"), [("efficientnet_b0", 5), ("efficientnet_b2", 9)])
def test_table_1_counts_efficientnets_with_imagenet_s_classes(name, millions):
    assert round(parameters(PAPER_NETS[name](3, 32, 1000)) / 1e6) == millions


def test_depths_kinds_of_table_1():
    """Layers with weights on the way from input to output; blocks and two more where there are inverted residuals."""
    for name in PAPER_NETS:
        network, traits = PAPER_NETS[name](3, 32, 10, width=THIN), traits_of(name)
        layers = count(network, nn.Conv2d, nn.Linear)
        if fnmatch(name, "resnet*"):
            layers -= sum(key.endswith("downsample.0") for key, _ in network.named_modules())
        if fnmatch(name, "fc_*"):
            layers -= 1  # the read-out
        if fnmatch(name, "vgg*"):
            layers += 2  # of the original's three linear layers there is one
        if not any(fnmatch(name, kind) for kind in ("efficientnet*", "mobilenet*", "convnext*", "vit*", "scattering")):
            assert layers == traits.depth, name
        assert traits.batch_norm == bool(count(network, nn.BatchNorm2d)), name
    assert [traits_of(name).depth for name in ("efficientnet_b0", "efficientnet_b2")] == [18, 25]
    from torchvision.models.efficientnet import MBConv

    for name, depth in (("efficientnet_b0", 18), ("efficientnet_b2", 25)):
        assert count(PAPER_NETS[name](3, 32, 10, width=THIN), MBConv) + 2 == depth
    skips = {name for name in PAPER_NETS if traits_of(name).skip}
    assert skips == {
        name for name in PAPER_NETS if not fnmatch(name, "fc_*") and name[:3] not in ("len", "ale", "vgg", "sca")
    }
    assert traits_of("timm:resnet18") is None
    assert traits_of("paper:resnet18-w0.5") == traits_of("resnet18")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER_NETS)
def test_a_width_scales_every_layer(name):
    """Parameters grow about as the square of the width, but for what is fixed by images and classes."""
    half, whole = (parameters(PAPER_NETS[name](1, 28, 10, width=width)) for width in (0.25, 0.5))
    assert 1.7 < whole / half < 4.2
    assert PAPER_NETS[name](1, 28, 10, width=1e-3).eval()(torch.rand(1, 1, 28, 28)).shape == (1, 10)


def test_a_width_is_part_of_the_name():
    digits = Shape(1, 28, 28, 10)
    named = resolve_model("vgg11-w0.25", digits, dataset="mnist5k", weights="init").network
    assert parameters(named) == parameters(PAPER_NETS["vgg11"](1, 28, 10, width=0.25))
    assert named.features[0].out_channels == 16
    assert base_and_width("resnet18") == ("resnet18", 1.0)
    with pytest.raises(ValueError, match=r"'vgg11-w0'; a factor from 0.001 to 100 is needed after -w"):
        load_model("vgg11-w0", weights="init")
    with pytest.raises(ValueError, match=r"'vgg12-w0.25'; none of .* has such a network"):
        load_model("vgg12-w0.25", weights="init")


def test_the_stem_keeps_small_images():
    for name in ("resnet18", "vgg11", "efficientnet_b0", "mobilenet_v2", "densenet121"):
        layers = PAPER_NETS[name](1, 28, 10, width=THIN).modules()
        stem = next(layer for layer in layers if isinstance(layer, nn.Conv2d))
        assert (stem.kernel_size, stem.stride, stem.in_channels) == ((3, 3), (1, 1), 1)


def test_images_that_a_net_can_not_take_are_told():
    small = (("lenet", 12, "at least 16"), ("alexnet", 12, "at least 16"), ("unet", 6, "at least 8"))
    for name, side, message in (*small, ("vit_tiny", 30, "of 4")):
        with pytest.raises(ValueError, match=rf"images have {side} x {side} pixels; {name} .*{message}"):
            PAPER_NETS[name](1, side, 10)


# The alpha trick


def test_alpha_networks_begin_at_zero_and_keep_their_beginning():
    network = PAPER_NETS["fc_l2"](1, 28, 10)
    scaled = AlphaNetwork(network, 7.0)
    images = torch.rand(4, 1, 28, 28)
    assert (scaled(images) == 0).all()
    before = network(images).detach()
    with torch.no_grad():
        network[1].weight.add_(0.01)
    torch.testing.assert_close(scaled(images), 7 * (network(images) - before))
    assert {name for name, p in scaled.named_parameters() if p.requires_grad} == {
        f"network.{name}" for name, _ in network.named_parameters()
    }
    assert alpha_in(scaled.state_dict()) == 7.0
    assert alpha_in(network.state_dict()) is None


@pytest.mark.parametrize("name", ["vgg11_bn", "alexnet"])
def test_alpha_needs_a_network_that_is_one_function(name):
    with pytest.raises(ValueError, match=r"alpha is 3 and the network has (BatchNorm2d|Dropout), so f_0 is no fixed"):
        AlphaNetwork(PAPER_NETS[name](1, 28, 10, width=THIN), 3)


# Transfer


@pytest.fixture
def published(tmp_path, monkeypatch):
    """torchvision's weights of EfficientNet-B0 in its cache: a seeded initialisation in their place, 1,000 classes."""
    from torchvision.models import EfficientNet_B0_Weights, efficientnet_b0

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(5)
    state = efficientnet_b0(num_classes=1000).state_dict()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / EfficientNet_B0_Weights.DEFAULT.url.rsplit("/", 1)[-1])
    return state


@pytest.mark.parametrize("channels", [1, 3])
def test_transfer_takes_all_weights_but_the_last_layer_s(published, channels):
    options = TrainOptions(model="efficientnet_b0", recipe="transfer")
    state = fresh_state(options, Shape(channels, 28, 28, 10), torch.device("cpu"), 3)
    fresh = load_model("efficientnet_b0", weights="init").state_dict()
    for name, value in state.model.state_dict().items():
        if name.startswith("classifier.1."):
            assert value.shape == fresh[name].shape
        elif name == "features.0.0.weight" and channels == 1:
            assert torch.equal(value, published[name].sum(1, keepdim=True))
        else:
            assert torch.equal(value, published[name]), name
    rates = {len(group["params"]): group["lr"] for group in state.optimizer.param_groups}
    assert rates.pop(2) == 1e-2  # weight and bias of the last layer
    assert list(rates.values()) == [1e-3]
    state.optimizer.step()
    state.schedule.step()
    assert [group["lr"] for group in state.optimizer.param_groups] == pytest.approx([0.975e-3, 0.975e-2])


def test_a_gray_image_meets_what_a_gray_colour_image_would(published):
    gray, colour = (PAPER_NETS["efficientnet_b0"](channels, 28, 10).eval() for channels in (1, 3))
    for network, channels in ((gray, 1), (colour, 3)):
        start_from_imagenet(network, "efficientnet_b0", channels)
    image = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(gray.features(image), colour.features(image.expand(2, 3, 28, 28)))
    first = [network.features[0][0] for network in (gray, colour)]  # whose outputs are far from 0
    torch.testing.assert_close(first[0](image), first[1](image.expand(2, 3, 28, 28)))
    assert first[0](image).abs().mean() > 0.01


def test_transfer_from_weights_that_do_not_fit_is_told(published, monkeypatch):
    def start(model):
        start_from_imagenet(load_model(model, weights="init"), model, 1)

    with pytest.raises(ValueError, match=r"torchvision has no network 'lenet', so no published weights"):
        start("lenet")
    with pytest.raises(ValueError, match=r"of efficientnet_b0 have \(32, 3, 3, 3\) for its features.0.0.weight"):
        start("efficientnet_b0-w0.5")
    monkeypatch.setattr("diffstab.models.fetching.reachable", lambda *urls: False)
    with pytest.raises(ValueError, match=r"pretrained torchvision:efficientnet_b2 is not on this machine and https"):
        start("efficientnet_b2-w0.5")


def test_read_outs_are_found():
    heads = {"resnet18": "fc", "vgg11": "classifier", "densenet121": "classifier", "vit_tiny": "head"}
    for name, head in heads.items():
        found, layer = read_out(PAPER_NETS[name](1, 28, 7, width=THIN))
        assert (found, layer.out_features) == (head, 7)


# Optimisers


def test_vectors_have_no_decay_where_that_is_said():
    network = PAPER_NETS["vgg11_bn"](1, 28, 10, width=THIN)
    groups = make_optimizer(network, TrainOptions(recipe="reference", weight_decay=0.1)).param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (0.1 if parameter.ndim > 1 else 0), name
    assert len(make_optimizer(network, TrainOptions(weight_decay=0.1)).param_groups) == 1


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1, 1]),
        ({"schedule": "exponential", "gamma": 0.5}, [1, 0.5, 0.25, 0.125, 0.0625]),
        ({"schedule": "cosine"}, [1, 0.9045, 0.6545, 0.3455, 0.0955]),
        ({"schedule": "cosine", "cosine_span": 0.8}, [1, 0.8536, 0.5, 0.1464, 0]),
        ({"schedule": "cosine", "cosine_span": 0.4}, [1, 0.5, 0, 0.5, 1]),  # it rises again
    ],
)
def test_the_rate_follows_its_schedule(options, rates):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make_schedule(optimizer, TrainOptions(**options), 5)
    seen = []
    for _ in rates:
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx(rates, abs=1e-4)
