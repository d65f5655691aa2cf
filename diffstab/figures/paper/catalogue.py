"""The figures by name: what draws each, and the sweep whose cells it needs. It imports nothing heavy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..drawing.lines import Drawn

PRESETS = ("laptop", "paper", "fashion")
FOLDER = Path(__file__).parent / "presets"
SIDES = {"laptop": 128, "paper": 320}  # of the images of figures that need no network, pixels
FEW = {"fig10-interpolation": {"laptop": 6, "paper": 6}}  # of those that show each pixel


@dataclass(frozen=True)
class FigureKind:
    """One figure.

    Attributes:
        name: Name on the command line and of its files.
        title: Title, one line.
        home: Module, and the function that draws it from rows and filters, or from the side of an image; without one it
            is MODULE_figure.
        sweeps: Names of the sweep files whose rows it is drawn from; empty where it needs no network.
        sides: Side of the image in pixels by preset, for a figure that needs no rows.
    """

    name: str
    title: str
    home: str
    sweeps: str = ""
    sides: Mapping[str, int] = field(kw_only=True, default_factory=lambda: SIDES)

    @property
    def presets(self) -> tuple[str, ...]:
        """The presets that have the first of its sweeps."""
        if not self.sweeps:
            return tuple(name for name in PRESETS if name in self.sides)
        return tuple(name for name in PRESETS if sweep_file(self.sweeps.split()[0], name).exists())

    def sweep_files(self, preset: str) -> list[Path]:
        """The files of those sweeps that the preset has."""
        files = [sweep_file(name, preset) for name in self.sweeps.split()]
        return [file for file in files if file.exists()]

    def draw(self, rows: Sequence[dict[str, Any]], filters: Sequence[str] = (), **how: Any) -> "Drawn":
        """Draws the figure from rows of a store; raises what its function raises.

        Args:
            rows: Rows of a store or of its CSV export.
            filters: Conditions that every row must pass, as in `store.select`.
            how: Further arguments of the figure's function.
        """
        return self._function()(rows, filters, **how)

    def draw_without_rows(self, preset: str) -> "Drawn":
        """Draws a figure that needs no sweep."""
        return self._function()(self.sides[preset])

    def _function(self) -> Callable[..., "Drawn"]:
        module, _, function = self.home.partition(":")
        name = function or f"{module}_figure"
        found: Callable[..., Drawn] = getattr(import_module(f".{module}", __package__), name)
        return found


TABLE = """
fig01-phase-diagram | Temperatures and cutoffs at which deformations are diffeomorphisms | phase_diagram:phase_diagram |
fig02-sphere | Deformations and noise of one norm | perturbations:sphere_of_perturbations |
fig03-delta | Relative stability against displacement | curves:delta_figure | delta
fig03-datasets | Relative stability by data set | groups:datasets_figure | datasets
fig03-training-set | Relative stability against the size of the training set | training_set | training-set
fig05-error | Test error against stability | error_vs_stability:error_figure | zoo
fig06-training-set | Stabilities against the size of the training set | training_set:stabilities_figure | training-set
fig07-stripe | Relative stability in the stripe model | stripe | stripe
fig08-asymptotics | Displacement and Xi against their asymptotic laws | asymptotics:asymptotics |
fig09-folding | A deformation with and without folds | folding:folding |
fig10-interpolation | Both interpolations between pixels | pixel_grid:pixel_grid |
fig11-noise | Stability against the norm of noise and deformations | curves:noise_figure | noise
fig12-augmentation | Relative stability by augmentation | groups:augmentation_figure | augmentation
fig13-mnist | Relative stability against P on MNIST | training_set | training-set-mnist
fig13-fashionmnist | Relative stability against P on FashionMNIST | training_set | training-set-fashionmnist
fig14-depth | Relative stability against depth | curves:depth_figure | depth
fig17-mean | Test error against stability, of means | error_vs_stability:error_figure | zoo-mean
fig18-sizes | Test error against relative stability for several training sets | training_set:errors | training-set zoo
fig20-datasets | Test error against stability by data set | error_grid:by_dataset | zoo zoo-datasets
fig21-deformations | Test error against R over delta and cutoff | error_grid:by_field | fields
table2-correlations | Correlations of test error with stability | correlations:correlations | zoo zoo-datasets
lazy-alpha | Stability and error from the feature to the lazy regime | against_one:alpha_figure | regimes
width | Stability and error against width | against_one:width_figure | width
learning | Stability while networks learn | against_one:learning_figure | learning
equivariance-depth | Change and equivariance error against depth | equivariance | equivariance-depth
channel-shuffle | Stability of layers with their channels shuffled | channels | channel-shuffle
penalty | Stability and error of networks that were trained for stability | penalties:penalty_figure | penalty
spectrum | Relative stability under deformations of one frequency | curves:spectrum_figure | spectrum
worst-case | Relative stability under the worst deformations and noise | curves:worst_figure | worst-case
transformations | Relative stability under transformations | groups:transformations_figure | transformations
"""
FIGURES = tuple(
    FigureKind(*fields, sides=FEW.get(fields[0], SIDES))
    for fields in ([part.strip() for part in line.split("|")] for line in TABLE.strip().splitlines())
)
NAMES = tuple(kind.name for kind in FIGURES)


def figure_named(name: str) -> FigureKind:
    """The figure of that name.

    Raises:
        ValueError: If there is none; the message has the nearest one.

    >>> figure_named("fig03-delta").sweeps
    'delta'
    """
    for kind in FIGURES:
        if kind.name == name:
            return kind
    near = get_close_matches(name, NAMES, n=1, cutoff=0.4)
    raise ValueError(f"no figure is called {name!r}{f'; did you mean {near[0]!r}?' if near else ''} (figures: {NAMES})")


def sweep_file(sweep: str, preset: str) -> Path:
    """The YAML file of a sweep that figures are drawn from.

    >>> sweep_file("zoo", "laptop").name
    'zoo.laptop.yaml'
    """
    return FOLDER / f"{sweep}.{preset}.yaml"


def require_matplotlib() -> None:
    """Raises ValueError, with what to install, if there is no matplotlib.

    >>> require_matplotlib()
    """
    if find_spec("matplotlib") is None:
        raise ValueError("figures need the package matplotlib: pip install 'diffstab[plot]'")
