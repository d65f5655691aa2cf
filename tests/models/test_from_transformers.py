"""Networks of transformers from folders: the library's own processor and network give the same output, or a refusal."""

import json
import sys

import numpy as np
import pytest
import torch
from support.hugging_face import changed, network_of, picture, saved
from support.named_networks import ON_DIGITS, ON_PHOTOS, PHOTO, into_hub_cache, same_weights
from transformers import (
    AutoImageProcessor,
    BitImageProcessor,
    CLIPImageProcessor,
    ConvNextImageProcessor,
    DINOv3ViTImageProcessor,
    EfficientNetImageProcessor,
    LevitImageProcessor,
    MobileViTImageProcessor,
    TextNetImageProcessor,
    ViTImageProcessor,
)

from diffstab.data.preprocessing import Preprocessing
from diffstab.measuring.by_name import measure_cell
from diffstab.measuring.outputs import measured_output
from diffstab.models.resolve import Override, resolve_model
from diffstab.models.sources import Shape
from diffstab.options.measure import MeasureOptions

pytestmark = pytest.mark.usefixtures("nothing_global_changes", "caches")
SQUARE = {"height": 32, "width": 32}
SIDES = ((97, 131), (140, 91), (450, 301), (33, 40))  # width and height
VIT = ViTImageProcessor(size=SQUARE)
PROCESSORS = [
    VIT,
    ViTImageProcessor(size=SQUARE, do_rescale=False, image_mean=[120.0, 110.0, 100.0], image_std=[60.0, 50.0, 40.0]),
    ViTImageProcessor(size=SQUARE, do_normalize=False, resample=0),
    ViTImageProcessor(size=SQUARE, rescale_factor=1 / 127.5, image_mean=[1.0] * 3, image_std=[1.0] * 3),
    ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875),
    ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.9),  # 35 pixels, an odd border
    CLIPImageProcessor(size={"shortest_edge": 37}, crop_size=SQUARE),
    BitImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE, resample=1),
    LevitImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE),
    EfficientNetImageProcessor(size=SQUARE, rescale_offset=True, rescale_factor=1 / 127.5),
    EfficientNetImageProcessor(size={"height": 35, "width": 35}, do_center_crop=True, crop_size=SQUARE),
]


def library_output(folder, network, image):
    """f of an image by the library alone."""
    made = AutoImageProcessor.from_pretrained(folder, backend="pil")(image, return_tensors="pt")
    with torch.no_grad():
        found = network(**made)
    return found.logits if "logits" in found else found.pooler_output


def our_output(loaded, image):
    with torch.no_grad():
        return measured_output(loaded.network(loaded.preprocessing(image)[None]))[0]


@pytest.mark.parametrize("processor", PROCESSORS, ids=range(len(PROCESSORS)))
def test_output_equals_the_librarys_own_pipeline(tmp_path, processor):
    network = network_of("ViT")
    loaded = resolve_model(saved(tmp_path, network, processor), **ON_PHOTOS)
    same_weights(loaded.network, network.state_dict())
    assert (loaded.source, loaded.weights, loaded.head, loaded.notes) == ("transformers", "pretrained", None, ())
    for seed, (width, height) in enumerate(SIDES):
        image = picture(seed, width, height)
        theirs, ours = library_output(tmp_path, network, image), our_output(loaded, image)
        assert theirs.abs().max() > 0.1
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["ConvNext", "ResNet", "ViT"])
@pytest.mark.parametrize("task", ["ForImageClassification", ""])
def test_classifiers_give_logits_and_encoders_their_pooled_output(tmp_path, family, task):
    network = network_of(family, task)
    loaded = resolve_model(saved(tmp_path, network, VIT), **ON_PHOTOS)
    image = picture(1, 60, 50)
    torch.testing.assert_close(our_output(loaded, image), library_output(tmp_path, network, image))
    assert loaded.head == (None if task else "none")


def test_gray_networks_take_gray_images(tmp_path):
    network = network_of("ViT", num_channels=1)
    processor = ViTImageProcessor(size=SQUARE, image_mean=[0.2], image_std=[0.3])
    for images in (ON_DIGITS, ON_PHOTOS):
        loaded = resolve_model(saved(tmp_path, network, processor), **images)
        assert loaded.preprocessing.shape == (1, 32, 32)
        image = picture(2, 41, 37, "L")
        torch.testing.assert_close(our_output(loaded, image), library_output(tmp_path, network, image))


