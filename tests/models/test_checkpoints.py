"""Checkpoints load whole or are refused; the kept ones measure as their manifest says."""

import json
import math
import pickle
import struct
import tomllib
import zipfile
from copy import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.models.checkpoints import pretrained_folder, read_checkpoint, read_manifest
from diffstab.models.paper import PAPER_NETS

KEPT = {
    *("fc_l2", "fc_l4", "fc_l6", "lenet", "alexnet-w0.25", "efficientnet_b0-w0.25"),
    *(f"vgg{n}{bn}-w0.25" for n in (11, 16, 19) for bn in ("", "_bn")),
    *("resnet18", "resnet18-w0.25", "resnet34-w0.25", "resnet50-w0.25", "scattering"),
}
OF_CLOTHES = {"fc_l4", "lenet", *(f"{name}-w0.25" for name in ("vgg11", "vgg16_bn", "efficientnet_b0", "resnet18"))}


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_checkpoints_of_both_kinds_load(tmp_path, wrapper):
    network = load_model("lenet", weights="init", seed=5)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "a.pt")
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    notes = []
    for file in ("a.pt", "a.safetensors"):
        loaded = load_model("lenet", checkpoint=tmp_path / file, note=notes.append)
        assert torch.equal(loaded[0].weight, network[0].weight)
    (note,) = notes
    assert "a.pt" in note
    assert "prefix 'module.' taken off" in note
    with pytest.warns(UserWarning, match="prefix 'module.' taken off"):
        load_model("lenet", checkpoint=tmp_path / "a.pt")


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


def test_the_kept_checkpoints_are_small_enough_and_complete():
    entries = read_manifest()
    names = {*((name, "mnist5k") for name in KEPT), *((name, "fashionmnist") for name in OF_CLOTHES)}
    assert {(entry["model"], entry["dataset"]) for entry in entries} == names
    files = [path for path in pretrained_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60e6
    project = tomllib.loads((pretrained_folder() / "pyproject.toml").read_text())
    apart = project["tool"]["hatch"]["build"]["only-include"]  # of wheel and source archive
    assert all((pretrained_folder() / name).is_dir() for name in apart)
    weights = [path for path in files if path.suffix == ".safetensors" and path.parent.name not in apart]
    assert sum(path.stat().st_size for path in weights) < 28e6  # of a wheel below 30 MB
    for entry in entries:
        config = json.loads((pretrained_folder() / entry["file"]).with_name("config.json").read_text())
        assert config["architecture"] == entry["model"]
        assert entry["recipe"]["seed"] == entry["seed"]


def entry_of(name, dataset="mnist5k"):
    (entry,) = (one for one in read_manifest() if (one["model"], one["dataset"]) == (name, dataset))
    return entry


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KEPT))
def test_kept_weights_load_and_classify(name):
    """Errors of 200 of the 1,000 images are within 4 standard errors of the manifest's."""
    entry = entry_of(name)
    data = load_dataset("mnist5k")
    wrong = load_model(name)(data.images[::5]).argmax(1) != data.labels[::5]
    expected = entry["test_error"]["value"]
    assert abs(wrong.double().mean() - expected) < 4 * (expected * (1 - expected) / 200) ** 0.5 + 0.005


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fc_l4", "resnet18"])
def test_kept_weights_measure_as_the_manifest_says(name):
    """fc_l4 on all images; resnet18 on 200, whose R_f must be within the errors of both."""
    entry = entry_of(name)
    data = load_dataset("mnist5k")
    few = None if name == "fc_l4" else torch.arange(0, 1000, 5)
    found = measure(load_model(name), data, MaxEntropyEnsemble(28, delta=1.0), indices=few)
    if few is None:
        assert found.R.value == pytest.approx(entry["R"]["value"], rel=1e-3)
        assert found.test_error.value == pytest.approx(entry["test_error"]["value"], abs=0.002)
    else:
        assert found.R.low < entry["R"]["high"]
        assert found.R.high > entry["R"]["low"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OF_CLOTHES))
