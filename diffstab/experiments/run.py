"""Experiments that train their own small networks by gradient flow, as cells of a sweep beside `train` and `measure`.

`stripe` is the model of Sec. 6 and Fig. 7; `regime` takes fully connected nets from learning features to lazy training.
"""

from typing import Any

from ..options import RegimeOptions, StripeOptions


def run_experiment(options: StripeOptions | RegimeOptions) -> dict[str, Any]:
    """The numbers of one cell, by column."""
    if isinstance(options, StripeOptions):
        from .stripe import run_stripe

        return run_stripe(options)
    from .regime import run_regime

    return run_regime(options)
