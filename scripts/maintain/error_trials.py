"""Text of docs/predicting-error.md on variations: other measurements, seeds, epochs, networks, training images."""

from collections.abc import Iterator, Sequence

from error_numbers import QUANTITIES, Settling, correlations, rivals, seeds_agree
from error_page import NOT_YET, SURE, SYMBOLS, Study, chance, listed, missing, percent, rivalry, table, test_told, told

from diffstab.statistics import correlation_interval

SETTLED = 0.1  # a network has not settled if more epochs lower the error by this share of it or more


def tried_in_short(study: Study) -> Iterator[str]:
    """Yields what was tried to find out why the relation is weaker than the paper's: one sentence or two for each."""
    if study.half:
        texts = [f"{told(correlations(points)['R'])} with {kind}" for kind, points in study.by_epochs.items()]
        count = len(study.halved)
        yield f"**Tried: epochs.** The correlation with R_f over these {count} networks of one seed is {listed(texts)}."
    if study.more:
        many = study.many
        share, pairs = many.same_direction(*many.kinds())
        yield (
            f"**Tried: {listed(many.kinds())}.** Over all {len(many.points)} networks the correlation is "
            f"{told(correlations(many.points)['R'])}. Error and R_f move the same way in "
            f"{round(share.value * pairs)} of {pairs} changes."
        )
    if study.curves:
        yield f"**Tried: training images.** {_trends_told(study)}"


def way_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on R_f measured in other ways."""
    yield (
        "The networks of the first seed, with R_f measured in other ways. The first line is the usual way. The last "
        "column is the paired test against it: the difference of Fisher's z, with p-values adjusted for the number "
        "of tests (Holm)."
    )
    for one in studies:
        if not one.measured:
            yield missing(one, "-measure")
            continue
        lines = [
            [way.told, *(told(way.found[name]) for name in QUANTITIES), test_told(way.against) if way.against else ""]
            for way in one.variants
        ]
        yield table([one.title, *(f"log {SYMBOLS[name]}" for name in QUANTITIES), "R_f against the usual way"], lines)
        yield _ways_told(one)


def _ways_told(study: Study) -> str:
    others = [way for way in study.variants if way.against]
    low, high = (pick(study.variants, key=lambda way: way.found["R"].value) for pick in (min, max))
    alone = [way.name for way in others if way.against.z.low > 0 or way.against.z.high < 0]
    sure = [way.name for way in others if way.against.p < SURE]
    return (
        f"The correlation with R_f goes from {low.found['R'].value:.2f} ({low.name}) to {high.found['R'].value:.2f} "
        f"({high.name}). Taken one by one, {len(alone)} of {len(others)} ways differ from the usual one"
        f"{': ' * bool(alone)}{'; '.join(alone)}. With p-values for {len(others)} tests "
        f"{'these are left: ' + '; '.join(sure) if sure else 'none is left'}."
    )


def seed_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on the agreement of a network's trainings."""
    yield (
        "Do trainings with other seeds give the same R_f? The factor is how far apart log R_f of a network's seeds "
        "lies, in standard errors of their intervals. All seeds are measured on the same images with the same "
        "fields, so even a factor of 1 would mean that they differ. The table has the factor over all networks, and "
        "the networks with the smallest and the largest."
    )
    seeded = [one for one in studies if max(one.points.seeds) > 1]
    found = [(one, name, *seeds_agree(one.rows, name)) for one in seeded for name in ("R", "test_error")]
    lines = []
    for one, name, whole, own in found:
        ends = [min(own, key=own.get), max(own, key=own.get)]
        texts = [f"{network} {own[network]:.1f}" for network in ends]
        what = "R_f" if name == "R" else "test error"
        lines.append([f"{one.title}, {what}", f"{whole.factor:.1f}", chance(whole.p), *texts])
    yield table(["", "factor", "p, if standard errors were all", "smallest", "largest"], lines)
    for one, name, whole, _ in found:
        if name == "R":
            agree = (
                "agree within their intervals"
                if whole.p >= SURE
                else f"do not agree: they lie {whole.factor:.1f} times as far apart as their intervals say"
            )
            yield f"{one.title}: seeds of the same network {agree}. Intervals over images don't include that."
    for one in studies:
        if one not in seeded:
            yield f"{one.title}: further seeds {NOT_YET}."


