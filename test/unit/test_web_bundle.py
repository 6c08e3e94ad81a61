"""The built page: small, whole, licensed, asking no other host, and made from the sources that are here."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "hems" / "web" / "static"
SOURCES = ROOT / "web-ui"
GZIPPED_MAX_BYTES = 120 * 1024
NAMESPACES = {
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1998/Math/MathML",
    "http://www.w3.org/1999/xlink",
}
BUNDLED = ("preact", "@preact/signals", "@preact/signals-core", "uplot")

node = pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCES / "node_modules" / "esbuild").is_dir(),
    reason="node or web-ui/node_modules is not here: run `npm ci` in web-ui",
)


class References(HTMLParser):
    """What a page names, and what it carries inline."""

    def __init__(self) -> None:
        super().__init__()
        self.named: list[str] = []
        self.inline: list[str] = []
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in {"script", "style"} else None
        for name, value in attrs:
            if name in {"src", "href"}:
                self.named.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None and data.strip():
            self.inline.append(f"{self._inside}: {data.strip()}")


def references(html: str) -> References:
    parser = References()
    parser.feed(html)
    parser.close()
    return parser


def built() -> Iterator[Path]:
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    assert files, f"nothing is built in {STATIC}"
    return iter(files)


def run_npm(*words: str) -> None:
    done = subprocess.run(  # our own script, by the name that was found
        [shutil.which("npm") or "npm", "run", "--silent", *words],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_script_and_style_are_small() -> None:
    parts = [path for path in built() if path.suffix in {".js", ".css"}]
    assert {path.suffix for path in parts} == {".js", ".css"}
    assert sum(len(gzip.compress(path.read_bytes())) for path in parts) <= GZIPPED_MAX_BYTES


def test_no_other_host_is_named() -> None:
    for path in built():
        if path.name == "licenses.txt":
            continue
        addresses = set(re.findall(r"(?:https?|wss?)://[^\s\"'`<>)\\]+", path.read_text("utf-8")))
        assert addresses <= NAMESPACES, path.name
        assert not re.search(r"""url\(\s*["']?//|(?:src|href)\s*=\s*["']//""", path.read_text("utf-8")), path.name


def test_index_names_files_that_are_here_by_relative_addresses() -> None:
    page = references((STATIC / "index.html").read_text("utf-8"))
    assert len(page.named) >= 4
    for name in page.named:
        assert not name.startswith(("/", ".", "http:", "https:")), name
        assert (STATIC / name).is_file(), name


def test_index_carries_no_inline_script_or_style() -> None:
    assert references((STATIC / "index.html").read_text("utf-8")).inline == []


@pytest.mark.parametrize("html", ["<script>let a</script>", "<p style='color:red'>a</p>", "<a onclick='b()'>a</a>"])
def test_inline_code_would_be_found(html: str) -> None:
    assert references(html).inline


def test_nothing_is_left_of_an_older_build() -> None:
    named = references((STATIC / "index.html").read_text("utf-8")).named
    parts = {path.name for path in built() if path.suffix in {".js", ".css"}}
    assert parts == {name for name in named if name.endswith((".js", ".css"))}


def test_manifest_names_files_that_are_here() -> None:
    manifest = json.loads((STATIC / "manifest.webmanifest").read_text("utf-8"))
    assert manifest["icons"]
    for icon in manifest["icons"]:
        assert (STATIC / icon["src"]).is_file()
    assert not manifest["start_url"].startswith("/")


def test_licences_of_what_is_bundled_are_here() -> None:
    text = (STATIC / "licenses.txt").read_text("utf-8")
    packages = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))["packages"]
    for name in BUNDLED:
        entry = packages[f"node_modules/{name}"]
        assert f"{name} {entry['version']} ({entry['license']})" in text
    assert text.count("Permission is hereby granted") == len(BUNDLED)
    assert set(json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"]) <= set(BUNDLED)


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    package = json.loads((SOURCES / "package.json").read_text("utf-8"))
    for version in (*package["dependencies"].values(), *package["devDependencies"].values()):
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


@node
def test_sources_give_the_same_bytes(tmp_path: Path) -> None:
    run_npm("build", "--", str(tmp_path))
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in built()}, "run `npm run build` in web-ui"


@node
def test_types_hold() -> None:
    run_npm("check")


@node
def test_local_times_and_directions() -> None:
    run_npm("test")
