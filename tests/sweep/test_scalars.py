"""A value in a sweep's file means what it looks like, or is refused with its place and what to write instead."""

import pytest

NUMBERS = {
    "3": 3, "+3": 3, "0": 0, "-0": 0, "3.5": 3.5, ".5": 0.5, "5.": 5, "1e-3": 0.001, "1E3": 1000, "1.5e3": 1500,
    "1.e+3": 1000, "null": 1,
}  # fmt: skip
RIDDLES = {
    "010": "YAML reads 010 as 8 (octal); write 10 or 8",
    "-010": "write -10 or -8",
    "08": "08 begins with a 0; write 8",
    "012.5": "012.5 begins with a 0; write 12.5",
    "07": "07 begins with a 0; write 7",
    "0o10": "0o10 is not in decimal digits; write 8",
    "0x1F": "0x1F is not in decimal digits; write 31",
    "-0b11": "-0b11 is not in decimal digits; write -3",
    "1_000": "1_000 has an underscore; write 1000",
    "1_0.5": "write 10.5",
    "1,000": "'1,000' is no number",
    "1 000": "'1 000' is no number",
    "1:30": "YAML reads 1:30 in base 60",
    "190:20:30.15": "in base 60",
    "2020-01-01": "YAML reads 2020-01-01 as a date",
    "2020-01-01 10:00:00": "as a date",
    "yes": "YAML reads yes as true or false",
    "on": "YAML reads on as true or false",
    "Off": "YAML reads Off as true or false",
    "true": "YAML reads true as true or false",
    "~": "~ is no value; write one, or null for the default",
    "": "there is no value; write one",
    "Null": "Null is no value",
    ".inf": ".inf is no finite number",
    "-.INF": "-.INF is no finite number",
    ".nan": ".nan is no finite number",
    "nan": "nan is no finite number",
    "1e400": "1e400' is too large for a computer",
    "1e-400": "1e-400' is so small that it becomes 0",
    "'3'": "'3' is a text, and a number is needed; write 3 without quotes",
    '"1e-3"': "write 1e-3 without quotes",
    '"010"': "'010' is a text, and a number is needed",
    "３": "'３' is no number",
    "1/3": "'1/3' is no number",
    "=": "'=' is no number",
    "&a 3": None,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_decimal_numbers_are_numbers(spec, text):
    (job,) = spec(f"measure:\n  delta: {text if text not in ('0', '-0') else 1}\n  temperature: null\n").jobs
    assert job.options.delta == (NUMBERS[text] or 1)


@pytest.mark.parametrize("text", [text for text, message in RIDDLES.items() if message])
def test_what_looks_like_another_number_is_refused_with_its_place(spec, text):
    for lines in (f"delta: {text}", f"include:\n  - delta: {text}", f"exclude:\n  - delta: {text}"):
        with pytest.raises(ValueError, match=r"sweep\.yaml, line \d, column \d+: measure\.\S*delta: ") as refused:
            spec(f"measure:\n  model: fc_l4\n  {lines}\n")
        assert RIDDLES[text] in str(refused.value)
    if text not in ("", "1,000", "2020-01-01 10:00:00"):
        with pytest.raises(ValueError, match=r"sweep\.yaml, line 2, column 16: measure\.delta\[1\]: "):
            spec(f"measure:\n  delta: [3.0, {text}]\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3.0", "line 1, column 19: measure.images: 3.0 is no whole number; write 3"),
        ("1e2", "'1e2' is no whole number; write 100"),
        ("3.5", "measure.images: 3.5 is no whole number"),
        ("true", "measure.images: YAML reads true as true or false, and a whole number is needed"),
        ("010", "measure.images: YAML reads 010 as 8"),
        ("'3'", "measure.images: '3' is a text, and a whole number is needed; write 3 without quotes"),
        ("-3", "measure.images: images is -3; it must be at least 2"),
    ],
)
def test_whole_numbers_are_written_as_such(spec, text, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        spec(f"measure: {{images: {text}}}")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split: 010", "measure.split: YAML reads 010 as a number, and a text is needed; write '010'"),
        ("split: no", "YAML reads no as true or false, and a text is needed; write 'no'"),
        ("data_dir: 2020-01-01", "YAML reads 2020-01-01 as a date, and a text is needed; write '2020-01-01'"),
        ("layers: 1:30", "write '1:30'"),
        ("model: ~", "~ is no value"),
        ("model:", "there is no value"),
        ("amp: 1", "1 is neither true nor false"),
        ("amp: 'true'", "'true' is neither true nor false"),
        ("amp: y", "'y' is neither true nor false"),
        ("mean: 010", "YAML reads 010 as 8"),
        ("mean: '010,0,0'", "'010,0,0' is no number"),
        ("std: nan,1,1", "'nan,1,1' is no number"),
        ("model_kwargs: depth=010", "010 begins with a 0"),
        ("model_kwargs: '{\"depth\": NaN}'", "numbers, texts, true, false, null and lists are needed"),
    ],
)
def test_texts_and_switches_are_written_as_such(spec, text, message):
    with pytest.raises(ValueError, match=r"sweep\.yaml, line 2, column \d+: measure\.") as refused:
        spec(f"measure:\n  {text}\n")
    assert message in str(refused.value)


