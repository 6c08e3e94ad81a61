"""Dataclasses as JSON and back, exactly: nothing is pickled, nothing is guessed, a person can read it.

The shape follows the type hints. Times are ISO 8601 in UTC, enums their value, sets sorted lists; a field that holds
its default is left out; where a field may hold one of several dataclasses, ``"is"`` names which. Infinity, which JSON
lacks, is the string ``"inf"``. A whole record is wrapped as ``{"format": 1, "kind": "cycle", "data": {...}}``.

What was written by a newer format, or does not fit the types, is refused with the path of the field: a record that
decides again in a replay must be the one that was stored.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from hems.domain.errors import StorageError
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord
from hems.domain.time_grid import require_utc

FORMAT = 1
"""Raised when a stored record would no longer be read as it was meant."""

_KINDS: dict[str, type] = {"cycle": CycleRecord, "sample": SampleRecord, "event": EventRecord, "energy": EnergySlot}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}

_Encode = Callable[[Any], Any]
_Decode = Callable[[Any, str], Any]
R = TypeVar("R")


def dump_record(record: object) -> str:
    """Return ``record``, one of the stored kinds, as one line of JSON."""
    kind = _KIND_OF[type(record)]
    return json.dumps(
        {"format": FORMAT, "kind": kind, "data": to_json(record)}, ensure_ascii=False, separators=(",", ":")
    )


def load_record(text: str, cls: type[R]) -> R:
    """Return the record that ``dump_record`` wrote.

    Raises: StorageError: no JSON, another kind, a newer format, or a field that does not fit; says which.
    """
    try:
        wrapped = json.loads(text)
    except ValueError as error:
        raise StorageError(f"stored record is not JSON: {error}") from error
    if not isinstance(wrapped, dict) or "format" not in wrapped:
        raise StorageError("stored record has no format number: it was not written by this program")
    if wrapped["format"] != FORMAT:
        raise StorageError(
            f"stored record has format {wrapped['format']}, this program reads {FORMAT}: update the program"
        )
    kind = _KIND_OF[cls]
    if wrapped.get("kind") != kind:
        raise StorageError(f"stored record is a {wrapped.get('kind')!r}, not a {kind!r}")
    return from_json(cls, wrapped.get("data"), path=kind)


def to_json(record: object) -> Any:
    """Return the dataclass ``record`` as JSON values."""
    cls: Any = type(record)
    return _codec(cls)[0](record)


def from_json(cls: type[R], data: Any, *, path: str = "record") -> R:
    """Return the ``cls`` that ``to_json`` turned into ``data``.

    Raises: StorageError: ``data`` does not fit ``cls``; names the path.
    """
    hint: Any = cls
    return typing.cast("R", _codec(hint)[1](data, path))


@cache
def _codec(hint: Any) -> tuple[_Encode, _Decode]:
    origin = typing.get_origin(hint)
    if origin is types.UnionType or origin is typing.Union:
        return _union_codec(typing.get_args(hint))
    if origin is tuple:
        return _tuple_codec(typing.get_args(hint))
    if origin is frozenset:
        return _frozenset_codec(typing.get_args(hint)[0])
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return _dataclass_codec(hint)
        if issubclass(hint, Enum):
            return _enum_codec(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    raise TypeError(f"no codec for {hint!r}: teach {__name__} this type")


def _misfit(path: str, expected: str, value: Any) -> StorageError:
    return StorageError(f"{path}: expected {expected}, found {value!r:.80}")


def _encode_float(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)


def _decode_float(value: Any, path: str) -> float:
    if isinstance(value, str) and value in {"inf", "-inf", "nan"}:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit(path, "a number", value)
    return float(value)


def _decode_int(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _misfit(path, "a whole number", value)
    return value


def _decode_bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _misfit(path, "true or false", value)
    return value


def _decode_str(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _misfit(path, "a text", value)
    return value


def _encode_datetime(value: datetime) -> str:
    return require_utc(value).isoformat()


def _decode_datetime(value: Any, path: str) -> datetime:
    try:
        return require_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError) as error:
        raise _misfit(path, "a time with its zone", value) from error


def _same(value: Any) -> Any:
    return value


_PLAIN: dict[Any, tuple[_Encode, _Decode]] = {
    float: (_encode_float, _decode_float),
    int: (_same, _decode_int),
    bool: (_same, _decode_bool),
    str: (_same, _decode_str),
    datetime: (_encode_datetime, _decode_datetime),
}


def _enum_codec(cls: type[Enum]) -> tuple[_Encode, _Decode]:
    def decode(value: Any, path: str) -> Enum:
        try:
            return cls(value)
        except ValueError as error:
            allowed = ", ".join(str(member.value) for member in cls)
            raise _misfit(path, f"one of {allowed}", value) from error

    return (lambda member: member.value), decode


def _tuple_codec(args: tuple[Any, ...]) -> tuple[_Encode, _Decode]:
    if len(args) == 2 and args[1] is Ellipsis:
        encode_item, decode_item = _codec(args[0])

        def decode_many(value: Any, path: str) -> tuple[Any, ...]:
            if not isinstance(value, list):
                raise _misfit(path, "a list", value)
            return tuple(decode_item(item, f"{path}[{index}]") for index, item in enumerate(value))

        return (lambda items: [encode_item(item) for item in items]), decode_many
    codecs = [_codec(arg) for arg in args]

    def decode_each(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(codecs):
            raise _misfit(path, f"a list of {len(codecs)}", value)
        return tuple(codec[1](item, f"{path}[{i}]") for i, (codec, item) in enumerate(zip(codecs, value, strict=True)))

    return (lambda items: [codec[0](item) for codec, item in zip(codecs, items, strict=True)]), decode_each


def _frozenset_codec(arg: Any) -> tuple[_Encode, _Decode]:
    encode_item = _codec(arg)[0]
    decode_tuple = _codec(tuple[arg, ...])[1]
    return (
        lambda items: sorted(encode_item(item) for item in items),
        lambda value, path: frozenset(decode_tuple(value, path)),
    )


def _union_codec(args: tuple[Any, ...]) -> tuple[_Encode, _Decode]:
    members = [arg for arg in args if arg is not types.NoneType]
    if len(members) == 1:
        encode, decode = _codec(members[0])
    else:
        encode, decode = _tagged_codec(members)
    if len(members) == len(args):
        return encode, decode
    return (
        lambda value: None if value is None else encode(value),
        lambda value, path: None if value is None else decode(value, path),
    )


def _tagged_codec(members: list[Any]) -> tuple[_Encode, _Decode]:
    if not all(dataclasses.is_dataclass(member) for member in members):
        raise TypeError(f"no codec for a union of {members!r}: only dataclasses can be told apart")
    by_name = {member.__name__: _codec(member) for member in members}

    def encode(value: Any) -> Any:
        name = type(value).__name__
        return {"is": name, **by_name[name][0](value)}

    def decode(value: Any, path: str) -> Any:
        if not isinstance(value, dict) or value.get("is") not in by_name:
            raise _misfit(path, f"one of {', '.join(by_name)}", value)
        return by_name[value["is"]][1]({key: item for key, item in value.items() if key != "is"}, path)

    return encode, decode


def _dataclass_codec(cls: Any) -> tuple[_Encode, _Decode]:
    hints = typing.get_type_hints(cls)
    fields = [(field, *_codec(hints[field.name])) for field in dataclasses.fields(cls)]
    names = {field.name for field, _, _ in fields}

    def encode(value: Any) -> dict[str, Any]:
        result = {}
        for field, encode_field, _ in fields:
            item = getattr(value, field.name)
            if field.default is not dataclasses.MISSING and _is_default(item, field.default):
                continue
            result[field.name] = encode_field(item)
        return result

    def decode(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _misfit(path, f"a {cls.__name__}", value)
        if unknown := value.keys() - names:
            raise StorageError(f"{path}: {cls.__name__} has no {', '.join(sorted(unknown))}")
        filled = {}
        for field, _, decode_field in fields:
            if field.name in value:
                filled[field.name] = decode_field(value[field.name], f"{path}.{field.name}")
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise StorageError(f"{path}.{field.name}: missing")
        return cls(**filled)

    return encode, decode


def _is_default(item: Any, default: Any) -> bool:
    # repr tells 0.0 from -0.0 and 1 from True, which == does not.
    return item is default or (type(item) is type(default) and item == default and repr(item) == repr(default))
