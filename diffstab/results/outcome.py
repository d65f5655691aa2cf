"""Outcome of a measurement: D_f, G_f, R_f with intervals, the settings as they were used, and what else was seen."""

from dataclasses import dataclass, field
from typing import Any

from ..options import MeasureSettings, Role
from ..statistics import Interval
from .layers import LayerStability
from .raw_values import RawValues

ROLES = "roles"  # of a field, in its metadata


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
class Outcome:
    """Result for one network. Every field but `raw` is in its JSON form; `print` shows the table of `diffstab measure`.

    Each setting is an attribute too, under its name in the JSON form: `result.draws` is `result.settings.draws`.

    f is the network, x an image, z another image, tau x the deformed image, eta the noise, <...> the average over
    images and draws (one random field and one noise per image and draw).

    Attributes:
        settings: Settings as they were used. For a transformation other than `diffeo`, cutoff, temperature and their
            rules are None; delta is None if nothing is displaced. The noise radius is `given` beside a noise norm, and
            batch_norm `none` for a network without any.
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
        parameters: Number of the network's parameters; None for a callable that is no `nn.Module`, and in older rows.
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
        flips_deformation: Share of images and draws whose predicted class changes under tau, with Wilson's 95 %
            interval as if all draws of an image agreed; None if there are no classes.
        flips_noise: Share of images and draws whose predicted class changes under eta, with the same interval.
        lipschitz: Largest ||f(tau x) - f(x)|| / (||grad tau||_inf ||x||) of all images and draws, dimensionless: a
            lower bound of the constant in scattering theory. Its bootstrap interval can't exceed the value. None if
            the gradient is 0 or not known.
        changed_sha256: Hash of the changed images of `pairs`; None for other transformations.
        E: Equivariance error of an output that is a map, with its 95 % interval: <||f(tau x) - tau f(x)||^2> /
            <||f(x) - f(z)||^2>, where tau f(x) is the map moved along with the image. It is far below D if the map
            moves along. None if it was not measured.
        E_over_G: The same error relative to noise, E / G, with its 95 % interval; None if it was not measured.
        E_floor: Part of E that interpolation on the map's grid alone leaves; None if not measured, or not defined.
        xi: Median over images and draws of a worst field's largest Xi (Eq. 12); it may fold from 1 on. None if no worst
            one was searched.
        batch_order: Order of the images if the batch is part of f: `seeded`, or `given` by a loader; otherwise None.
        copies: Number of images that are copies of others; an image and its copies count once in the intervals.
        images_left: Number of images that a loader left out by dropping its last batch.
        mixes_images: True if an image's output depends on the other images of its batch by other means than batch norm;
            batches of `batch_size` are then kept whole.
        few_classes: True if the images come from far fewer classes than a random choice would.
        input_seen: Share of the input's values that can change the output; None if not known.
        layers: D, G and R of the layers in order of execution, if they were asked for.
        raw: Values of each image and draw, behind every average.
    """

    model: str = field(metadata={ROLES: Role.KEY})
    model_source: str
    weights: str
    weights_tag: str | None = None
    weights_key: str | None = None
    head: str | None = None
    weights_sha256: str | None = field(metadata={ROLES: Role.KEY})
    network_sha256: str | None = field(metadata={ROLES: Role.KEY})
    model_options: dict[str, Any] | None = None
    parameters: int | None = None
    dataset: str
    data_sha256: str = field(metadata={ROLES: Role.KEY})
    indices_sha256: str | None = None
    preprocessing: dict[str, Any] | None = None
    split: str | None
    images: int
    D: Interval
    G: Interval
    R: Interval
    test_error: ErrorRate | None
    noise_radius: float
    radius_average: str = field(metadata={ROLES: Role.KEY | Role.COMPARED})
    median_rule: str = field(metadata={ROLES: Role.KEY | Role.COMPARED})
    pairs: str = field(metadata={ROLES: Role.KEY | Role.COMPARED})
    fold_fraction: float | None
    clamped_fraction: float | None
    flips_deformation: ErrorRate | None = None
    flips_noise: ErrorRate | None = None
    lipschitz: Interval | None = None
    changed_sha256: str | None = field(default=None, metadata={ROLES: Role.COMPARED})
    E: Interval | None = None
    E_over_G: Interval | None = None
    E_floor: float | None = None
    xi: float | None = None
    precision: str = field(metadata={ROLES: Role.KEY})
    device: str
    versions: dict[str, str]
    git_commit: str | None
    seconds: float
    stopped: str | None = None
    batch_order: str | None = None
    layers: tuple[LayerStability, ...] | None = None
    output: str | None = None
    copies: int = 0
    noise_exponent: float | None = None
    images_left: int = 0
    mixes_images: bool = False
    input_seen: float | None = None
    few_classes: bool = False
    settings: MeasureSettings
    raw: RawValues = field(repr=False, compare=False)
