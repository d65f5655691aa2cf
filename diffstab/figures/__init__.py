"""Figures of measured networks: rows of a store become points, points become pictures.

`rows` reads a store or its CSV export, `choice` and `setting` say which rows stand in one figure. `networks` makes one
point of each network, `series` curves over what was swept, `relation` says how the test error follows the stability;
none of them needs matplotlib. `error_vs_stability`, `depth`, `curves` and `transformations` draw, in the house `style`.
"""

from importlib.util import find_spec

__all__ = ["require_matplotlib"]


def require_matplotlib() -> None:
    """Raises ValueError, with what to install, if there is no matplotlib.

    >>> require_matplotlib()
    """
    if find_spec("matplotlib") is None:
        raise ValueError("figures need the package matplotlib: pip install 'diffstab[plot]'")