def epoch_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on the number of epochs."""
    yield (
        "A network counts as settled if the last doubling of its epochs lowered the test error by less than a tenth of "
        "itself. The rule is the same for all networks and was set before the results."
    )
    for one in studies:
        if not one.half:
            yield missing(one, "-half")
            continue
        yield _settling_table(one.halved, [one.title, "error after half the epochs", "after all"])
        if one.doubled:
            yield "Networks that had not settled were trained again, for twice as many epochs:"
            yield _settling_table(one.doubled, [one.title, "error after all epochs", "after twice as many"])
        again = {own.name: own for own in one.doubled}
        last = [again.get(own.name, own) for own in one.halved]
        moving = [own.name for own in last if own.lowered >= SETTLED]
        yield f"Not settled: {listed(moving)}." if moving else f"All {len(last)} networks have settled."
        yield "Correlations over all networks, one seed each. The last columns have the paired tests of R_f."
        lines = []
        for kind, points in one.by_epochs.items():
            found = correlations(points)
            lines.append([kind, *(told(found[name]) for name in QUANTITIES), *map(test_told, rivals(points).values())])
        against = [f"against {SYMBOLS[name]}" for name in QUANTITIES if name != "R"]
        yield table([f"{one.title}: epochs", *(f"log {SYMBOLS[name]}" for name in QUANTITIES), *against], lines)


def _settling_table(found: Sequence[Settling], head: Sequence[str]) -> str:
    lines = [[own.name, percent(own.half), percent(own.full), percent(own.lowered)] for own in found]
    return table([*head, "lowered by"], lines)


def more_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on further networks and single changes."""
    for one in studies:
        if not one.more:
            yield missing(one, "-more")
            continue
        many = one.many
        clean = many.of_kinds(
            [kind for kind in set(many.changed) if kind not in ("label noise", "fewer training images")]
        )
        yield (
            f"{one.title}: {len(many.points)} trained networks, the {len(one.points)} above and "
            f"{len(many.points) - len(one.points)} more, one seed each, in which one thing was changed. Networks "
            "of one architecture are alike; intervals are over architectures. Those of pairs take them as independent."
        )
        parts = {
            f"all {len(many.points)}": correlations(many.points),
            f"the {len(clean)} with all training images and right labels": correlations(clean),
            "within architectures, their means removed": many.within_networks(),
        }
        lines = [[kind, *(told(own[name]) for name in QUANTITIES)] for kind, own in parts.items()]
        yield table([f"{one.title}: correlation with", *(f"log {SYMBOLS[name]}" for name in QUANTITIES)], lines)
        lines = []
        for kind in many.kinds():
            share, count = many.same_direction(kind)
            lines.append([kind, str(count), f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})"])
        yield table(["what was changed", "pairs", "error and R_f move the same way"], lines)
        texts = [
            f"against {SYMBOLS[name]} {rivalry(name, own.z.value, own.p)}" for name, own in rivals(many.points).items()
        ]
        yield f"Over all of them, {'; '.join(texts)}."


def size_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on R_f and error as functions of P, the number of training images."""
    yield (
        "Power laws of one network, R_f ~ P^b and error ~ P^b with the number P of training images, and the "
        "correlation of its error with its R_f while P grows:"
    )
    for one in studies:
        if not one.curves:
            yield missing(one, "-size")
            continue
        lines = []
        for name, own in one.curves.items():
            laws = map(told, one.exponents[name].values())
            span = f"{own['P'].min():,.0f} to {own['P'].max():,.0f}"
            lines.append([name, span, *laws, told(correlation_interval(own["R"], own["error"]))])
        head = [one.title, "P", "exponent of R_f", "exponent of the error", "correlation of both"]
        yield table(head, lines)
        yield _trends_told(one)


def _trends_told(study: Study) -> str:
    """Tells whose R_f and whose error falls or rises with P: where the exponent's interval is on one side of 0."""
    parts = []
    for what, subject in (("R", "R_f"), ("error", "the error")):
        found: dict[str, list[str]] = {}
        for name, exponents in study.exponents.items():
            b = exponents[what]
            found.setdefault("falls" if b.high < 0 else "rises" if b.low > 0 else "shows no trend", []).append(name)
        told = [f"{verb} in {listed(own) if len(found) > 1 else 'all'}" for verb, own in found.items()]
        parts.append(f"{subject} {listed(told)}")
    return f"With more of them {'; '.join(parts)}."
