"""The result of a measurement: D_f, G_f, R_f with intervals, every setting behind them, and the raw values."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .statistics import Interval, Statistic

SCHEMA = 1


@dataclass(frozen=True)
class ErrorRate:
    """Share of wrongly classified images among those measured, with Wilson's 95 % interval."""

    value: float
    low: float
    high: float
    images: int


@dataclass(frozen=True)
class RawValues:
    """What the averages were taken over; images in the order of their index.

    Attributes:
        indices: Index of each image in its data set, `[N]`.
        deformation: ||f(tau x) - f(x)||^2, `[N, draws]`.
        noise: ||f(x + eta) - f(x)||^2, `[N, draws]`.
        outputs: f(x), `[N, outputs]`.
        displacement_norm: ||tau x - x||, `[N, draws]`.
        deformation_by_output: The squared changes of each output, `[N, draws, outputs]`, where they are kept: for
            networks of up to 100 outputs, and wherever the median is taken per output coordinate.
        noise_by_output: Likewise.
    """

    indices: NDArray[np.int64]
    deformation: NDArray[np.float64]
    noise: NDArray[np.float64]
    outputs: NDArray[np.float64]
    displacement_norm: NDArray[np.float64]
    deformation_by_output: NDArray[np.float64] | None = None
    noise_by_output: NDArray[np.float64] | None = None

    def changes(self, statistic: Statistic) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """a and b as a statistic averages them, `[N, draws, K]` each.

        Raises:
            ValueError: If the median is taken per output coordinate and the changes were not kept so.
        """
        if not statistic.per_coordinate:
            return self.deformation[..., None], self.noise[..., None]
        if self.deformation_by_output is None or self.noise_by_output is None:
            raise ValueError(
                f"the changes of the {self.outputs.shape[1]} outputs were not kept one by one, which the median rule "
                "'coordinate' needs; measure again with --convention reference"
            )
        return self.deformation_by_output, self.noise_by_output


@dataclass(frozen=True, kw_only=True)
class StabilityResult:
    """One measured network. All fields but `raw` make up its JSON form.

    Attributes:
        D: <||f(tau x) - f(x)||^2> / <||f(x) - f(z)||^2> (Eq. 5), with its 95 % interval.
        G: The same for noise in place of the deformation.
        R: D / G, the relative stability (Eq. 4).
        test_error: None where the images have no labels.
        weights_tag: Of published weights, as their library calls them (a1_in1k, IMAGENET1K_V1).
        network_sha256: Of the layers' description; with weights_sha256 it tells networks apart.
        model_options: Channels, classes and further arguments that the network was built with, where they were given.
        indices_sha256: Of the indices of the images in their data set.
        preprocessing: From images to the network's input: size, resizing, crop, mean, std and whose choice that is;
            None where images came as tensors.
        precision: `float32` or `float64`, or under autocast amp- and the type that it uses.
        output: Where the measured tensor stood, of a network that returns several; otherwise None.
        noise_radius: ||eta||; under the rule `per-image`, the average of the radii.
        radius_average: The average that gave the noise radius: `average`, unless another one was computed afterwards.
        stopped: Why a measurement of adaptive effort ended: `precision`, or `data` where all images and draws allowed
            were used; None where the effort was given.
        fold_fraction: Share of the drawn fields that fold.
        clamped_fraction: Share of pixels whose source lay outside the frame.
    """

    model: str
    model_source: str
    weights: str
    weights_tag: str | None = None
    weights_sha256: str | None
    network_sha256: str | None
    model_options: dict[str, Any] | None = None
    dataset: str
    data_sha256: str
    indices_sha256: str | None = None
    preprocessing: dict[str, Any] | None = None
    split: str | None
    images: int
    draws: int
    D: Interval
    G: Interval
    R: Interval
    test_error: ErrorRate | None
    cutoff: float
    cutoff_rule: str
    temperature: float
    delta: float
    delta_rule: str
    interpolation: str
    average: str
    noise_radius: float
    noise_radius_rule: str
    radius_average: str
    median_rule: str
    pairs: str
    convention: str
    fold_fraction: float
    clamped_fraction: float
    batch_norm: str
    batch_size: int
    resamples: int
    precision: str
    device: str
    seed: int
    versions: dict[str, str]
    git_commit: str | None
    seconds: float
    stopped: str | None = None
    output: str | None = None
    raw: RawValues = field(repr=False, compare=False)

    @property
    def key(self) -> str | None:
        """sha256 of what determines the numbers: network, weights, images, ensemble and statistic.

        None for a callable that is no `nn.Module`: nothing tells one from another.
        """
        return content_key({f.name: getattr(self, f.name) for f in fields(self)})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: every field but the raw values, and the key."""
        row = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "raw"}
        return {**row, "key": self.key}

    def write(self, path: str | Path) -> None:
        """Writes the JSON form to a file, whole or not at all."""
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n")


KEY_NAMES = (
    "model network_sha256 weights_sha256 data_sha256 draws cutoff cutoff_rule temperature delta_rule interpolation "
    "average noise_radius_rule radius_average median_rule pairs batch_norm precision seed resamples"
).split()


def content_key(row: Mapping[str, Any]) -> str | None:
    """The key of a result or of its row: sha256 of what determines its numbers; None where the network has none."""
    if row["network_sha256"] is None:
        return None
    content: dict[str, Any] = {"schema": SCHEMA, **{name: row[name] for name in KEY_NAMES}}
    if row["batch_norm"] == "batch":  # the batch is part of f
        content["batch_size"] = row["batch_size"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return value._asdict()
    if isinstance(value, ErrorRate):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return value


def check_writable(path: Path) -> None:
    """Raises ValueError now, before long work, if a file can't be made there."""
    if path.is_dir():
        raise ValueError(f"{str(path)!r} can't be written (it is a folder)")
    if _is_special(path):
        return
    handle, name = _temporary(_target(path))
    os.close(handle)
    os.unlink(name)


def _temporary(path: Path) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Writes to a temporary name beside `path`, then renames, so no half-written file is left.

    A device or a pipe is written to as it is.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    if _is_special(path):
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error
        return
    path = _target(path)
    handle, name = _temporary(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # or the name could reach the disk before the content
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError):
            raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error
        raise


def _target(path: Path) -> Path:
    """Where a link leads; it stays one."""
    return path.resolve() if path.is_symlink() else path


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is written to and not replaced."""
    return path.exists() and not path.is_file()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