def test_a_processor_that_does_not_resize_leaves_images_as_they_are(tmp_path):
    network = network_of("ConvNext")
    spec = saved(tmp_path, network, ViTImageProcessor(do_resize=False))
    usual = Preprocessing(size=(37, 41), mean=(0.5,) * 3, std=(0.5,) * 3, source="own")
    loaded = resolve_model(spec, Shape(3, 37, 41, 7), dataset="own", usual=usual)
    assert (loaded.preprocessing.size, loaded.preprocessing.resize) == ((37, 41), None)
    image = picture(2, 41, 37)
    torch.testing.assert_close(our_output(loaded, image), library_output(tmp_path, network, image))
    with pytest.raises(ValueError, match=r"takes images in their own size, and those of photos may have several; give"):
        resolve_model(spec, **ON_PHOTOS)
    assert resolve_model(spec, **ON_PHOTOS, override=Override(img_size=48)).preprocessing.size == (48, 48)


def test_what_differs_by_rounding_alone_is_told(tmp_path):
    network = network_of("ViT")  # its processor resizes floats, by torchvision
    loaded = resolve_model(saved(tmp_path, network, DINOv3ViTImageProcessor(size=SQUARE)), **ON_PHOTOS)
    (note,) = loaded.notes
    assert "equal to its DINOv3ViTImageProcessor up to" in note


@pytest.mark.parametrize(
    ("processor", "why"),
    [
        (MobileViTImageProcessor(size=SQUARE, do_center_crop=False), "differs by .* of 255 levels"),  # blue first
        (TextNetImageProcessor(size={"shortest_edge": 32}), "keeps the aspect ratio"),
        (ViTImageProcessor(size=SQUARE, resample=4), "resamples by box"),
        (ViTImageProcessor(do_resize=False, do_center_crop=True, crop_size=SQUARE), "crops images that it does not"),
        (ViTImageProcessor(size=SQUARE, image_mean=[0.5] * 2, image_std=[0.5] * 2), "could not be broadcast"),
        (ViTImageProcessor(size=SQUARE, do_pad=True, pad_size={"height": 40, "width": 40}), "it makes .* not"),
    ],
)
def test_a_processor_that_can_not_be_followed_is_refused(tmp_path, processor, why):
    spec = saved(tmp_path, network_of("ViT"), processor)
    with pytest.raises(ValueError, match=rf"can't be followed exactly \(.*{why}.*\); measure it in Python"):
        resolve_model(spec, **ON_PHOTOS)


def test_without_a_processor_its_values_must_be_given(tmp_path):
    spec = saved(tmp_path, network_of("ViT"))
    with pytest.raises(ValueError, match=r"don't record their preprocessing; give --img-size, --mean, --std"):
        resolve_model(spec, **ON_PHOTOS)
    told = Override(img_size=32, mean=(0.5,), std=(0.2,))
    assert resolve_model(spec, **ON_PHOTOS, override=told).preprocessing.size == (32, 32)


def test_fresh_networks_come_from_the_config_alone_for_the_images(tmp_path):
    network_of("ViT").config.save_pretrained(tmp_path)
    loaded = resolve_model(f"transformers:{tmp_path}", **ON_DIGITS, weights="init", seed=1)
    assert (loaded.weights, loaded.preprocessing) == ("init", ON_DIGITS["usual"])
    assert loaded.network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    again, other = (resolve_model(f"transformers:{tmp_path}", **ON_DIGITS, weights="init", seed=k) for k in (1, 2))
    same_weights(again.network, loaded.network.state_dict())
    assert not torch.equal(other.network.classifier.weight, loaded.network.classifier.weight)
    deeper = resolve_model(
        f"transformers:{tmp_path}", **ON_PHOTOS, weights="init", model_kwargs={"num_hidden_layers": 3}
    )
    assert deeper.preprocessing == PHOTO
    assert len(deeper.network.vit.layers) == 3


def test_another_number_of_classes_leaves_the_head_random_and_says_so(tmp_path):
    spec = saved(tmp_path, network_of("ViT"), VIT)
    loaded = resolve_model(spec, **ON_PHOTOS, num_classes=3)
    assert loaded.head == "init"
    assert "its head is random" in loaded.notes[0]
    with pytest.raises(ValueError, match=r"lack vit.embeddings.* so these would be random"):
        resolve_model(spec, **ON_PHOTOS, in_chans=1)
    with pytest.raises(ValueError, match=r"can't be built"):
        resolve_model(spec, **ON_PHOTOS, model_kwargs={"hidden_size": 24})


def test_weights_that_lack_more_than_the_head_are_refused(tmp_path):
    saved(tmp_path, network_of("ViT"), VIT)
    changed(tmp_path, architectures=["ViTModel"])  # has a pooler, which the classifier's weights lack
    with pytest.raises(ValueError, match=r"lack pooler.dense"):
        resolve_model(f"transformers:{tmp_path}", **ON_PHOTOS)
    loaded = resolve_model(f"transformers:{tmp_path}", **ON_PHOTOS, model_kwargs={"add_pooling_layer": False})
    assert measured_output(loaded.network(torch.ones(2, 3, 32, 32)))[0].shape == (2, 17, 16)  # tokens