def test_what_is_plainly_meant_is_read(spec):
    text = "\ufeffmeasure:\n  amp: [yes, off]\n  mean: 0.5\n  std: '0.5,.5 1e-1'\n  data_dir: '010'\n  split: 1e3\n"
    with pytest.raises(ValueError, match="split is '1e3'; allowed"):
        spec(text)
    jobs = spec(text.replace("1e3", "test")).jobs
    assert [(job.options.amp, job.options.mean, job.options.std, job.options.data_dir) for job in jobs] == [
        (value, "0.5", "0.5,0.5,0.1", "010") for value in (True, False)
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("measure:\n  seed: 0\n  seed: 1\n", "line 3, column 3: 'seed' comes twice, first in line 2"),
        ("measure: {seed: 0}\nmeasure: {seed: 1}\n", "line 2, column 1: 'measure' comes twice, first in line 1"),
        ("measure:\n  include:\n    - seed: 0\n      'seed': 1\n", "line 4, column 7: 'seed' comes twice"),
        ("measure:\n  exclude: [{seed: 0, seed: 1}]\n", "line 2, column 23: 'seed' comes twice"),
        ("measure:\n  noise-radius: ensemble\n  noise_radius: ensemble\n", "line 3, column 3: measure.noise_radius is"),
        ("measure:\n  <<: {seed: 0}\n  seed: 1\n", "line 2, column 3: merge keys (<<) are not read"),
        ("measure: &a {seed: 0}\ntrain: *a\n", "line 2, column 8: aliases"),
        ("measure:\n  yes: 1\n", "line 2, column 3: the key yes is no name"),
        ("measure:\n  010: 1\n", "line 2, column 3: the key 010 is no name"),
        ("measure:\n  ? [a]\n  : 1\n", "line 2, column 5: the key ['a'] is no name"),
        ("measure:\n  sed: 1\n", "line 2, column 3: measure.sed is not an option"),
        ("mesure:\n  seed: 1\n", "line 1, column 1: 'mesure' is not a section"),
        ("measure:\n", "line 1, column 9: measure has no value; a mapping"),
        ("measure:\n  include:\n", "measure.include is"),
        ("measure:\n\tseed: 1\n", "line 2, column 1: a tab stands where YAML takes none; indent with spaces"),
        ("measure: {seed: 1}\n---\ntrain: {}\n", "line 2, column 1: a second document begins (---)"),
        ("measure: {seed: 1}\n\ufeffa: 1\n", "line 2, column 1: the character \\ufeff does not show"),
        ("measure: {seed: 1} # \u202e1\n", "line 1, column 22: the character \\u202e does not show"),
        ("measure: {seed: 1\x07}\n", "line 1, column 18: the character \\x07 does not show"),
        ("measure: {seed: !!str 1}\n", "line 1, column 17: tags (tag:yaml.org,2002:str) are not read"),
        ("measure: {seed: !x 1}\n", "line 1, column 17: tags (!x) are not read"),
    ],
)
def test_what_does_not_look_like_what_it_is_is_refused_with_its_place(spec, text, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        spec(text)
    assert f"sweep.yaml, {message}" in str(refused.value) or message in str(refused.value)
    assert "sweep.yaml, line" in str(refused.value)
