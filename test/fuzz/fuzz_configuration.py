"""Coverage-guided fuzzing of the configuration loader; docs/security.md says how to run it."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["hems", "ruamel"]):
    from hems.config.loader import parse_configuration
    from hems.domain.errors import ConfigurationError


def one(data: bytes) -> None:
    """Anything but a configuration or its faults ends the run and keeps the input."""
    try:
        parse_configuration(data.decode("utf-8", errors="surrogateescape"), "house.yaml", environment={})
    except ConfigurationError as error:
        faults = error.faults
    else:
        return
    assert faults, "a refusal without a reason"
    for fault in faults:
        assert fault.startswith("house.yaml:"), fault
        assert "\n" not in fault, fault


atheris.Setup(sys.argv, one)
atheris.Fuzz()
