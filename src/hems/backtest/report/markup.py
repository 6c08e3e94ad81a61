"""HTML and SVG as text in which nothing that came from outside can become markup: whatever is not `Markup` is escaped.

Attributes are keywords: ``class_`` and ``for_`` lose the underscore at their end, other underscores become hyphens, and
what is None is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_VOID = frozenset({"br", "hr", "meta", "img", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Iterable["Content"]
"""Text (escaped), `Markup` (as it is), or a sequence of these."""


def flat(content: Content) -> Markup:
    """Return ``content`` as one piece of HTML."""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(content))
    return Markup("".join(flat(part) for part in content))


def tag(name: str, *content: Content, **attributes: str | float | None) -> Markup:
    """Return an element; numbers of attributes with at most two decimals."""
    inside = "".join(
        f' {_attribute(key)}="{escape(_plain(value))}"' for key, value in attributes.items() if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{inside}>")
    return Markup(f"<{name}{inside}>{flat(content)}</{name}>")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else compact(value)


def compact(value: float) -> str:
    """Return a coordinate in as few characters as a hundredth of a pixel needs."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def table(
    caption: str, head: Sequence[Content], rows: Iterable[Sequence[Content]], *, foot: Sequence[Content] = ()
) -> Markup:
    """Return a table whose first column and head row name the rest; it scrolls where a screen is too narrow."""
    body = [tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows]
    parts = [
        tag("caption", caption),
        tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))),
        tag("tbody", body),
    ]
    if foot:
        first, *rest = foot
        parts.append(tag("tfoot", tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest))))
    # a box that scrolls must be reachable by keyboard
    return tag("div", tag("table", *parts), class_="scroll", tabindex="0", role="region", aria_label=caption)
