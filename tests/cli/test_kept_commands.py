"""Help texts, tables, JSON, CSV, error lines and stored rows of many commands stay as tests/kept/commands.txt has them.

The texts stay exactly: names, keys, hashes of networks and images, order of columns. Numbers stay but for the rounding
of another processor; times, versions, commits and what follows from them are left out. After an intended change, renew
the file by `python tests/support/kept_commands.py --write`, and read its diff.
"""

import pytest
from support.kept_commands import TRANSCRIPT, differences, transcript


@pytest.mark.slow
def test_commands_print_and_store_what_they_did():
    assert not differences(TRANSCRIPT.read_text(encoding="utf-8"), transcript())


@pytest.mark.parametrize(
    ("kept", "found", "same"),
    [
        ("R_f 3.0714669 of key 12ab", "R_f 3.0715 of key 12ab", True),
        ("R_f 3.0714669", "R_f 3.0724669", False),
        ("R_f 3.07", "R_f 3.08", True),  # rounded the other way
        ("R_f 3.07", "R_f 3.09", False),
        ("delta 0.5", "delta 0.6", False),
        ("20 images", "21 images", False),
        ("cutoff 3", "cutoff 3.0", False),
        ("key 12ab", "key 13ab", False),
        ("low, high", "high, low", False),
        ("one\ntwo", "one", False),
    ],
)
def test_numbers_alone_may_differ_and_little(kept, found, same):
    assert (not differences(kept, found)) == same
