"""Executors, which run the jobs of a sweep: in this process, in processes of this machine, or on Ray.

Open `base` first, which defines an executor. Ray is imported only when its executor is made.
"""

from .base import Executor
from .local import LocalExecutor
from .ray import RayExecutor
