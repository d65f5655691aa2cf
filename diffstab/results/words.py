"""R_f in words: how much more or less deformations change the output than noise, and reasons to doubt it."""

from ..statistics import Interval

SAME = 1.1  # a factor; R_f within it counts as 1
FEW_IMAGES = 100
MANY_FOLDS = 0.1  # share of the fields

LOWER = "lower is more stable"


def in_words(R: Interval, moved: str = "deformations", noise: str = "noise") -> str:
    """Returns the meaning of R_f as a sentence without its full stop; lower is more stable.

    Args:
        R: R_f with its 95 % interval, dimensionless.
        moved: Plural noun for the transformation of the images.
        noise: Noun for the noise.

    >>> print(in_words(Interval(0.092, 0.080, 0.105)))
    R_f 0.092 (0.08 to 0.105): deformations change the output 11 times less than noise of the same size
    >>> in_words(Interval(2.19, 1.82, 2.58), "rotations").partition(": ")[2]
    'rotations change the output 2.2 times more than noise of the same size'
    """
    return f"R_f {R}: {moved} {compared(R)} {noise} of the same size"


def compared(R: Interval) -> str:
    """Returns the middle of the sentence of `in_words`.

    >>> compared(Interval(0.95, 0.9, 0.99)), compared(Interval(0.0, 0.0, 0.0))
    ('change the output about as much as', 'do not change the output, unlike')
    """
    if R.value == 0:
        return "do not change the output, unlike"
    if R.low <= 1 <= R.high or 1 / SAME <= R.value <= SAME:
        return "change the output about as much as"
    factor = max(R.value, 1 / R.value)
    told = f"{factor:.2g}" if factor < 100 else f"{factor:,.0f}"
    return f"change the output {told} times {'less' if R.value < 1 else 'more'} than"


def cautions(
    R: Interval,
    *,
    images: int | None = None,
    copies: int = 0,
    fold_fraction: float | None = None,
    few_classes: bool = False,
) -> list[str]:
    """Returns reasons to doubt R_f, one text each; an empty list if there are none.

    Args:
        R: R_f with its 95 % interval.
        images: Number of images, if known.
        copies: Number of images that are copies of others.
        fold_fraction: Share of the drawn fields that fold, so that they are no diffeomorphisms.
        few_classes: True if the images come from far fewer classes than a random choice would.

    >>> cautions(Interval(0.717, 0.333, 1.27), images=13)
    ['the interval includes 1; more images or draws narrow it', 'only 13 images']
    """
    found = ["the interval includes 1; more images or draws narrow it"] if R.low <= 1 <= R.high else []
    if images is not None and images - copies < FEW_IMAGES:
        found.append(f"only {images - copies} {'different ' if copies else ''}images")
    if few_classes:
        found.append("the images are of few of the classes, so they are no random choice")
    if fold_fraction is not None and fold_fraction > MANY_FOLDS:
        found.append(f"{fold_fraction:.0%} of the fields fold, so they are no diffeomorphisms; take a smaller delta")
    return found
