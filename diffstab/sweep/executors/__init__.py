"""What runs the jobs of a sweep: this process, processes of this machine, Ray, Slurm.

Open `base` first, what an executor is. Ray and submitit are imported when one of theirs begins.
"""

from .base import Executor
from .local import LocalExecutor
from .ray import RayExecutor
from .slurm import SlurmExecutor
