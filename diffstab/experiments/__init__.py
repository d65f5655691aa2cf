"""Experiments that train their own small networks by gradient flow, as cells of a sweep beside `train` and `measure`.

`stripe` is the model of Sec. 6 and Fig. 7; `regime` takes fully connected nets from learning features to lazy training.
"""

from .run import run_experiment

__all__ = ["run_experiment"]
