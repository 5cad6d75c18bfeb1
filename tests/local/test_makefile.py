"""The two commands say in one line what a machine lacks, and install only what the lock names."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def fresh(tmp_path):
    """A folder with nothing but what `make run` needs to begin."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    return tmp_path


def make(folder, *words, path=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if path:
        environment["PATH"] = path
    done = subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stdout.strip()


def python(folder, code):
    """A stand-in for a Python that lacks something."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_says_that_python_is_too_old(fresh):
    (fresh / "bin").mkdir()
    for name in ("sh", "make", "echo"):
        (fresh / "bin" / name).symlink_to(shutil.which(name))
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (fresh / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (fresh / "bin" / name).chmod(0o755)
    line = make(fresh, "run", path=str(fresh / "bin"))
    assert line == "Lockstep needs Python 3.11 or newer: install it, or name it with PYTHON=… make run"


def test_says_that_a_named_python_is_too_old(fresh):
    old = python(fresh, 'case "$2" in *version_info*) exit 1;; esac')
    line = make(fresh, "run", f"PYTHON={old}")
    assert line == "Lockstep needs Python 3.11 or newer: install it, or name it with PYTHON=… make run"


def test_says_that_the_venv_module_is_missing(fresh):
    bare = python(fresh, 'case "$2" in *ensurepip*) exit 1;; esac')
    assert "install the package python3-venv" in make(fresh, "run", f"PYTHON={bare}")


def test_says_that_there_is_no_room_for_the_programs(fresh):
    full = python(fresh, 'case "$2" in *disk_usage*) exit 1;; esac')
    assert "Less than 1 GB is free here" in make(fresh, "run", f"PYTHON={full}")


def test_says_that_there_is_no_npm(fresh):
    """The tests go on without it, and say so too."""
    lock = fresh / "tests" / "oracles" / "npm"
    lock.mkdir(parents=True)
    for path in (PROJECT / "tests" / "oracles" / "npm").glob("*.json"):
        shutil.copy(path, lock)
    (fresh / "bin").mkdir()
    for name in ("sh", "make", "echo", "id", "mkdir", "cp", "touch"):
        (fresh / "bin" / name).symlink_to(shutil.which(name))
    (fresh / ".venv" / "bin").mkdir(parents=True)
    (fresh / ".venv" / "bin" / "python").touch()
    environment = {"PATH": str(fresh / "bin")}
    done = subprocess.run(
        ["make", "PYTHON=x", ".venv/npm/.installed"],
        cwd=fresh,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "NO NPM" in done.stdout
    assert "SKIPPED" in done.stdout


def test_npm_packages_are_locked_by_hash_and_by_no_address():
    """As for Python's: where they come from is the business of the machine that installs them."""
    text = (PROJECT / "tests" / "oracles" / "npm" / "package-lock.json").read_text()
    assert "://" not in text
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert len(packages) >= 2
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())


REQUIREMENTS = ["requirements", "requirements-dev", "tests/oracles/requirements"]


@pytest.mark.parametrize(
    "name", [f"{name}.{end}" for name in REQUIREMENTS for end in ("in", "txt")] + ["tests/oracles/alipay.txt"]
)
def test_requirements_name_no_host(name):
    """Where packages come from is the business of the machine that installs them."""
    text = (PROJECT / name).read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", [f"{name}.txt" for name in REQUIREMENTS] + ["tests/oracles/alipay.txt"])
def test_every_requirement_is_pinned_and_hashed(name):
    text = (PROJECT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > (50 if "oracles" not in name else 0)
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []
