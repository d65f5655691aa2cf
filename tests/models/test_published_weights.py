"""Published weights come from the caches, with the preprocessing that they were trained with."""

import time

import pytest
import torch
from safetensors.torch import save, save_file
from support.named_networks import (
    DIGITS,
    ON_DIGITS,
    ON_PHOTOS,
    OWN,
    PHOTOS,
    into_hub_cache,
    kept,
    made,
    same_weights,
    saved_by_timm,
)
from timm.models import save_for_hf

from diffstab.data.preprocessing import Preprocessing
from diffstab.models.labels import label_map
from diffstab.models.resolve import resolve_model

pytestmark = pytest.mark.usefixtures("nothing_global_changes", "caches")
TAG = "test_resnet.r160_in1k"  # timm's: mean and std 0.5, 160 pixels of 168, bilinear


def test_a_hubs_network_comes_from_the_cache_without_a_network(tmp_path, caches):
    network = made("test_resnet", num_classes=7)
    files = saved_by_timm(tmp_path / "net", network)
    into_hub_cache("someone/net-7", files)
    into_hub_cache("someone/net-8", files, revision="v1")  # and no other
    for spec in ("hf-hub:someone/net-7", "hf-hub:someone/net-8@v1"):
        loaded = resolve_model(spec, **ON_PHOTOS)
        same_weights(loaded.network, network.state_dict())
        assert (loaded.name, loaded.source, loaded.weights) == (spec, "hf-hub", "pretrained")
        assert (loaded.preprocessing.size, loaded.preprocessing.mean) == ((48, 48), OWN["mean"])
    assert caches == []


@pytest.mark.parametrize("files", [(), ("config.json",)])
@pytest.mark.parametrize("spec", ["hf-hub:someone/net-7", "hf-hub:someone/net-7@v2"])
def test_a_hubs_network_that_can_not_be_had_is_refused_at_once(tmp_path, files, spec):
    known = saved_by_timm(tmp_path / "net", made("test_resnet"))
    into_hub_cache("someone/net-7", {name: known[name] for name in files})
    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"{spec} is not on this machine .* use --weights init"):
        resolve_model(spec, **ON_PHOTOS)
    assert time.perf_counter() - start < 5


def test_a_hubs_gray_network_takes_gray_tensors(tmp_path):
    save_for_hf(made("test_resnet", num_classes=7, in_chans=1), tmp_path / "net", safe_serialization=True)
    into_hub_cache("someone/gray", {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir()})
    loaded = resolve_model("hf-hub:someone/gray", DIGITS, dataset="digits")
    assert loaded.network(torch.zeros(2, 1, 28, 28)).shape == (2, 7)
    with pytest.raises(ValueError, match="takes 1 channels and the images have 3"):
        resolve_model("hf-hub:someone/gray", PHOTOS, dataset="photos")


@pytest.fixture
def published():
    """timm's weights of a small network in the hub's cache: a seeded initialisation in their place."""
    state = made("test_resnet").state_dict()
    into_hub_cache(f"timm/{TAG}", {"model.safetensors": save(state)})
    return state


@pytest.mark.parametrize("spec", [f"timm:{TAG}", "timm:test_resnet", "test_resnet"])
def test_timms_weights_come_from_the_cache_with_the_preprocessing_of_their_tag(published, caches, spec):
    loaded = resolve_model(spec, **ON_PHOTOS)
    same_weights(loaded.network, published)
    assert (loaded.source, loaded.weights, loaded.tag) == ("timm", "pretrained", "r160_in1k")
    half = (0.5, 0.5, 0.5)
    assert loaded.preprocessing == Preprocessing(
        size=(160, 160), resize=(168, 168), interpolation="bilinear", mean=half, std=half, source=f"timm:{TAG}"
    )
    assert caches == []


