"""Experiments that train small networks by gradient flow, as cells of a sweep beside `train` and `measure`.

Open `stripe` first, the model of Sec. 6 and Fig. 7. `regime` takes fully connected nets from feature learning to lazy
training. The room imports measuring, data, statistics, fields, streams, options and the ground floor; a sweep imports
it without torch.
"""

from .run import run_experiment
