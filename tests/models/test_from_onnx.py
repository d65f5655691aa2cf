"""Networks in ONNX give the outputs of the same networks in torch, or are refused."""

import copy
import pickle
from dataclasses import replace

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from support.graphs import as_onnx, convolutional
from support.named_networks import GRAY, ON_DIGITS, ON_PHOTOS, PHOTO
from torch import nn

from diffstab import MaxEntropyEnsemble, load_dataset, measure
from diffstab.measuring.by_name import measure_cell
from diffstab.models.from_onnx import OnnxNetwork, onnx_files
from diffstab.models.resolve import Override, resolve_model
from diffstab.options.measure import MeasureOptions
from diffstab.provenance import network_sha256, weights_sha256

pytestmark = pytest.mark.usefixtures("nothing_global_changes", "caches")
DIGIT, FREE = ["N", 1, 28, 28], ["N", 1, "H", "W"]


def digits(count=7):
    return torch.stack([load_dataset("mnist5k")[k * 100][0] for k in range(count)])


@pytest.mark.parametrize("shape", [DIGIT, FREE, [1, 1, 28, 28], [3, 1, 28, 28], [16, 1, 28, 28]])
@pytest.mark.parametrize("external", [False, True])
def test_outputs_equal_torchs_for_any_size_of_batch(tmp_path, shape, external):
    network, images = convolutional(), digits()
    loaded = resolve_model(as_onnx(network, tmp_path / "net.onnx", shape, external=external), **ON_DIGITS)
    assert (loaded.source, loaded.weights, loaded.preprocessing, loaded.notes) == ("onnx", "own", GRAY, ())
    with torch.no_grad():
        expected = network(images)
        for count in (1, 3, 7):
            torch.testing.assert_close(loaded.network(images[:count]), expected[:count], rtol=1e-5, atol=1e-5)


def test_numbers_equal_those_of_the_network_in_torch(tmp_path):
    network, images = convolutional(), load_dataset("mnist5k")
    ensemble = MaxEntropyEnsemble((28, 28), 3, delta=1.0)
    theirs = measure(network, images, ensemble, count=60)
    spec = as_onnx(network, tmp_path / "net.onnx", [8, 1, 28, 28])
    ours = measure_cell(MeasureOptions(model=spec, images=60, device="cpu"))
    for name in "DGR":
        assert getattr(ours, name).value == pytest.approx(getattr(theirs, name).value, rel=1e-5)
    assert ours.test_error == theirs.test_error
    assert (ours.data_sha256, ours.precision, ours.batch_norm) == (theirs.data_sha256, "float32", "none")


def test_the_key_follows_the_content(tmp_path):
    def key(network, shape=DIGIT, external=False):
        spec = as_onnx(network, tmp_path / "net.onnx", shape, external=external)
        return measure_cell(MeasureOptions(model=spec, images=10, device="cpu")).key

    assert key(convolutional()) == key(convolutional())
    others = [key(convolutional(seed=6)), key(convolutional(), FREE)]
    (tmp_path / "net.onnx.data").unlink(missing_ok=True)
    others += [key(convolutional(), external=True)]
    (tmp_path / "net.onnx.data").unlink()
    others += [key(convolutional(seed=6), external=True)]  # the weights are in another file
    assert len({key(convolutional()), *others}) == 5


def test_images_are_brought_to_a_fixed_size(tmp_path):
    spec = as_onnx(convolutional(3), tmp_path / "net.onnx", ["N", 3, 32, 48])
    loaded = resolve_model(spec, **ON_PHOTOS)
    assert loaded.preprocessing == replace(PHOTO, size=(32, 48), resize=(36, 54))
    assert f"{tmp_path / 'net.onnx'} does not record its preprocessing; using 3 x 32 x 48" in loaded.assumed
    told = Override(mean=(0.5,), std=(0.5,))
    assert resolve_model(spec, **ON_PHOTOS, override=told).assumed is None
    on_digits = resolve_model(spec, **ON_DIGITS).preprocessing
    assert (on_digits.shape, on_digits.resize) == ((3, 32, 48), (32, 48))
    with pytest.raises(ValueError, match=r"takes images of 32 rows, and these have 40"):
        loaded.network(torch.ones(2, 3, 40, 48))
    assert resolve_model(as_onnx(convolutional(), tmp_path / "free.onnx", FREE), **ON_DIGITS).preprocessing == GRAY


def test_of_several_outputs_the_logits_are_measured(tmp_path):
    network = convolutional()
    spec = as_onnx(network, tmp_path / "net.onnx", [4, 1, 28, 28], more=["features"])
    result = measure_cell(MeasureOptions(model=spec, images=10, device="cpu"))
    assert result.output == "'logits' of features, logits"
    assert result.raw.outputs.shape == (10, 10)


def test_half_precision_is_told(tmp_path):
    network, images = convolutional(), digits()
    spec = as_onnx(network, tmp_path / "net.onnx", DIGIT, kind=TensorProto.FLOAT16)
    with torch.no_grad():
        torch.testing.assert_close(
            resolve_model(spec, **ON_DIGITS).network(images).float(), network(images), rtol=0, atol=2e-2
        )
    assert measure_cell(MeasureOptions(model=spec, images=10, device="cpu")).precision == "mixed-float16"


