"""Debian's newest in a folder: the newest Python that Debian has, and what the tests need beside it.

It is made and entered by root alone. The machine's own settings of apt and pip hold there too; they are read when it
is made.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

PACKAGES = "python3,python3-venv,ca-certificates,tmux"

CHECKOUT = "/checkout"
"""Where the checkout is found inside."""

_PASSED_ON = re.compile(r"PIP_\w+|\w+_proxy|SSL_CERT_(FILE|DIR)|(REQUESTS_CA|CURL_CA)_BUNDLE", re.IGNORECASE)

# What is mounted is gone with the last process inside: nothing of the machine's is left in the folder to be deleted.
_ENTER = """
set -eu
root=$1 checkout=$2 shared=$3 command=$4
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/checkout"
mount --bind "$checkout" "$root/checkout"
printf %s "$shared" | while read -r each; do
    mkdir -p "$root$each"
    mount -o bind,ro "$each" "$root$each"
done
exec chroot "$root" /bin/sh -euc "cd /checkout; $command"
"""


def unavailable() -> str:
    """Why it can't be made on this machine; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it takes root on Linux"
    if shutil.which("debootstrap") is None and shutil.which("apt-get") is not None:
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "debootstrap"]):
            subprocess.run(["apt-get", *arguments], capture_output=True, check=False)
    return "" if shutil.which("debootstrap") is not None else "debootstrap is not installed"


def make(root: Path) -> subprocess.CompletedProcess[str]:
    """Put it into an empty folder."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "sid", str(root), *mirror()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mirror() -> list[str]:
    """Debian's archive as apt has it on this machine; none, which is debootstrap's own, where that is no Debian."""
    if shutil.which("apt-get") is None:
        return []
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return re.findall(r"^Debian Debian (\S+)$", told.stdout, re.MULTILINE)[:1]


def inside(root: Path, checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in there, in the checkout."""
    environ = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8", **settings()}
    places = list(places_in([*environ.values(), "/etc/resolv.conf /etc/hosts"]))
    for each in places:
        if each.is_file():
            _copy(each, root)
    shared = "".join(f"{each}\n" for each in places if each.is_dir())
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc", "sh", "-c", _ENTER]
    return subprocess.run(
        [*enter, "enter", str(root), str(checkout), shared, command],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def settings() -> dict[str, str]:
    """The environment by which pip works inside as it does here."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    told = subprocess.run(pip, capture_output=True, text=True, check=False)
    return read_settings(told.stdout, os.environ)


def read_settings(listed: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Of the lines of `pip config list` and of an environment, which goes first."""
    lines = re.findall(r"^(?:global|install)\.([\w-]+)=(.*)$", listed, re.MULTILINE)
    files = {f"PIP_{key.upper().replace('-', '_')}": str(ast.literal_eval(value)) for key, value in lines}
    return files | {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name)}


def places_in(values: Iterable[str]) -> Iterator[Path]:
    """The files and folders of this machine that settings name, each once. An index brings the folder it is in."""
    words = dict.fromkeys(word for value in values for word in value.split())
    paths = [Path(unquote(urlsplit(word).path)).parent if word.startswith("file:") else Path(word) for word in words]
    usual = {Path(each) for each in ("/", "/root", "/usr/bin", "/dev", "/tmp")}
    return (each for each in dict.fromkeys(paths) if each.is_absolute() and each not in usual and each.exists())


def _copy(file: Path, root: Path) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.resolve().is_relative_to(root.resolve()):  # a link in there must not lead out
        target.unlink(missing_ok=True)
        shutil.copyfile(file, target)
