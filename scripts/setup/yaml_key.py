"""Read or set one key of a YAML file, every other character left as it is: yaml_key.py FILE KEY.KEY [VALUE]"""

from __future__ import annotations

import sys
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode


def value_node(root: Node | None, keys: list[str]) -> ScalarNode | None:
    """Return the scalar that the path ``keys`` names, or None where the file does not have it."""
    node = root
    for key in keys:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for name, value in node.value if name.value == key), None)
    return node if isinstance(node, ScalarNode) else None


def main(path: Path, key: str, value: str | None) -> int:
    """Print the value, or write the file with a new one; 1 and a sentence where the file does not have the key."""
    text = path.read_bytes().decode("utf-8")  # not read_text: it would change the owner's line ends
    try:
        node = value_node(YAML().compose(text), key.split("."))
    except YAMLError as error:
        sys.stderr.write(f"error: {path} is no YAML: {error}\n")
        return 1
    if node is None or node.start_mark.index == node.end_mark.index:
        sys.stderr.write(f"error: {path} has no value for {key}: add one by hand\n")
        return 1
    if value is None:
        sys.stdout.write(f"{node.value}\n")
    else:
        path.write_bytes((text[: node.start_mark.index] + value + text[node.end_mark.index :]).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