def test_double_precision_is_kept(tmp_path):
    value, out = (helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", 1, 28, 28]) for name in "ab")
    graph = helper.make_graph([helper.make_node("Sigmoid", ["a"], ["b"])], "net", [value], [out])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    spec = f"onnx:{tmp_path / 'a.onnx'}"
    network, images = resolve_model(spec, **ON_DIGITS).network, digits().double()
    torch.testing.assert_close(network(images), images.sigmoid(), rtol=1e-14, atol=1e-14)
    wide = MeasureOptions(model=spec, images=10, precision="float64", device="cpu")
    assert measure_cell(wide).precision == "float64"


def test_less_precision_than_asked_for_is_told(tmp_path):
    spec = as_onnx(convolutional(), tmp_path / "net.onnx", DIGIT)
    wide = measure_cell(MeasureOptions(model=spec, images=10, precision="float64", device="cpu"))
    assert wide.precision == "mixed-float32"


def test_quantised_operations_are_told(tmp_path):
    path = tmp_path / "net.onnx"
    as_onnx(convolutional(), path, DIGIT)
    made = onnx.load(path)
    made.graph.node[-1].input[0] = "dequantised"
    scales = [("scale", TensorProto.FLOAT, 0.01), ("zero", TensorProto.UINT8, 128)]
    made.graph.initializer.extend(helper.make_tensor(name, one, [], [value]) for name, one, value in scales)
    for k, (operation, came, goes) in enumerate(
        [("QuantizeLinear", "features", "quantised"), ("DequantizeLinear", "quantised", "dequantised")]
    ):
        made.graph.node.insert(5 + k, helper.make_node(operation, [came, "scale", "zero"], [goes]))
    onnx.save(made, path)
    (note,) = resolve_model(f"onnx:{path}", **ON_DIGITS).notes
    assert "holds quantised operations, whose outputs move in steps" in note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "auto"}, "OnnxNetwork shows no layers; measure it without"),
        ({"worst": "both"}, "worst is asked for and the network has no gradient"),
        ({"batch_norm": "batch"}, "batch_norm is 'batch' and onnx:.* is a graph that computes as it was exported"),
        ({"amp": True}, "amp is on and onnx:.* is a graph"),
        ({"weights": "init"}, "is a graph with its weights; leave out --weights init"),
        ({"checkpoint": "w.pt"}, "leave out --checkpoint"),
        ({"num_classes": 3, "in_chans": 3, "model_kwargs": "a=1"}, "leave out --num-classes, --in-chans, --model-kw"),
        ({"shuffle_channels": True}, "no Conv2d with several input channels"),
    ],
)
def test_what_a_graph_can_not_do_is_refused(tmp_path, options, message):
    spec = as_onnx(convolutional(), tmp_path / "net.onnx", DIGIT)
    with pytest.raises(ValueError, match=message):
        measure_cell(MeasureOptions(model=spec, images=10, device="cpu", **options))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (["N", 28, 28, 1], r"takes images tensor\(float\) \['N', 28, 28, 1\]; 1 or 3 channels, before rows"),
        (["N", 784], r"one input of floats \[B, C, H, W\] is needed"),
    ],
)
def test_other_inputs_are_refused(tmp_path, shape, message):
    value = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["out"])], "net", [value], [out])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=message):
        resolve_model(f"onnx:{tmp_path / 'a.onnx'}", **ON_DIGITS)


def test_files_that_are_no_graph_or_lack_a_part(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"can't be loaded as ONNX \(.*\); export it again, in float32"):
        resolve_model(f"onnx:{tmp_path / 'a.onnx'}", **ON_DIGITS)
    with pytest.raises(ValueError, match=r"which can't be read \(No such file or directory\); name a file"):
        resolve_model(f"onnx:{tmp_path / 'b.onnx'}", **ON_DIGITS)
    path = tmp_path / "net.onnx"
    as_onnx(convolutional(), path, DIGIT, external=True)
    assert [file.name for file in onnx_files(path)] == ["net.onnx", "net.onnx.data"]
    (tmp_path / "net.onnx.data").rename(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"has weights in .*net.onnx.data, which is missing; bring it too"):
        resolve_model(f"onnx:{path}", **ON_DIGITS)
    path.write_bytes(path.read_bytes().replace(b"net.onnx.data", b"../../another"))
    with pytest.raises(ValueError, match=r"has weights in '../../another'; a file in its own folder is needed"):
        resolve_model(f"onnx:{path}", **ON_DIGITS)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    spec = as_onnx(convolutional(), tmp_path / "net.onnx", DIGIT)
    monkeypatch.setattr("diffstab.models.from_onnx.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"onnxruntime is needed: pip install 'diffstab\[onnx\]'"):
        resolve_model(spec, **ON_DIGITS)


def test_a_copy_is_the_same_network(tmp_path):
    as_onnx(convolutional(), tmp_path / "net.onnx", DIGIT)
    network, images = OnnxNetwork(tmp_path / "net.onnx"), digits(2)
    for one in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(one(images), network(images))
        assert (network_sha256(one), weights_sha256(one)) == (network_sha256(network), weights_sha256(network))
    assert isinstance(network, nn.Module)
