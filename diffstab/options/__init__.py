"""Options of a measurement, a training or an experiment: names, allowed values, defaults and checks.

Open `measure` first, the options of `diffstab measure`. `choices` has the allowed values and the two conventions.
The room imports only the ground floor and no torch, so that `diffstab --help` answers at once.
"""

from .base import CommandOptions
from .choices import (
    ALL,
    AUTO,
    AVERAGES,
    BATCH_NORMS,
    BOTH,
    CONVENTIONS,
    CUTOFF_RULES,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DATASET,
    DEFAULT_DELTA,
    DEFAULT_IMAGES,
    DEFAULT_MODEL,
    DEFAULT_SPLIT,
    DEFAULT_STARTS,
    DEFAULT_STEPS,
    DELTA_RULES,
    DIFFEO,
    EXPORTS,
    GAUSSIAN_SIGMA,
    GIVEN,
    INTERPOLATIONS,
    KEEP_OUTPUTS_UP_TO,
    MEDIAN_RULES,
    MOST_OUTPUTS,
    MOST_RESAMPLES,
    MOVED,
    NOISE_RADIUS_RULES,
    OUTPUT_FORMS,
    PAIR_RULES,
    PAIRS,
    PER_IMAGE,
    PRECISIONS,
    SHELL,
    STILL,
    TEMPERATURE_RULES,
    TRANSFORMS,
    WEIGHTS,
    WORST_DEFORMATION,
    Convention,
    chosen,
    convention_named,
    layer_text,
    refuse_no_mode,
)
from .data_names import (
    DATASETS,
    EMBEDDED,
    PHOTOS,
    SPLITS,
    TableName,
    class_in_split,
    dataset_named,
    is_table,
    split_named,
    split_of,
    split_word,
    split_words,
    table_named,
)
from .experiments import FIRST_LOSS, OPTIONS, REGIME, STRIPE, RegimeOptions, StripeOptions
from .measure import EXECUTION, MeasureOptions
from .measure_settings import COLUMNS, DEFAULTS, MeasureSettings
from .model_names import (
    HUB,
    LIBRARIES,
    LOCAL,
    ONNX,
    OWN,
    PREFIXES,
    TRANSFORMERS,
    base_and_width,
    base_name,
    leads_out,
)
from .setting import DIALECT, JSON_TYPES, Role, Setting, called_with, names_with, settings_of
from .train import (
    LOSSES,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
    SELECTIONS,
    SOFT_HINGE_BETA,
    STARTS,
    Recipe,
    TrainOptions,
)
