"""Choice of the experiment that a cell of a sweep asks for; each is imported only when it runs."""

from typing import Any

from ..options import RegimeOptions, StripeOptions


def run_experiment(options: StripeOptions | RegimeOptions) -> dict[str, Any]:
    """Runs one experiment and returns its numbers by column."""
    if isinstance(options, StripeOptions):
        from .stripe import run_stripe

        return run_stripe(options)
    from .regime import run_regime

    return run_regime(options)
