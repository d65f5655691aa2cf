"""Options of a sweep's experiments: the stripe model, and fully connected nets from the feature to the lazy regime.

The module imports nothing heavy.
"""

from dataclasses import dataclass

from ..checks import a_number, above_zero
from .base import CommandOptions
from .choices import DEFAULT_CUTOFF, DEFAULT_DATASET, DEFAULT_DELTA
from .setting import Whole, first

FIRST_LOSS = 0.5  # mean soft hinge, which starts at 1
ALPHA = "Scale of the predictor alpha (f - f_0): small values learn features, large ones train lazily."
TURN = "Largest turn of the gradient per step, as for `gradient_flow`."
STEPS = "Largest number of steps of the flow."


@dataclass(frozen=True, kw_only=True)
class StripeOptions(CommandOptions):
    """One network with one hidden layer on the stripe model (Sec. 6, Eq. 6, Fig. 7)."""

    # fmt: off
    train_size: int = first(1000, "Number P of training points.", Whole())
    dimension: int = first(10, "Dimension d of the points; their class depends on one coordinate.", Whole(2))
    width: int = first(400, "Number of hidden units.", Whole())
    alpha: float = first(0.01, ALPHA, above_zero)
    noise_norm: float = first(1.0, "Norm ||nu|| = ||eta|| of Eq. 6; points have a norm of about sqrt(d).", above_zero)
    turn: float = first(1.0, TURN, above_zero)
    steps: int = first(5000, STEPS, Whole())
    until_loss: float = first(0.05, "Mean soft hinge at which the flow ends.", a_number)
    test_points: int = first(4000, "Number of points over which R and the test error are taken.", Whole(2))
    seed: int = first(0, "Seed of data, weights and noise.", Whole(0, 2**63 - 1))
    # fmt: on

    def __post_init__(self) -> None:
        self._check_each()


@dataclass(frozen=True, kw_only=True)
class RegimeOptions(CommandOptions):
    """One fully connected network on even against odd classes (Geiger et al. 2020, Eqs. 7 to 14), and its stability."""

    # fmt: off
    dataset: str = first(DEFAULT_DATASET, "Data set; even classes get the label -1, odd ones 1.")
    data_dir: str | None = first(None, "Folder of the data set, unless it comes with the package.")
    train_size: int = first(500, "Number P of training images.", Whole())
    width: int = first(100, "Width h of each hidden layer.", Whole())
    layers: int = first(3, "Number L of hidden layers.", Whole())
    alpha: float = first(1.0, ALPHA, above_zero)
    turn: float = first(0.01, TURN, above_zero)
    steps: int = first(5000, STEPS, Whole())
    until_loss: float = first(0.0,
        "Mean soft hinge at which the flow ends; 0 ends it when every example has its margin.",
        a_number)
    images: int = first(500, "Number of test images for R and the test error.", Whole(2))
    cutoff: float = first(DEFAULT_CUTOFF, "Cutoff c of the deformations.", above_zero)
    delta: float = first(DEFAULT_DELTA, "Root-mean-square displacement of the deformations, pixels.", above_zero)
    seed: int = first(0, "Seed of the choice of images, weights, fields and noise.", Whole(0, 2**63 - 1))
    # fmt: on

    def __post_init__(self) -> None:
        self._check_each()


STRIPE, REGIME = "stripe", "regime"
OPTIONS: dict[str, type[StripeOptions] | type[RegimeOptions]] = {STRIPE: StripeOptions, REGIME: RegimeOptions}