def test_networks_of_clothes_measure_as_the_manifest_says(name):
    """On 400 of the 10,000 images; test error and R_f within 4 standard errors."""
    entry = entry_of(name, "fashionmnist")
    data_dir = entry["recipe"]["data_dir"]
    if not Path(data_dir).is_dir():
        pytest.skip(f"{data_dir} is missing: Debian's package dataset-fashion-mnist")
    data = load_dataset("fashionmnist", data_dir=data_dir)
    network = load_model(name, dataset="fashionmnist", data_dir=data_dir)
    found = measure(network, data, delta=1.0, count=400)
    expected = entry["test_error"]["value"]
    assert abs(found.test_error.value - expected) < 4 * (expected * (1 - expected) / 400) ** 0.5
    own = math.log(found.R.high / found.R.low) / (2 * 1.96)
    assert abs(math.log(found.R.value / entry["R"]["value"])) < 4 * own


def test_missing_or_changed_kept_weights_are_refused(tmp_path, monkeypatch):
    from diffstab.models import checkpoints

    entry = {**read_manifest()[0], "sha256": "0" * 64}
    with pytest.raises(ValueError, match=r"no pretrained vgg11 on mnist5k is kept with the package \(kept: .*fc_l4"):
        load_model("vgg11")
    (tmp_path / "manifest.json").write_text(json.dumps({"checkpoints": [entry]}))
    monkeypatch.setattr(checkpoints, "pretrained_folder", lambda: tmp_path)
    monkeypatch.setattr(checkpoints, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="is in the package diffstab-networks; pip install"):
        load_model(entry["model"])
    found = SimpleNamespace(submodule_search_locations=[tmp_path / "more"])
    monkeypatch.setattr(checkpoints, "find_spec", lambda name: found)
    path = tmp_path / "more" / entry["file"]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert checkpoints.pretrained_file(entry) == path
    with pytest.raises(ValueError, match="is damaged"):
        load_model(entry["model"])
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"\(kept: none\)"):
        load_model("fc_l4")


def test_weights_must_be_known():
    with pytest.raises(ValueError, match="weights is 'imagenet'; allowed: pretrained, init"):
        load_model("lenet", weights="imagenet")


def test_a_header_that_claims_more_than_the_file_is_told(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    for size, text in ((len(header), header), (2**62, header), (10**8, b"{" * 20)):
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", size) + text + bytes(8))
        with pytest.raises(ValueError, match=r"a.safetensors' is truncated or damaged; copy or save it again"):
            read_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_that_claim_more_than_the_file_holds_are_told(tmp_path, legacy):
    torch.save({"a": torch.zeros(1234567)}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    content = (tmp_path / "a.pt").read_bytes()
    assert content.count(struct.pack("<I", 1234567)[:3]) >= 2
    (tmp_path / "a.pt").write_bytes(content.replace(struct.pack("<I", 1234567)[:3], b"\xff\xff\xff"))
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("way", ["packed", "overlapping"])
def test_a_zip_file_that_unpacks_to_more_than_it_is_is_refused(tmp_path, way):
    torch.save({"a": torch.zeros(10)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    stored = zipfile.ZIP_DEFLATED if way == "packed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "a.pt", "w", stored) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if way == "packed":
            archive.writestr("archive/data/9", bytes(10**7))
        else:
            archive.writestr("archive/data/9", bytes(10**5))
            one = archive.infolist()[-1]
            for number in range(10, 20):
                again = copy(one)
                again.filename = f"archive/data/{number}"
                archive.filelist.append(again)
    with pytest.raises(ValueError, match=r"is a zip file of packed members, which torch.save does not write; save it"):
        read_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_file_that_may_not_be_read_is_told_as_such(tmp_path, monkeypatch, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refused)
    with pytest.raises(ValueError, match=rf"checkpoint .*a.{suffix}' can't be read \(Permission denied\)"):
        read_checkpoint(tmp_path / f"a.{suffix}")


def test_names_that_no_file_can_have_are_told(tmp_path):
    (tmp_path / "file").touch()
    for name in ("none.pt", "file/a.pt"):
        with pytest.raises(ValueError, match="there is no such file"):
            read_checkpoint(tmp_path / name)
    with pytest.raises(ValueError, match=r"can't be read \(File name too long\)"):
        read_checkpoint(tmp_path / ("a" * 300))
