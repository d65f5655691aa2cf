"""Options of a sweep's experiments: the stripe model, and fully connected nets from the feature to the lazy regime.

The module imports nothing heavy.
"""

from dataclasses import dataclass

from ..checks import a_number, a_text, above_zero, positive_integer
from .base import CommandOptions
from .choices import DEFAULT_CUTOFF, DEFAULT_DATASET, DEFAULT_DELTA

FIRST_LOSS = 0.5  # mean soft hinge, which starts at 1


class FlowOptions(CommandOptions):
    """The options of both experiments for their gradient flow: its alpha, its steps and its end."""

    def _check_flow(self) -> None:
        self._refuse_none()
        self._check("train_size width steps", positive_integer)
        self._check("seed", positive_integer, least=0, most=2**63 - 1)
        self._check("alpha turn", above_zero)
        self._check("until_loss", a_number)


@dataclass(frozen=True, kw_only=True)
class StripeOptions(FlowOptions):
    """One network with one hidden layer on the stripe model (Sec. 6, Eq. 6, Fig. 7).

    Attributes:
        train_size: Number P of training points.
        dimension: Dimension d of the points; their class depends on one coordinate.
        width: Number of hidden units.
        alpha: Scale of the predictor alpha (f - f_0); small values learn features.
        noise_norm: Norm ||nu|| = ||eta|| of Eq. 6; points have a norm of about sqrt(d).
        turn: Largest turn of the gradient per step, as for `gradient_flow`.
        steps: Largest number of steps of the flow.
        until_loss: Mean soft hinge at which the flow ends.
        test_points: Number of points over which R and the test error are taken.
        seed: Seed of data, weights and noise.
    """

    train_size: int = 1000
    dimension: int = 10
    width: int = 400
    alpha: float = 0.01
    noise_norm: float = 1.0
    turn: float = 1.0
    steps: int = 5000
    until_loss: float = 0.05
    test_points: int = 4000
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_flow()
        self._check("dimension test_points", positive_integer, least=2)
        self._check("noise_norm", above_zero)


@dataclass(frozen=True, kw_only=True)
class RegimeOptions(FlowOptions):
    """One fully connected network on even against odd classes (Geiger et al. 2020, Eqs. 7 to 14), and its stability.

    Attributes:
        dataset, data_dir: Data set and its folder; even classes get the label -1, odd ones 1.
        train_size: Number P of training images.
        width: Width h of each hidden layer.
        layers: Number L of hidden layers.
        alpha: Scale of the predictor alpha (f - f_0): small values learn features, large ones train lazily.
        turn: Largest turn of the gradient per step, as for `gradient_flow`.
        steps: Largest number of steps of the flow.
        until_loss: Mean soft hinge at which the flow ends; 0 ends it when every example has its margin.
        images: Number of test images for R and the test error.
        cutoff: Cutoff c of the deformations.
        delta: Root-mean-square displacement of the deformations, pixels.
        seed: Seed of the choice of images, weights, fields and noise.
    """

    dataset: str = DEFAULT_DATASET
    data_dir: str | None = None
    train_size: int = 500
    width: int = 100
    layers: int = 3
    alpha: float = 1.0
    turn: float = 0.01
    steps: int = 5000
    until_loss: float = 0.0
    images: int = 500
    cutoff: float = DEFAULT_CUTOFF
    delta: float = DEFAULT_DELTA
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_flow()
        self._check("dataset data_dir", a_text)
        self._check("layers", positive_integer)
        self._check("images", positive_integer, least=2)
        self._check("cutoff delta", above_zero)


STRIPE, REGIME = "stripe", "regime"
OPTIONS: dict[str, type[StripeOptions] | type[RegimeOptions]] = {STRIPE: StripeOptions, REGIME: RegimeOptions}
