"""Training of the networks that are measured; a stopped training continues from its checkpoint.

Open `loop` first, then `epoch`; the recipes are in `options.train`. `probe` measures R_f during any training;
`diffstab.training.lightning` and `diffstab.training.transformers` are callbacks for these libraries' trainers. The room
imports measuring, models, data, statistics, fields, options, streams and the ground floor.
"""

from .augment import Augmentation
from .epoch import Trainer, TrainingStoppedError, measure_error
from .images import darkest, prepare_images
from .loop import EpochReport, train
from .metrics import Logger, TensorBoardLogger, WandbLogger
from .optimisation import make_optimizer
from .penalty import StabilityLoss
from .probe import StabilityProbe
from .start import fresh_state
from .state import CHECKPOINT, checkpoints_in
from .trained import Trained, write_network
