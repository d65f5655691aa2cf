"""Provenance of a result: versions, commit, and hashes of weights and images."""

import hashlib
import platform
import re
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

PACKAGES = ("diffstab", "torch", "torchvision", "timm", "numpy")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that change results; packages not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def git_commit() -> str | None:
    """Commit of the running diffstab checkout, with `+` if files were changed; None outside a checkout."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        ask = {"cwd": root, "capture_output": True, "text": True, "timeout": 5, "check": True}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **ask).stdout.strip()  # type: ignore[call-overload]
        changes = subprocess.run(["git", "status", "--porcelain", "-uno"], **ask).stdout  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}{'+' if changes.strip() else ''}"


def tensor_bytes(tensor: Tensor) -> bytes:
    """Bytes of a tensor's values, in row-major order."""
    values: NDArray[np.uint8] = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return values.tobytes()


def weights_sha256(network: object) -> str | None:
    """sha256 over name, dtype, shape and values of each parameter and buffer; None for what is not an `nn.Module`."""
    if not isinstance(network, nn.Module):
        return None
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
            digest.update(tensor_bytes(tensor))
    return digest.hexdigest()


def network_sha256(network: object) -> str | None:
    """sha256 of the layers' description, as printing the network shows it; None for what is not an `nn.Module`."""
    if not isinstance(network, nn.Module):
        return None
    description = re.sub(r"0x[0-9a-f]+", "", repr(network))  # addresses differ from run to run
    return hashlib.sha256(f"{type(network).__qualname__} {description}".encode()).hexdigest()


def images_sha256(digests: dict[int, bytes], labels: dict[int, int]) -> str:
    """sha256 of a set of images, from index, label and digest of each; independent of their order."""
    digest = hashlib.sha256()
    for index in sorted(digests):
        digest.update(f"{index} {labels[index]}:".encode() + digests[index])
    return digest.hexdigest()


def indices_sha256(indices: NDArray[np.int64]) -> str:
    """sha256 of the images' indices in their data set; independent of their order."""
    return hashlib.sha256(np.sort(indices).astype("<i8").tobytes()).hexdigest()


def image_digests(keys: Tensor, images: Tensor) -> dict[int, bytes]:
    """sha256 of each image's dtype, shape and values, keyed by image index."""
    rows = images.detach().cpu().contiguous()
    kind = f"{rows.dtype} {tuple(rows.shape[1:])};".encode()
    digests = (hashlib.sha256(kind + tensor_bytes(row)).digest() for row in rows)
    return dict(zip(keys.tolist(), digests, strict=True))