def test_names_of_labels_match_those_of_the_data_set(tmp_path):
    names = ["bird", "cat", "dog"]
    spec = saved(tmp_path, network_of("ViT", num_labels=3, id2label=dict(enumerate(names))), VIT)
    assert resolve_model(spec, **ON_PHOTOS).label_names == ("bird", "cat", "dog")
    saved(tmp_path, network_of("ViT"), VIT)
    assert resolve_model(spec, **ON_PHOTOS).label_names == ()  # LABEL_0, ...


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_measured_in_float32(tmp_path, half):
    spec = saved(tmp_path, network_of("ViT").to(half), VIT)
    assert {one.dtype for one in resolve_model(spec, **ON_PHOTOS).network.parameters()} == {torch.float32}


PLANTED = "raise SystemExit('run')\n"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"auto_map": {"AutoConfig": "planted_code.Config"}, "model_type": "own"},
            "needs code of its own, which is never run",
        ),
        ({"attn_implementation": "kernels-community/flash-attn"}, "code from elsewhere; remove it"),
        ({"vision_config": {"_attn_implementation": "someone/kernel"}}, "code from elsewhere; remove it"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "are quantised; bring weights"),
        ({"use_pretrained_backbone": True}, "leads to weights elsewhere"),
        ({"model_type": "timm_wrapper"}, "a network of timm; name it hf-hub"),
        ({"model_type": "bert"}, "can't be built|takes more than images"),
        ({"model_type": "nothing"}, r"can't be built .*; mend the folder"),
    ],
)
def test_a_config_that_leads_on_is_refused(tmp_path, entries, message):
    spec = saved(tmp_path, network_of("ViT"), VIT)
    changed(tmp_path, **entries)
    (tmp_path / "planted_code.py").write_text(PLANTED)
    with pytest.raises(ValueError, match=message):
        resolve_model(spec, **ON_PHOTOS)
    assert "planted_code" not in sys.modules


def test_code_beside_a_known_network_does_not_run(tmp_path):
    spec = saved(tmp_path, network_of("ViT"), VIT)
    code = {
        "AutoConfig": "planted_code.C",
        "AutoModelForImageClassification": "planted_code.M",
        "AutoImageProcessor": "planted_code.P",
    }
    changed(tmp_path, auto_map=code)
    changed(tmp_path, "preprocessor_config.json", auto_map=code)
    (tmp_path / "planted_code.py").write_text(PLANTED)
    same_weights(resolve_model(spec, **ON_PHOTOS).network, network_of("ViT").state_dict())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "config.json was looked for, and there is: nothing"),
        ({"config.json": "{"}, "is no config of transformers"),
        ({"config.json": "[1]"}, r"\(it names no model_type\)"),
        ({"config.json": '{"model_type": "vit"}'}, "don't record|can't be built"),
        ({"config.json": '{"model_type": "vit"}', "adapter_config.json": "{}"}, "is an adapter of other weights"),
    ],
)
def test_a_folder_without_a_network_is_told(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        resolve_model(f"transformers:{tmp_path}", **ON_PHOTOS)


def test_a_hubs_network_comes_from_the_cache_without_a_network(tmp_path, caches):
    network = network_of("ViT")
    saved(tmp_path / "net", network, VIT)
    files = {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir()}
    into_hub_cache("someone/vit", files)
    into_hub_cache("someone/vit-2", files, revision="v1")  # and no other
    for spec in ("transformers:someone/vit", "transformers:someone/vit-2@v1"):
        loaded = resolve_model(spec, **ON_PHOTOS)
        same_weights(loaded.network, network.state_dict())
        assert (loaded.name, loaded.weights, loaded.preprocessing.size) == (spec, "pretrained", (32, 32))
    assert caches == []
    for spec in ("transformers:someone/vit-2", "transformers:someone/vit@v2"):
        with pytest.raises(ValueError, match=r"is not on this machine and .*; use --weights init"):
            resolve_model(spec, **ON_PHOTOS)


def test_a_hubs_network_is_refused_quickly_without_a_network():
    with pytest.raises(ValueError, match=r"pretrained transformers:a/b is not on this machine and .*; use --weights"):
        resolve_model("transformers:a/b", **ON_PHOTOS)
    with pytest.raises(ValueError, match=r"a name is needed after the colon, as in transformers:google"):
        resolve_model("transformers:a b", **ON_PHOTOS)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("diffstab.models.from_transformers.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'diffstab\[transformers\]'"):
        resolve_model(f"transformers:{tmp_path}", **ON_PHOTOS)


def test_layers_and_gradients_are_there(tmp_path):
    spec = saved(tmp_path, network_of("ViT"), VIT)
    options = {"model": spec, "dataset": "photos", "images": 4, "device": "cpu"}
    result = measure_cell(MeasureOptions(**options, layers="auto"))
    assert [layer.name for layer in result.layers] == ["vit.layers.0", "vit.layers.1", "output"]
    assert np.isfinite(measure_cell(MeasureOptions(**options, worst="both", ascent_steps=2)).R.value)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "vit"
