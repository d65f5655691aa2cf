"""Networks by name, checkpoints, and the weights kept with the package."""

import json
import pickle
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.data.preprocessing import Preprocessing
from diffstab.models import fetching, resolve, sources
from diffstab.models.checkpoints import pretrained_folder, read_checkpoint, read_manifest
from diffstab.models.paper import PAPER_NETS
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape

DIGITS = Shape(1, 28, 28, 10)
PHOTOS = Shape(3, 224, 224, 0)
GRAY = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k")


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


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
        ("resnet19", DIGITS, r"model is 'resnet19'; none of paper, timm, torchvision has such a network \(near: "),
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
    with pytest.raises(ValueError, match="no network can be reached"):
        fetching.refuse_if_unreachable("timm:resnet26")
    fetching.refuse_if_unreachable("timm:resnet50")  # may be that one
    (no_network / "checkpoints").mkdir()
    (no_network / "checkpoints" / "se_resnet50-ce0d4300.pth").touch()
    fetching.refuse_if_unreachable("timm:legacy_seresnet50")
    with pytest.raises(ValueError, match="no network can be reached"):
        fetching.refuse_if_unreachable("timm:resnet26")


@pytest.mark.usefixtures("no_network")
def test_an_unknown_model_is_told_as_such_without_a_network_too():
    with pytest.raises(ValueError, match="none of timm, torchvision has such a network"):
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


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_checkpoints_of_both_kinds_load(tmp_path, wrapper):
    network = load_model("lenet", weights="init", seed=5)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "a.pt")
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    for file in ("a.pt", "a.safetensors"):
        loaded = load_model("lenet", checkpoint=tmp_path / file)
        assert torch.equal(loaded[0].weight, network[0].weight)


class Planted:
    """Runs code when unpickled."""

    def __reduce__(self):
        return (print, ("planted code ran",))


