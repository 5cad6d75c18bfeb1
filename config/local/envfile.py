"""The file `<state>/env`: addresses of the running stack and its demo secrets; written by attach and stack."""

import base64
import secrets
from pathlib import Path

SECRETS = {
    "LOCKSTEP_SECRET_KEY": lambda: secrets.token_urlsafe(60),
    "LOCKSTEP_VAULT_KEYS": lambda: f"demo:{secrets.token_hex(32)}",
    "LOCKSTEP_FINGERPRINT_KEY": lambda: secrets.token_hex(32),
    "LOCKSTEP_SEAL_KEY": lambda: secrets.token_hex(32),
    "LOCKSTEP_VAPID_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode(),
}


def read(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of an env file; {} when there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def rewrite(path: Path, addresses: dict[str, str]) -> dict[str, str]:
    """Write addresses and secrets in one step, readable by the owner only, and return them all.

    The secrets are made once and kept: what an earlier run sealed must open again.
    """
    known = read(path)
    values = {name: known.get(name) or make() for name, make in SECRETS.items()} | addresses
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    fresh.replace(path)
    return values
