"""Gates for continuous integration: decisions on R_f, and assertions for a test suite.

Open `decision` first, which decides if R_f is above a limit or a network is worse than its baseline, and has the two
functions that tests call. The room imports measuring and results.
"""

from .decision import MARGIN, Decision, above, assert_not_worse, assert_stable, checked_limit, checked_margin, worse
