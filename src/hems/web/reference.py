"""docs/api.md, made from the OpenAPI document: ``python -m hems.web.reference > docs/api.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from hems.web.app import DESCRIPTION, bare_app

Json = dict[str, Any]

INTRODUCTION = """\
# The API

<!-- made from the code: python -m hems.web.reference > docs/api.md -->

{description}
It is served by the service itself at `web.host`:`web.port` ([configuration](configuration.md)); the OpenAPI document
is at `api/v1/openapi.json` and can be read without a log-in. From this machine, without a password set:

```
curl http://127.0.0.1:8080/api/v1/state
curl -N http://127.0.0.1:8080/api/v1/stream
curl -H 'Content-Type: application/json' http://127.0.0.1:8080/api/v1/orders \\
     -d '{{"order": "fast_charge", "target_soc_pct": 90, "by": "2026-11-24T07:00:00+01:00"}}'
```

A program on another machine takes a token (`hems web token create NAME --scope read|control`,
[security](security.md)) and sends it as `Authorization: Bearer hems_...`.
"""


def render_reference() -> str:
    """Return the reference of the API as Markdown."""
    document = bare_app().openapi()
    lines = [INTRODUCTION.format(description=DESCRIPTION)]
    lines += ["## Addresses", "", "| | | |", "|---|---|---|"]
    lines += [_address(method, path, route) for method, path, route in _routes(document)]
    for method, path, route in _routes(document):
        lines += _route(method, path, route)
    lines += ["", "## Models", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _model(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _routes(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield method.upper(), path, route


def _address(method: str, path: str, route: Json) -> str:
    first = _first_sentence(str(route.get("description", "")))
    return f"| `{method}` | [`{path}`](#{_anchor(method, path)}) | {first} |"


def _route(method: str, path: str, route: Json) -> list[str]:
    lines = ["", f"### {method} {path}", "", route.get("description", ""), ""]
    parameters = [one for one in route.get("parameters", ()) if one["in"] in {"query", "path", "header"}]
    if parameters:
        lines += ["| Parameter | | |", "|---|---|---|"]
        for one in parameters:
            need = "required" if one.get("required") else "optional"
            about = one.get("description") or one["schema"].get("description", "")
            lines.append(f"| `{one['name']}` | {_type(one['schema'])}, {need} | {about} |")
        lines.append("")
    body = route.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        lines += [f"Takes: {_type(body['schema'])}", ""]
    content = route["responses"].get("200", {}).get("content", {})
    for media, answer in content.items():
        lines.append(f"Answers: {_type(answer.get('schema') or answer.get('itemSchema') or {})} (`{media}`)")
    return lines


def _model(name: str, schema: Json) -> list[str]:
    lines = [f"### {name}", "", schema.get("description", ""), ""]
    if "enum" in schema:
        return [*lines, ", ".join(f"`{value}`" for value in schema["enum"]), ""]
    lines += ["| Field | Type | Unit | |", "|---|---|---|---|"]
    for field, about in schema.get("properties", {}).items():
        words = about.get("description", "")
        examples = [one for one in about.get("examples", ()) if one is not None]
        example = f" Such as `{json.dumps(examples[0], ensure_ascii=False)}`." if examples else ""
        lines.append(f"| `{field}` | {_type(about)} | {_unit(about)} | {words}{example} |")
    return [*lines, ""]


def _unit(schema: Json) -> str:
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        if "unit" in part:
            return str(part["unit"])
        nested = _unit(part["items"]) if isinstance(part.get("items"), dict) and part is not schema else ""
        if nested:
            return nested
    items = schema.get("items")
    return _unit(items) if isinstance(items, dict) else ""


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[choice]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema.get("type", "anything"))


def _first_sentence(text: str) -> str:
    return text.split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


def _anchor(method: str, path: str) -> str:
    kept = "".join(letter for letter in f"{method} {path}".lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(render_reference())
