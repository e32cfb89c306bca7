#!/usr/bin/env python3
"""Makes the secrets that compose.yaml and shouwang.toml name, and the accounts of the broker.

Rule: what is there stays as it is; a password is printed once, when its account is made, and only its hash
is kept. Needs Python 3.10 and nothing else.

    python3 make_secrets.py                 all secrets that are missing
    python3 make_secrets.py add NAME        an account on the broker, for a device, gateway or display
    python3 make_secrets.py remove NAME     takes it away again
"""

import base64
import hashlib
import os
import re
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
SERVICE = "shouwang"
"""The service's account on the broker, and its role in the database."""

RANDOM = ("api_token", "db_admin_password", "db_password", "grafana_password", "mqtt_password", "webhook_key")

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # as devices' ids, but for ":", which ends a name in the file
_RESERVED = {SERVICE, "alerts"}  # "alerts" stands where a device's id does in the topics of alerts
_ITERATIONS = 1000  # the passwords are 32 random characters: more would only slow the broker down


def main(words: list[str]) -> None:
    """Do what the command line says. Raises SystemExit with a sentence when it cannot."""
    os.umask(0o077)
    match words:
        case []:
            make_missing()
        case ["add", name]:
            make_missing()
            sys.stdout.write(f"{name} {add(name)}\n")
        case ["remove", name]:
            remove(name)
        case _:
            sys.exit((__doc__ or "").strip())


def make_missing() -> None:
    """Every secret file that is not there yet."""
    FOLDER.mkdir(exist_ok=True)
    FOLDER.chmod(0o700)  # this is what keeps them from others here; see _write
    for name in RANDOM:
        if not (FOLDER / name).exists():
            _write(name, secrets.token_urlsafe(24))
    if not (FOLDER / "db_dsn").exists():
        password = (FOLDER / "db_password").read_text().strip()
        _write("db_dsn", f"postgresql://{SERVICE}:{password}@timescaledb:5432/{SERVICE}")
    accounts = FOLDER / "mqtt_accounts"
    if not accounts.exists():
        _write(accounts.name, _account(SERVICE, (FOLDER / "mqtt_password").read_text().strip()))


def add(name: str) -> str:
    """A new account on the broker; its password."""
    if not _NAME.fullmatch(name) or name in _RESERVED:
        sys.exit(f"{name!r}: take 1 to 64 of A-Z a-z 0-9 _ . - and neither of {', '.join(sorted(_RESERVED))}")
    lines = _accounts()
    if any(line.startswith(f"{name}:") for line in lines):
        sys.exit(f"{name} has an account already: remove it first to give it a new password")
    password = secrets.token_urlsafe(24)
    _write("mqtt_accounts", "\n".join([*lines, _account(name, password)]))
    return password


def remove(name: str) -> None:
    """End an account on the broker."""
    lines = _accounts()
    kept = [line for line in lines if not line.startswith(f"{name}:")]
    if name == SERVICE or len(kept) == len(lines):
        sys.exit(f"{name}: no such account of a device, gateway or display")
    _write("mqtt_accounts", "\n".join(kept))


def _accounts() -> list[str]:
    try:
        return (FOLDER / "mqtt_accounts").read_text().split()
    except FileNotFoundError:
        sys.exit("there are no secrets yet: run this without arguments first")


def _account(name: str, password: str) -> str:
    """A line of Mosquitto's password file: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{name}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _write(name: str, text: str) -> None:
    """Write in place: a container holds the file itself, and would keep an old one that is replaced.

    Readable for all, in a folder that only its owner may enter: containers get single files and read them as
    users of their own.
    """
    path = FOLDER / name
    path.write_text(text + "\n")
    path.chmod(0o444 if name != "mqtt_accounts" else 0o644)


if __name__ == "__main__":
    main(sys.argv[1:])
