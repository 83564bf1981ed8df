"""Text of other people (names, labels, reasons) where it could be taken for more than text.

A row's name, a diagnosis or a file's name may hold anything: an escape sequence that a terminal obeys, a formula that a
spreadsheet computes, a tag or a link that a Markdown page shows. Here it becomes what it says, and nothing else.
"""

from __future__ import annotations

import re
import unicodedata

FORMULA = re.compile(r"[=@\uff1d\uff20\t\r\n]|[-+\uff0b\uff0d](?=.*[^\W\d_]|.*\|)", re.DOTALL)
"""What a spreadsheet takes for the start of a formula. ``-0.5 [-0.9, -0.1]`` is none: it has no letter."""
NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(r"\](?=[(\[:])")


def printable(text: str) -> str:
    r"""The text without control characters: line ends and tabs are spaces, all others are written out.

    Marks that turn the direction of writing count as such: they make a terminal show another order than is there.

    >>> printable("a\x1b[31m\tb")
    'a\\x1b[31m b'
    """
    return "".join(map(_shown, text))


def csv_cell(text: str) -> str:
    """The text as a cell of a CSV file; one that a spreadsheet would compute starts with an apostrophe.

    >>> csv_cell("=1+1"), csv_cell("-0.5 [-0.9, -0.1]"), csv_cell("-2+cmd|' /C calc'!A0")
    ("'=1+1", '-0.5 [-0.9, -0.1]', "'-2+cmd|' /C calc'!A0")
    """
    is_formula = FORMULA.match(text) and not NUMBER.fullmatch(text)
    return f"'{printable(text)}" if is_formula else printable(text)


def markdown_text(text: str) -> str:
    r"""The text in a Markdown page: no code, no tag, no link.

    >>> markdown_text("<b>bold</b> [x](http://y) p <0.01")
    '&lt;b>bold&lt;/b> [x\\](http://y) p <0.01'
    """
    escaped = printable(text).replace("\\", "\\\\").replace("`", "\\`")
    return LINK.sub(r"\\]", TAG.sub("&lt;", escaped))


def markdown_cell(text: str) -> str:
    """`markdown_text` in a cell of a table, whose border it must not be."""
    return markdown_text(text).replace("|", "\\|")


def _shown(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    # Cc: control. Cf: formatting, such as the direction of writing. Zl, Zp: line ends of other alphabets.
    if unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp"):
        return letter
    return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"
