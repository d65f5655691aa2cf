"""Statistics of squared changes of a network's output: D_f, G_f and R_f with intervals, comparisons, correlations.

Open `estimates` first. `averages` has the averages, `intervals` and `mean_ratio` the intervals, `comparison` compares
networks on the same images, `correlation` and `partial` relate quantities over many networks, `agreement` compares
trainings of one network, `neighbours` classifies by features. The room imports options and the ground floor, numpy but
no torch.
"""

from .agreement import Agreement, agreement
from .averages import Statistic, average, by_image, generator, log_average, resampled_average
from .comparison import PairedComparison, Ranked, compare_all, compare_pair, holm, rank
from .correlation import (
    CorrelationDifference,
    PowerLaw,
    correlation_difference,
    correlation_interval,
    fitted_power_law,
    log_correlation,
    power_law,
)
from .estimates import Pairs, SampledRadius, largest_ratio, stability
from .intervals import (
    LEVEL,
    Array,
    Interval,
    binomial_interval,
    lower_share,
    mean_interval,
    percentile_interval,
    rounded,
    t_beyond,
    t_quantile,
)
from .mean_ratio import MeanRatioErrors, mean_ratio_errors, mean_ratio_interval
from .neighbours import classes_by_neighbours
from .pairs import KeptPairs, OutputPairs
from .partial import left_out_residuals, partial_correlation
from .samples import PairedSample
