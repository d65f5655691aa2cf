"""Small networks and data sets of the Hugging Face libraries, saved as these libraries save them."""

import json

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import ConvNextConfig, ResNetConfig, ViTConfig
from transformers.utils import logging

logging.disable_progress_bar()
VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}
CONV = {"hidden_sizes": [8, 8, 12, 16], "depths": [1, 1, 1, 1]}
CONFIGS = {"ViT": (ViTConfig, {**VIT, "image_size": 32}), "ConvNext": (ConvNextConfig, CONV)}
CONFIGS["ResNet"] = (ResNetConfig, {**CONV, "embedding_size": 8})


def network_of(family, task="ForImageClassification", seed=3, **changes):
    """A network whose weights are large enough to tell images apart."""
    kind, settings = CONFIGS[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = kind(**{"num_labels": 7, **settings, **changes})
        made = getattr(transformers, f"{family}{task or 'Model'}")(config).eval()
        for parameter in made.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape)
    return made


def saved(folder, network, processor=None):
    network.save_pretrained(folder)
    if processor is not None:
        processor.save_pretrained(folder)
    return f"transformers:{folder}"


def changed(folder, file="config.json", **entries):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def picture(seed, width, height, mode="RGB"):
    """A smooth picture with noise upon it."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)).resize((width, height), 3)
    noisy = np.asarray(coarse).astype(int) + rng.integers(-20, 21, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode)
