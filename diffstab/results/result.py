"""The result of a measurement: D_f, G_f, R_f with intervals, every setting behind them, and the raw values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..checks import escaped
from ..options import DIFFEO
from ..reading import read_bytes
from ..statistics import Interval
from ..writing import write_atomically
from .layers import LayerStability
from .log_axis import optional
from .plot import plotted
from .printed import RATES, html_of, table_of
from .raw_values import RawValues
from .row import flat, without_layers
from .saved import LARGEST_FILE, packed, unpacked

SCHEMA = 1


@dataclass(frozen=True)
class ErrorRate:
    """Share of images, as of those wrongly classified among those measured, with Wilson's 95 % interval."""

    value: float
    low: float
    high: float
    images: int


@dataclass(frozen=True, kw_only=True, repr=False)
class StabilityResult:
    """One measured network. All fields but `raw` make up its JSON form.

    Printed it is the table of `diffstab measure`, with the answer in words.

    Attributes:
        D: <||f(tau x) - f(x)||^2> / <||f(x) - f(z)||^2> (Eq. 5), with its 95 % interval.
        G: The same for noise in place of the deformation.
        R: D / G, the relative stability (Eq. 4).
        test_error: None where the images have no labels.
        weights_tag: Of published weights, as their library calls them (a1_in1k, IMAGENET1K_V1).
        weights_key: Where the weights stood in their checkpoint, as in `state_dict_ema`; None: at its top.
        head: `init` where the classifier is random beside trained weights, `none` where there is no classifier and
            outputs are features; then there is no test error. Otherwise None.
        network_sha256: Of the layers' description; with weights_sha256 it tells networks apart.
        model_options: Channels, classes and further arguments that the network was built with, where they were given.
        indices_sha256: Of the indices of the images in their data set.
        preprocessing: From images to the network's input: size, resizing, crop, mean, std and whose choice that is;
            None where images came as tensors.
        precision: `float32` or `float64`; under autocast amp- and the type that it uses; mixed- and the lowest type in
            which an operation ran, where the network lowers its precision by itself.
        output: Where the measured tensor stood, of a network that returns several; otherwise None.
        noise_radius: ||eta||; under the rule `per-image`, the average of the radii.
        noise_exponent: d log <b> / d log ||eta||, dimensionless, by which the intervals of G and R know that the radius
            is an average over the images. None where it is not, or where the exponent is not known.
        radius_average: The average that gave the noise radius: `average`, unless another one was computed afterwards.
        stopped: Why a measurement of adaptive effort ended: `precision`, or `data` where all images and draws allowed
            were used; None where the effort was given.
        fold_fraction: Share of the drawn fields that fold; None, as the next, where the transformation does not tell.
        clamped_fraction: Share of pixels whose source lay outside the frame.
        transform: What images undergo: `diffeo`, or another transformation's name; then cutoff, temperature and their
            rules are None. delta is None where nothing is displaced.
        noise_norm: ||eta|| where it was given; `noise_radius_rule` is then `given`.
        flips_deformation: Share of images and draws whose class changes under tau, with Wilson's 95 % interval as if
            all draws of an image agreed; None where there are no classes.
        flips_noise: Under eta.
        lipschitz: The largest ||f(tau x) - f(x)|| / (||grad tau||_inf ||x||) of all images and draws, dimensionless, so
            a lower bound of what scattering theory bounds; its interval is the bootstrap's, which can't exceed the
            value. None where the gradient is 0 or not known.
        batch_order: Order in which images came to the network where the batch is part of f: `seeded`, or `given` by a
            loader; otherwise None.
        copies: Number of images that are copies of others; an image and its copies count as one in the intervals.
        images_left: Number of images that a loader left out, by dropping its last batch.
        mixes_images: Whether an image's output depends on the other images of its batch by other means than batch norm;
            batches of `batch_size` are then kept whole.
        few_classes: Whether the images are of far fewer of the classes than a random choice would be.
        input_seen: Share of the input's values that can change the output; None where that is not known.
        layers: D, G and R of the layers in order of execution, where they were asked for.
        layers_asked: As they were asked for.
    """

    model: str
    model_source: str
    weights: str
    weights_tag: str | None = None
    weights_key: str | None = None
    head: str | None = None
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
    transform: str = DIFFEO
    cutoff: float | None
    cutoff_rule: str | None
    temperature: float | None
    delta: float | None
    delta_rule: str | None
    interpolation: str
    average: str
    noise_radius: float
    noise_radius_rule: str
    noise_norm: float | None = None
    radius_average: str
    median_rule: str
    pairs: str
    convention: str
    fold_fraction: float | None
    clamped_fraction: float | None
    flips_deformation: ErrorRate | None = None
    flips_noise: ErrorRate | None = None
    lipschitz: Interval | None = None
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
    batch_order: str | None = None
    layers_asked: str | None = None
    layers: tuple[LayerStability, ...] | None = None
    output: str | None = None
    copies: int = 0
    noise_exponent: float | None = None
    images_left: int = 0
    mixes_images: bool = False
    input_seen: float | None = None
    few_classes: bool = False
    raw: RawValues = field(repr=False, compare=False)

    def __str__(self) -> str:
        return table_of(self)

    def __repr__(self) -> str:
        images = f"{self.images} images of {self.dataset}"
        return escaped(f"<{type(self).__name__} of {self.model} on {images}: R {self.R}, D {self.D}, G {self.G}>")

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return html_of(self)

    @property
    def weights_shown(self) -> str:
        """Its weights, as tables name them."""
        return weights_shown(self.weights, self.weights_key, self.head)

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

    def to_frame(self) -> Any:
        """One row of a pandas data frame, with columns such as `R.low`; pandas is needed for it."""
        return optional("pandas", "pandas").DataFrame([flat(without_layers(self.to_dict()))])

    def plot(self, ax: Any = None) -> Any:
        """Draws D, G and R, and R by depth where layers were measured; matplotlib is needed for it.

        Args:
            ax: Axes of matplotlib for D, G and R alone; None makes a figure with a panel for the layers as well.

        Returns:
            The figure.
        """
        return plotted(self, ax)

    def save(self, path: str | Path) -> None:
        """Writes the result with its raw values to a file, whole or not at all; `load` reads it."""
        write_atomically(Path(path), packed(self.to_dict(), self.raw))

    @classmethod
    def load(cls, path: str | Path) -> "StabilityResult":
        """Reads what `save` wrote; no code of the file runs.

        Raises:
            ValueError: If the file can't be read, or holds something else.
        """
        try:
            return cls.of_row(*unpacked(read_bytes(path, most=LARGEST_FILE)))
        except OSError as error:
            raise ValueError(
                f"{str(path)!r} can't be read ({error.strerror}); name a file that save() wrote"
            ) from error
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"{str(path)!r} holds no saved result ({error}); save() writes one") from error

    @classmethod
    def of_row(cls, row: Mapping[str, Any], raw: RawValues) -> "StabilityResult":
        """From the JSON form and the raw values, as those of a store's row.

        Raises:
            TypeError, KeyError: If a field is missing or of another form; what the row has beside the fields is left.
        """
        needed = [f.name for f in fields(cls) if f.default is MISSING and f.name != "raw"]  # rows leave None out
        own: dict[str, Any] = dict.fromkeys(needed)
        own |= {f.name: row[f.name] for f in fields(cls) if f.name in row and f.name != "raw"}
        if own["model"] is None or own["dataset"] is None:
            raise KeyError("model and dataset are needed")
        intervals = {name: Interval(**own[name]) for name in ("D", "G", "R", "lipschitz") if own.get(name) is not None}
        rates = {name: ErrorRate(**own[name]) for name in RATES if own.get(name) is not None}
        layers = own.get("layers")
        known = {"layers": None if layers is None else tuple(map(LayerStability.of, layers))}
        return cls(**{**own, **intervals, **rates, **known}, raw=raw)

    def write(self, path: str | Path) -> None:
        """Writes the JSON form to a file, whole or not at all."""
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n")


