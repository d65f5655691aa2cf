"""Sweeps: a YAML grid becomes jobs, executors run them, and the store keeps their rows.

Open `spec` first, then `jobs` and `run`; `executors` runs jobs on this machine or on clusters. The room imports
experiments, training, measuring, statistics, store, results, models, options and the ground floor.

>>> from diffstab.sweep import InlineExecutor, measure_job, run_sweep
>>> from diffstab.options import MeasureOptions
>>> from diffstab import Store
>>> import tempfile
>>> jobs = [measure_job(MeasureOptions(model="fc_l4", images=20, seed=seed)) for seed in (0, 1)]
>>> store = Store(tempfile.mkdtemp(), create=True)
>>> run_sweep(jobs, store, InlineExecutor()).done
2
>>> run_sweep(jobs, store, InlineExecutor()).skipped
2
"""

from .changed import built_models, changed_jobs
from .executors.base import Executor, InlineExecutor, Task
from .executors.local import LocalExecutor
from .jobs import THREADS, Job, experiment_job, measure_job, measured_row, run_job, train_job
from .run import Listener, Progress, run_sweep, share_of
from .spec import CONFIRM_ABOVE, EXAMPLE, Spec, read_spec