def write_bad_checkpoints(folder):
    network = load_model("lenet", weights="init")
    torch.save(network.state_dict(), folder / "whole.pt")
    whole = (folder / "whole.pt").read_bytes()
    (folder / "truncated.pt").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.pt").write_bytes(b"")
    torch.save(network, folder / "pickled.pt")
    torch.save({"model": Planted()}, folder / "planted.pt")
    torch.save([1, 2, 3], folder / "list.pt")
    sparse = {name: value.to_sparse() if value.ndim == 2 else value for name, value in network.state_dict().items()}
    torch.save(sparse, folder / "sparse.pt")
    torch.save({name: value.to(torch.complex64) for name, value in network.state_dict().items()}, folder / "complex.pt")
    (folder / "garbage.pt").write_bytes(bytes(range(7, 200)))
    save_file(network.state_dict(), folder / "whole.safetensors")
    whole = (folder / "whole.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(whole[:1000])
    (folder / "renamed.pt").write_bytes((folder / "whole.safetensors").read_bytes())
    torch.save(PAPER_NETS["lenet"](1, 28, 26).state_dict(), folder / "classes.pt")
    torch.save(PAPER_NETS["fc_l4"](1, 28, 10).state_dict(), folder / "other.pt")
    torch.save(PAPER_NETS["lenet"](1, 32, 10).state_dict(), folder / "size.pt")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("missing.pt", "there is no such file"),
        ("truncated.pt", "is truncated or damaged"),
        ("empty.pt", "is truncated or damaged"),
        ("truncated.safetensors", "is truncated or damaged"),
        ("pickled.pt", "is not plain tensors .* and is refused; save it as .safetensors"),
        ("planted.pt", "is not plain tensors .* and is refused"),
        ("list.pt", "holds no weights"),
        ("sparse.pt", r"holds 7.weight as torch.float32, torch.sparse_coo; dense real tensors are needed"),
        ("complex.pt", "holds 0.weight as torch.complex64"),
        ("garbage.pt", "is truncated or damaged"),
        ("classes.pt", "has 26 classes and the data set mnist5k has 10"),
        ("other.pt", r"is not for this network: it lacks .* and has .* unknown to it"),
        ("size.pt", r"is not for this network: 7.weight is \(120, 400\) instead of \(120, 256\)"),
    ],
)
def test_bad_checkpoints_are_refused(tmp_path, capsys, file, message):
    write_bad_checkpoints(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_model("lenet", checkpoint=tmp_path / file)
    assert "planted" not in capsys.readouterr().out


def test_safetensors_are_known_by_their_content(tmp_path):
    write_bad_checkpoints(tmp_path)
    assert set(read_checkpoint(tmp_path / "renamed.pt")) == set(read_checkpoint(tmp_path / "whole.pt"))


def test_a_plain_pickle_is_refused_without_a_warning(tmp_path):
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": Planted()}))
    with pytest.raises(ValueError, match="is not plain tensors"):
        read_checkpoint(tmp_path / "plain.pkl")


def test_class_counts_are_compared_for_every_head():
    from diffstab.models.checkpoints import fill

    class TwoHeads(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.first, self.second = nn.Linear(3, classes), nn.Linear(3, classes)
            self.body = nn.Linear(5, 3)

    with pytest.raises(ValueError, match=r"x.pt has 7 classes and the data set digits has 10"):
        fill(TwoHeads(10), TwoHeads(7).state_dict(), "x.pt", dataset="digits", classes=10)


def test_a_refused_checkpoint_leaves_the_network_whole(tmp_path):
    from diffstab.models.checkpoints import fill

    write_bad_checkpoints(tmp_path)
    network = load_model("lenet", weights="init", seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="is not for this network"):
        fill(network, read_checkpoint(tmp_path / "size.pt"), "size.pt", dataset="mnist5k", classes=10)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


KEPT = {
    *("fc_l2", "fc_l4", "fc_l6", "lenet", "alexnet-w0.25", "efficientnet_b0-w0.25"),
    *(f"vgg{n}{bn}-w0.25" for n in (11, 16, 19) for bn in ("", "_bn")),
    *("resnet18", "resnet18-w0.25", "resnet34-w0.25", "resnet50-w0.25", "scattering"),
}


def test_the_kept_checkpoints_are_small_enough_and_complete():
    entries = read_manifest()
    assert {(entry["model"], entry["dataset"]) for entry in entries} == {(name, "mnist5k") for name in KEPT}
    files = [path for path in pretrained_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60e6
    for entry in entries:
        config = json.loads((pretrained_folder() / entry["file"]).with_name("config.json").read_text())
        assert config["architecture"] == entry["model"]
        assert entry["recipe"]["seed"] == entry["seed"]


@pytest.mark.parametrize("name", sorted(KEPT))
def test_kept_weights_load_and_classify(name):
    """Errors of 200 of the 1,000 images are within 4 standard errors of the manifest's."""
    (entry,) = (entry for entry in read_manifest() if entry["model"] == name)
    data = load_dataset("mnist5k")
    wrong = load_model(name)(data.images[::5]).argmax(1) != data.labels[::5]
    expected = entry["test_error"]["value"]
    assert abs(wrong.double().mean() - expected) < 4 * (expected * (1 - expected) / 200) ** 0.5 + 0.005


@pytest.mark.parametrize("name", ["fc_l4", "resnet18"])
def test_kept_weights_measure_as_the_manifest_says(name):
    """fc_l4 on all images; resnet18 on 200, whose R_f must be within the errors of both."""
    (entry,) = (entry for entry in read_manifest() if entry["model"] == name)
    data = load_dataset("mnist5k")
    few = None if name == "fc_l4" else torch.arange(0, 1000, 5)
    found = measure(load_model(name), data, MaxEntropyEnsemble(28, delta=1.0), indices=few)
    if few is None:
        assert found.R.value == pytest.approx(entry["R"]["value"], rel=1e-3)
        assert found.test_error.value == pytest.approx(entry["test_error"]["value"], abs=0.002)
    else:
        assert found.R.low < entry["R"]["high"]
        assert found.R.high > entry["R"]["low"]


def test_missing_or_changed_kept_weights_are_refused(tmp_path, monkeypatch):
    from diffstab.models import checkpoints

    entry = {**read_manifest()[0], "sha256": "0" * 64}
    with pytest.raises(ValueError, match=r"no pretrained vgg11 on mnist5k is kept with the package \(kept: .*fc_l4"):
        load_model("vgg11")
    (tmp_path / "manifest.json").write_text(json.dumps({"checkpoints": [entry]}))
    monkeypatch.setattr(checkpoints, "pretrained_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="is missing or damaged"):
        load_model(entry["model"])
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"\(kept: none\)"):
        load_model("fc_l4")


def test_weights_must_be_known():
    with pytest.raises(ValueError, match="weights is 'imagenet'; allowed: pretrained, init"):
        load_model("lenet", weights="imagenet")