def weights_shown(weights: str, key: str | None, head: str | None) -> str:
    """Weights with the state dict that they were read from, and a head that is not trained.

    >>> weights_shown("pretrained", None, "init"), weights_shown("a.pt", "state_dict_ema", None)
    ('pretrained, head: init', 'a.pt (state_dict_ema)')
    """
    return weights + (f" ({key})" if key else "") + (f", head: {head}" if head else "")


KEY_NAMES = (
    "model network_sha256 weights_sha256 data_sha256 draws cutoff cutoff_rule temperature delta_rule interpolation "
    "average noise_radius_rule radius_average median_rule pairs batch_norm precision seed resamples"
).split()


def content_key(row: Mapping[str, Any]) -> str | None:
    """The key of a result or of its row: sha256 of what determines its numbers; None where the network has none."""
    if row["network_sha256"] is None:
        return None
    content: dict[str, Any] = {"schema": SCHEMA, **{name: row.get(name) for name in KEY_NAMES}}
    if row.get("transform", DIFFEO) != DIFFEO:
        content |= {"transform": row["transform"], "delta": row.get("delta")}
    if row.get("noise_norm") is not None:
        content["noise_norm"] = row["noise_norm"]
    if row["batch_norm"] == "batch" or row.get("mixes_images"):  # the batch is part of f
        content["batch_size"] = row["batch_size"]
        if row.get("batch_order") is not None:  # rows from before there was an order have none
            content["batch_order"] = row["batch_order"]
    if row.get("layers_asked") is not None:
        content["layers"] = row["layers_asked"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return value._asdict()
    if isinstance(value, tuple):
        return [layer.to_dict() for layer in value]
    if isinstance(value, ErrorRate):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return value