def test_options_reach_timms_weights(published):
    def loaded(**options):
        return resolve_model("timm:test_resnet", **ON_DIGITS, **options)

    assert loaded().preprocessing.shape == (3, 160, 160)  # gray images are shown in colour
    gray = loaded(in_chans=1)
    assert gray.preprocessing.shape == (1, 160, 160)
    assert gray.options == {"in_chans": 1}
    first = next(name for name, value in published.items() if value.ndim == 4)
    assert torch.equal(gray.network.state_dict()[first], published[first].sum(1, keepdim=True))
    few = loaded(num_classes=10, model_kwargs={"drop_rate": 0.25})
    assert few.network(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    assert few.network.drop_rate == 0.25
    assert (loaded().head, gray.head, few.head) == (None, None, "init")
    assert few.options == {"num_classes": 10, "drop_rate": 0.25}
    assert torch.equal(few.network.state_dict()[first], published[first])
    with pytest.raises(ValueError, match=r"takes 2 channels; images have 1 or 3"):
        loaded(in_chans=2)
    with pytest.raises(ValueError, match=r"model_kwargs has in_chans; give it as --in-chans"):
        loaded(model_kwargs={"in_chans": 1})
    with pytest.raises(ValueError, match=r"timm:test_resnet can't be built with .*'nothing': 1"):
        loaded(weights="init", model_kwargs={"nothing": 1})


def test_torchvisions_weights_by_name(tmp_path, caches):
    from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

    with torch.random.fork_rng(devices=[]):
        state = squeezenet1_0().state_dict()
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / SqueezeNet1_0_Weights.DEFAULT.url.rsplit("/", 1)[-1])
    for spec in ("torchvision:squeezenet1_0@IMAGENET1K_V1", "torchvision:squeezenet1_0"):
        loaded = resolve_model(spec, **ON_DIGITS)
        same_weights(loaded.network, state)
        assert (loaded.name, loaded.source, loaded.tag) == (spec, "torchvision", "IMAGENET1K_V1")
        assert loaded.preprocessing.source == "torchvision:squeezenet1_0@IMAGENET1K_V1"
        assert (loaded.preprocessing.shape, loaded.preprocessing.resize) == ((3, 224, 224), (256, 256))
    assert caches == []
    for wrong in ("IMAGENET1K_V3", "imagenet"):
        with pytest.raises(ValueError, match=rf"@{wrong}'; resnet50 has the weights: IMAGENET1K_V1, IMAGENET1K_V2"):
            resolve_model(f"torchvision:resnet50@{wrong}", **ON_PHOTOS, weights="init")


@pytest.mark.parametrize("kind", ["paper", "timm", "torchvision", "hf-hub", "local-dir", "trained"])
def test_a_checkpoint_is_taken_in_place_of_any_weights(tmp_path, kind):
    files = saved_by_timm(tmp_path / "net", made("test_resnet", num_classes=7))
    into_hub_cache("someone/net", files)
    kept(tmp_path / "trained")
    spec = {
        "paper": "paper:lenet",
        "timm": "timm:test_resnet",
        "torchvision": "torchvision:squeezenet1_1",
        "hf-hub": "hf-hub:someone/net",
        "local-dir": f"local-dir:{tmp_path / 'net'}",
        "trained": f"local-dir:{tmp_path / 'trained'}",
    }[kind]
    other = resolve_model(spec, **ON_DIGITS, weights="init", seed=11).network.state_dict()
    save_file(other, tmp_path / "other.safetensors")
    loaded = resolve_model(spec, **ON_DIGITS, checkpoint=tmp_path / "other.safetensors")
    same_weights(loaded.network, other)
    assert loaded.weights == str(tmp_path / "other.safetensors")
    assert loaded.tag is None
    assert loaded.network(torch.zeros(2, *loaded.preprocessing.shape)).shape == (2, 10)


def test_the_weights_names_of_their_outputs_win(tmp_path):
    names = ["n01440764", "n03888257", "n02102040"]  # tench, parachute, springer spaniel
    saved_by_timm(tmp_path / "net", made("test_resnet", num_classes=3), label_names=names)
    loaded = resolve_model(f"local-dir:{tmp_path / 'net'}", **ON_PHOTOS)
    assert loaded.label_names == tuple(names)
    assert label_map(3, sorted(names), 3, loaded.label_names) == [0, 2, 1]
    assert label_map(3, sorted(names), 1000, loaded.label_names) == [0, 217, 701]  # not the outputs of these weights
    assert resolve_model(f"local-dir:{tmp_path / 'net'}", **ON_PHOTOS, weights="init").label_names == ()
