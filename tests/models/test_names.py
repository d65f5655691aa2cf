"""Where a name is found, and what is said where its weights can't be had."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from diffstab import load_model
from diffstab.data.preprocessing import Preprocessing
from diffstab.models import fetching, resolve, sources
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.options import LIBRARIES

DIGITS = Shape(1, 28, 28, 10)
PHOTOS = Shape(3, 224, 224, 0)
GRAY = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k")


@pytest.mark.parametrize(
    ("spec", "shape", "source"),
    [
        ("resnet18", DIGITS, "paper"),
        ("resnet18", PHOTOS, "timm"),
        ("resnet18-w0.25", DIGITS, "paper"),
        ("paper:vgg11_bn-w2", DIGITS, "paper"),
        ("paper:lenet", DIGITS, "paper"),
        ("timm:resnet18", DIGITS, "timm"),
        ("torchvision:resnet18", PHOTOS, "torchvision"),
        ("googlenet", PHOTOS, "torchvision"),
        ("resnet10t", DIGITS, "timm"),
    ],
)
def test_where_a_name_is_found(spec, shape, source):
    assert sources.find(spec, shape)[0] == source


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("resnet19", DIGITS, rf"model is 'resnet19'; none of {', '.join(LIBRARIES)} has such a network \(near: "),
        ("timm:resnte18", DIGITS, r"timm has no such network \(near: .*resnet18"),
        ("keras:resnet18", DIGITS, "allowed prefixes: paper:, timm:, torchvision:"),
        ("paper:vit", DIGITS, "paper has no such network"),
        ("hf-hub:", PHOTOS, "a name is needed after the colon, as in hf-hub:timm/resnet18.a1_in1k"),
        ("hf-hub:a/b/c", PHOTOS, "a name is needed after the colon, as in hf-hub:timm/resnet18.a1_in1k"),
        ("local-dir:", PHOTOS, "a name is needed after the colon, as in local-dir:runs/resnet18"),
    ],
)
def test_unknown_names_are_refused_with_near_ones(spec, shape, message):
    with pytest.raises(ValueError, match=message):
        sources.find(spec, shape)


def test_timm_and_torchvision_networks_fit_the_images(monkeypatch):
    digits = resolve_model("timm:resnet10t", DIGITS, dataset="mnist5k", weights="init")
    assert digits.network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    photos = resolve_model("torchvision:squeezenet1_1", Shape(3, 64, 64, 5), dataset="folder", weights="init")
    assert photos.network(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert (photos.source, photos.weights) == ("torchvision", "init")
    with pytest.raises(ValueError, match=r"torchvision:squeezenet1_1 takes 3 channels and not 1"):
        resolve_model("torchvision:squeezenet1_1", DIGITS, dataset="mnist5k", weights="init")
    monkeypatch.setattr(resolve, "refuse_if_unreachable", lambda _: None)
    with pytest.raises(ValueError, match=r"takes 3 channels and the images have 1; use --weights init"):
        resolve_model("timm:resnet10t", DIGITS, dataset="mnist5k")
    with pytest.raises(ValueError, match=r"lenet needs at least 16 x 16"):
        resolve_model("lenet", Shape(1, 9, 9, 2), dataset="folder", weights="init")
    with pytest.raises(ValueError, match=r"the paper's nets take square ones"):
        resolve_model("lenet", Shape(1, 28, 30, 2), dataset="folder", weights="init")


def test_gray_images_are_shown_to_torchvision_networks_in_colour():
    digits = resolve_model("torchvision:squeezenet1_1", DIGITS, dataset="mnist5k", weights="init", usual=GRAY)
    assert digits.preprocessing == GRAY.with_channels(3)
    assert digits.network(torch.zeros(2, 3, 28, 28)).shape == (2, 10)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Empty caches, and hubs at an address where nothing answers."""
    nowhere = "http://127.0.0.1:9"
    monkeypatch.setenv("HF_ENDPOINT", nowhere)
    monkeypatch.setattr(fetching, "TORCHVISION_URL", nowhere)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("spec", ["timm:resnet18", "torchvision:resnet18", "resnet18", "timm:resnet18d"])
def test_without_a_network_pretrained_weights_are_refused_at_once_with_the_way_out(spec):
    sources.find(spec, PHOTOS)  # imports timm, which is not what is timed
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"reached; use --weights init, --checkpoint FILE"):
        resolve_model(spec, PHOTOS, dataset="photos")
    assert time.perf_counter() - start < 5


def test_other_cached_weights_do_not_delay_the_refusal(no_network):
    (no_network / "models--timm--resnet50.a1_in1k").mkdir()
    with pytest.raises(ValueError, match="the internet can't be reached"):
        fetching.refuse_if_unreachable("timm:resnet26")
    fetching.refuse_if_unreachable("timm:resnet50")  # may be that one
    (no_network / "checkpoints").mkdir()
    (no_network / "checkpoints" / "se_resnet50-ce0d4300.pth").touch()
    fetching.refuse_if_unreachable("timm:legacy_seresnet50")
    with pytest.raises(ValueError, match="the internet can't be reached"):
        fetching.refuse_if_unreachable("timm:resnet26")


@pytest.mark.usefixtures("no_network")
def test_an_unknown_model_is_told_as_such_without_a_network_too():
    with pytest.raises(ValueError, match=f"none of {', '.join(LIBRARIES[1:])} has such a network"):
        resolve_model("resnet81", PHOTOS, dataset="photos")


def test_damaged_cached_weights_are_told_in_one_sentence(no_network):
    from torchvision.models import ResNet18_Weights

    (no_network / "checkpoints").mkdir()
    (no_network / "checkpoints" / ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]).write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"pretrained torchvision:resnet18 could not be loaded \(EOFError: .*\); use --weights init or"
    ):
        resolve_model("torchvision:resnet18", PHOTOS, dataset="photos")


@pytest.mark.parametrize(("code", "reachable"), [(200, True), (404, True), (502, False), (407, False)])
def test_a_gateways_error_is_no_network(code, reachable):
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert fetching.reachable(f"http://127.0.0.1:{server.server_port}") is reachable


def test_names_known_without_timm():
    assert sources.is_known_without_timm("timm:resnet18")
    assert sources.is_known_without_timm("vgg16_bn")
    assert sources.is_known_without_timm("timm:vit_base_patch16_224.augreg_in21k")
    assert not sources.is_known_without_timm("resnet81")
    assert not sources.is_known_without_timm("timm:resnet(")


def test_initialisation_is_seeded_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    one, same, other = (load_model("lenet", weights="init", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert not one.training
