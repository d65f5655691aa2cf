"""Conversion of a single value of a sweep's file for its option.

A value means what it looks like to a reader, or is refused: YAML alone would read 010 as 8.

>>> from .yaml_file import Node
>>> value_of(Node("1e-3", 1, 1, "text"), float), value_of(Node("3", 1, 1, "number"), int)
(0.001, 3)
>>> value_of(Node("010", 1, 1, "number"), int)
Traceback (most recent call last):
diffstab.sweep.yaml_file.PlacedError: line 1, column 1: YAML reads 010 as 8 (octal); write 10 or 8
"""

import math
import re
from typing import Any

from .yaml_file import Node

WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
YES_OR_NO = {"yes": True, "no": False, "on": True, "off": False, "true": True, "false": False}
CHANNELS = "channels"  # type of options that take one number, or a text of several
MOST_DIGITS = 4000  # digits of a whole number; Python reads no more


def value_of(node: Node, wanted: Any) -> Any:
    """Returns the value of a node for an option.

    Args:
        node: Single value of the file.
        wanted: Type of the option: `int`, `float`, `bool`, `str`, or CHANNELS.

    Raises:
        PlacedError: If the text is not plainly such a value; the message says what to write instead.
    """
    if node.kind == "null":
        if node.value == "null":
            return None
        came = f"{node.value} is no value" if node.value else "there is no value"
        raise node.refused(f"{came}; write one, or null for the default")
    if wanted is bool:
        return _true_or_false(node)
    if wanted is CHANNELS:
        return _channels(node)
    return _text(node) if wanted is str else _number(node, wanted)


def _true_or_false(node: Node) -> bool:
    if node.kind != "bool":
        raise node.refused(f"{node} is neither true nor false; write one of them")
    return YES_OR_NO[node.value.lower()]


def _text(node: Node) -> str:
    if node.kind in ("text", "quoted"):
        return str(node.value)
    kinds = {"number": "a number", "bool": "true or false", "date": "a date"}
    raise node.refused(f"YAML reads {node} as {kinds[node.kind]}, and a text is needed; write '{node}' for a text")


def _channels(node: Node) -> Any:
    if node.kind == "number":
        return _number(node, float)
    parts = str(node.value).replace(",", " ").split()
    if node.kind not in ("text", "quoted") or not parts or not all(map(DECIMAL.fullmatch, parts)):
        raise node.refused(f"{node} is no number, nor a text of several such as '0.5,0.5,0.5'; write one of them")
    return node.value


def _number(node: Node, wanted: Any) -> Any:
    """Returns the number that decimal digits stand for. YAML takes 1e-3 for a text because it has no point."""
    text = node.value
    if node.kind == "quoted":
        hint = f"; write {text} without quotes" if DECIMAL.fullmatch(text) else ""
        raise node.refused(f"{node} is a text, and a {_name(wanted)} is needed{hint}")
    if not DECIMAL.fullmatch(text):
        raise node.refused(_riddle(node, wanted))
    if wanted is int:
        if WHOLE.fullmatch(text) and len(text) <= MOST_DIGITS:
            return int(text)
        whole = float(text).is_integer() and abs(float(text)) < 2**53
        raise node.refused(f"{node} is no whole number; write {int(float(text)) if whole else 'one in decimal digits'}")
    number = float(text)
    if not math.isfinite(number):
        raise node.refused(f"{node} is too large for a computer; write a smaller number")
    if number == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise node.refused(f"{node} is so small that it becomes 0; write 0 if that is meant")
    return number


def _name(wanted: Any) -> str:
    return "whole number" if wanted is int else "number"


def _riddle(node: Node, wanted: Any) -> str:
    """Returns the reason why a text is no number, and what to write instead."""
    text = node.value
    plain = text.replace("_", "")
    if node.kind == "bool":
        return f"YAML reads {text} as true or false, and a {_name(wanted)} is needed"
    if node.kind == "date":
        return f"YAML reads {text} as a date, and a {_name(wanted)} is needed"
    if re.fullmatch(r"[-+]?\.(inf|nan)", text, re.IGNORECASE) or text.lower() in ("nan", "inf", "-inf"):
        return f"{text} is no finite number, which is needed"
    if "_" in text and DECIMAL.fullmatch(plain):
        return f"{text} has an underscore; write {plain}"
    if ":" in text and node.kind == "number":
        return f"YAML reads {text} in base 60; write the number in decimal digits"
    if re.fullmatch("[-+]?0[0-7]+", plain) and int(plain, 8) != int(plain):
        return f"YAML reads {text} as {int(plain, 8)} (octal); write {int(plain)} or {int(plain, 8)}"
    if re.fullmatch(r"[-+]?0+[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?", plain):
        return f"{text} begins with a 0; write {re.sub('^([-+]?)0+(?=[0-9])', lambda found: found[1], plain)}"
    for digits, base in ((r"0x([0-9a-f]+)", 16), (r"0o([0-7]+)", 8), (r"0b([01]+)", 2)):
        if found := re.fullmatch(rf"([-+]?){digits}", plain.lower()):
            return f"{text} is not in decimal digits; write {found[1]}{int(found[2], base)}"
    return f"{node} is no number; a {_name(wanted)} is needed"
