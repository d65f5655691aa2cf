"""The result of a measurement: the outcome with its settings and raw values; its JSON form, its key, its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import escaped
from ..options import MeasureSettings
from ..reading import read_bytes
from ..statistics import Interval
from ..writing import write_atomically
from .layers import INTERVALS, LayerStability
from .outcome import ErrorRate, Outcome
from .plot import optional, plotted
from .printed import RATES, html_of, table_of
from .raw_values import RawValues
from .row import flat, without_layers
from .row_columns import OUTCOMES, ROW, SETTINGS, content_key
from .saved import LARGEST_FILE, packed, unpacked


@dataclass(frozen=True, kw_only=True, repr=False)
class StabilityResult(Outcome):
    """An outcome with its settings by name, its JSON form, its key and its file; `print` shows its table."""

    if not TYPE_CHECKING:  # a checker sees `settings`

        def __getattr__(self, name: str) -> Any:
            """Returns the setting in a column of this name."""
            if name in SETTINGS:
                return getattr(self.settings, SETTINGS[name])
            raise AttributeError(f"a {type(self).__name__} has no {name!r}; dir() of it lists what it has")

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *SETTINGS])

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
        return content_key(self._row())

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: every field but the raw values, and the key."""
        row = {name: _plain(value) for name, value in self._row().items()}
        return {**row, "key": self.key}

    def _row(self) -> dict[str, Any]:
        """Returns each column and its value, in the order of rows."""
        values = vars(self) | self.settings.columns()
        return {name: values[name] for name in ROW}

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
        own: dict[str, Any] = {name: None for name, needed in OUTCOMES.items() if needed}  # rows leave None out
        own |= {name: row[name] for name in OUTCOMES if name in row}
        if own["model"] is None or own["dataset"] is None:
            raise KeyError("model and dataset are needed")
        intervals = {name: Interval(**own[name]) for name in (*INTERVALS, "lipschitz") if own.get(name) is not None}
        rates = {name: ErrorRate(**own[name]) for name in RATES if own.get(name) is not None}
        layers = own.get("layers")
        known = {"layers": None if layers is None else tuple(map(LayerStability.of, layers))}
        return cls(**{**own, **intervals, **rates, **known}, settings=MeasureSettings.of_columns(row), raw=raw)

    def write(self, path: str | Path) -> None:
        """Writes the JSON form to a file. A failure leaves no partial file."""
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n")


StabilityResult.__doc__ = Outcome.__doc__  # for help() and the pages


def weights_shown(weights: str, key: str | None, head: str | None) -> str:
    """Returns the name of the weights, with the checkpoint's entry that held them and the state of the head.

    >>> weights_shown("pretrained", None, "init"), weights_shown("a.pt", "state_dict_ema", None)
    ('pretrained, head: init', 'a.pt (state_dict_ema)')
    """
    return weights + (f" ({key})" if key else "") + (f", head: {head}" if head else "")


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return value._asdict()
    if isinstance(value, tuple):
        return [layer.to_dict() for layer in value]
    if isinstance(value, ErrorRate):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return value
