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
    """Share of the measured images, such as the wrongly classified ones, with Wilson's 95 % interval.

    Attributes:
        value, low, high: Share and ends of its interval, in [0, 1].
        images: Number of images.
    """

    value: float
    low: float
    high: float
    images: int


@dataclass(frozen=True, kw_only=True, repr=False)
class StabilityResult:
    """Result for one network. Every field but `raw` is in its JSON form; `print` shows the table of `diffstab measure`.

    f is the network, x an image, z another image, tau x the deformed image, eta the noise, <...> the average over
    images and draws (one random field and one noise per image and draw).

    Attributes:
        D: Effect of deformations: <||f(tau x) - f(x)||^2> / <||f(x) - f(z)||^2> (Eq. 5), with its 95 % interval.
        G: Effect of noise: <||f(x + eta) - f(x)||^2> / <||f(x) - f(z)||^2> (Eq. 5), with its 95 % interval.
        R: Relative stability D / G (Eq. 4), with its 95 % interval; lower is more stable.
        test_error: Share of wrongly classified images; None if the images have no labels.
        weights_tag: Name that a library gives to its published weights (a1_in1k, IMAGENET1K_V1).
        weights_key: Entry of the checkpoint that held the weights, such as `state_dict_ema`; None: its top level.
        head: `init` if the classifier is random and the other weights are trained; `none` if the network has no
            classifier and returns features, which give no test error; otherwise None.
        network_sha256: Hash of the layers' description. Together with weights_sha256 it identifies the network.
        model_options: Channels, classes and further arguments that were given to build the network.
        indices_sha256: Hash of the images' indices in their data set.
        preprocessing: Steps from image to input: size, resizing, crop, mean, std, and who chose them; None if the
            images came as tensors.
        precision: `float32` or `float64`; `amp-` and the type under autocast; `mixed-` and the lowest type in which an
            operation ran if the network lowers its precision by itself.
        output: Position of the measured tensor if the network returns several; otherwise None.
        noise_radius: Norm of the noise, ||eta||; under the rule `per-image` the average of the radii.
        noise_exponent: d log <b> / d log ||eta||, dimensionless, b = ||f(x + eta) - f(x)||^2: it carries the
            uncertainty of an averaged radius into the intervals of G and R. None if not averaged, or not known.
        radius_average: Average that gave the noise radius: `average`, unless another one was computed afterwards.
        stopped: Reason why an adaptive measurement ended: `precision`, or `data` if all allowed images and draws were
            used; None if images and draws were given.
        fold_fraction: Share of the drawn fields that fold (are no diffeomorphism); None if not known.
        clamped_fraction: Share of pixels whose source lay outside the frame; None if not known.
        transform: Transformation of the images: `diffeo` or another name, for which cutoff, temperature and their rules
            are None. delta is None if nothing is displaced.
        noise_norm: Norm ||eta|| if it was given; `noise_radius_rule` is then `given`.
        flips_deformation: Share of images and draws whose predicted class changes under tau, with Wilson's 95 %
            interval as if all draws of an image agreed; None if there are no classes.
        flips_noise: Share of images and draws whose predicted class changes under eta, with the same interval.
        lipschitz: Largest ||f(tau x) - f(x)|| / (||grad tau||_inf ||x||) of all images and draws, dimensionless: a
            lower bound of the constant in scattering theory. Its bootstrap interval can't exceed the value. None if
            the gradient is 0 or not known.
        batch_order: Order of the images if the batch is part of f: `seeded`, or `given` by a loader; otherwise None.
        copies: Number of images that are copies of others; an image and its copies count once in the intervals.
        images_left: Number of images that a loader left out by dropping its last batch.
        mixes_images: True if an image's output depends on the other images of its batch by other means than batch norm;
            batches of `batch_size` are then kept whole.
        few_classes: True if the images come from far fewer classes than a random choice would.
        input_seen: Share of the input's values that can change the output; None if not known.
        layers: D, G and R of the layers in order of execution, if they were asked for.
        layers_asked: Choice of layers that was asked for: `auto`, `all`, or names with wildcards, separated by commas.
        raw: Values of each image and draw, behind every average.
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
        """Returns the table that a notebook shows."""
        return html_of(self)

    @property
    def weights_shown(self) -> str:
        """Name of the weights in tables, such as `a.pt (state_dict_ema)`."""
        return weights_shown(self.weights, self.weights_key, self.head)

    @property
    def key(self) -> str | None:
        """Hash (sha256) of everything that determines the numbers: network, weights, images, ensemble and statistic.

        None for a callable that is no `nn.Module`, since two of them can't be told apart.
        """
        return content_key({f.name: getattr(self, f.name) for f in fields(self)})

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: every field but the raw values, and the key."""
        row = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "raw"}
        return {**row, "key": self.key}

    def to_frame(self) -> Any:
        """Returns a pandas data frame of one row, with columns such as `R.low`. Needs pandas."""
        return optional("pandas", "pandas").DataFrame([flat(without_layers(self.to_dict()))])

    def plot(self, ax: Any = None) -> Any:
        """Draws D, G and R, and R by depth if layers were measured. Needs matplotlib.

        Args:
            ax: Axes of matplotlib for D, G and R alone; None makes a figure, with a second panel for the layers.

        Returns:
            The figure.
        """
        return plotted(self, ax)

    def save(self, path: str | Path) -> None:
        """Writes the result with its raw values to one file, which `load` reads. A failure leaves no partial file."""
        write_atomically(Path(path), packed(self.to_dict(), self.raw))

    @classmethod
    def load(cls, path: str | Path) -> "StabilityResult":
        """Reads a file that `save` wrote, without running any code from it.

        Raises:
            ValueError: If the file can't be read, or holds no saved result.
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
        """Makes a result from the JSON form, such as a store's row, and the raw values. Other columns are ignored.

        Raises:
            TypeError, KeyError: If a field is missing or has another form.
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
        """Writes the JSON form to a file. A failure leaves no partial file."""
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n")


def weights_shown(weights: str, key: str | None, head: str | None) -> str:
    """Returns the name of the weights, with the checkpoint's entry that held them and the state of the head.

    >>> weights_shown("pretrained", None, "init"), weights_shown("a.pt", "state_dict_ema", None)
    ('pretrained, head: init', 'a.pt (state_dict_ema)')
    """
    return weights + (f" ({key})" if key else "") + (f", head: {head}" if head else "")


KEY_NAMES = (
    "model network_sha256 weights_sha256 data_sha256 draws cutoff cutoff_rule temperature delta_rule interpolation "
    "average noise_radius_rule radius_average median_rule pairs batch_norm precision seed resamples"
).split()


def content_key(row: Mapping[str, Any]) -> str | None:
    """Returns the key of a result or of its row: the sha256 of everything that determines its numbers.

    None if the network has no hash, as a callable that is no `nn.Module`.
    """
    if row["network_sha256"] is None:
        return None
    content: dict[str, Any] = {"schema": SCHEMA, **{name: row.get(name) for name in KEY_NAMES}}
    if row.get("transform", DIFFEO) != DIFFEO:
        content |= {"transform": row["transform"], "delta": row.get("delta")}
    if row.get("noise_norm") is not None:
        content["noise_norm"] = row["noise_norm"]
    if row["batch_norm"] == "batch" or row.get("mixes_images"):  # the batch is part of f
        content["batch_size"] = row["batch_size"]
        if row.get("batch_order") is not None:  # older rows have no such column
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
