"""Executors, which run the jobs of a sweep: in this process, in processes of this machine, on Ray, on Slurm.

Open `base` first, which defines an executor. Ray and submitit are imported only when their executor is made.
"""

from .base import Executor
from .local import LocalExecutor
from .ray import RayExecutor
from .slurm import SlurmExecutor
