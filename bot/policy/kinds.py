"""What a value of the settings may be: secrets, durations, names, addresses, keys. Reads the files of secrets, nothing else."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from bot.domain.refs import Secret

_SECRET_FILE_LIMIT = 64 * 1024
_KEY_LENGTH = 32
"""Of an Ed25519 public key, in bytes."""


def _public_key(value: object) -> object:
    try:
        is_key = isinstance(value, str) and len(base64.b64decode(value, validate=True)) == _KEY_LENGTH
    except ValueError:
        is_key = False
    if not is_key:
        raise ValueError("has to be a public key as `pilothouse audit key` prints it")
    return value


def _secret(value: object) -> Secret:
    match value:
        case Secret():
            return value
        case str():
            return Secret(value.strip())
        case {"file": str(path)}:
            try:
                with Path(path).open("rb") as file:
                    return Secret(file.read(_SECRET_FILE_LIMIT).decode("utf-8").strip())
            except (OSError, ValueError) as bad:
                # Without the cause: of a file that is no text it would hold the bytes.
                reason = bad.strerror if isinstance(bad, OSError) and bad.strerror else "not text"
                raise ValueError(f"the file {path} cannot be read: {reason}") from None
        case _:
            raise ValueError("has to be text or {file: /path}")


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", value)
    if match is None:
        raise ValueError("has to be a duration such as 10s, 5m or 24h")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def listed(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Confidential = Annotated[Secret, PlainValidator(_secret)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
Url = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._~/-]*)?$")]
JobName = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9_$][A-Za-z0-9 ._$-]{0,99}(/[A-Za-z0-9_$][A-Za-z0-9 ._$-]{0,99}){0,9})?$")
]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z@_][A-Za-z0-9@._-]{0,99}$")]
PublicKey = Annotated[str, BeforeValidator(_public_key)]
