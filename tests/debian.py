"""A Debian unstable in a folder, for its newest Python and what the tests need beside it.

Only root can create and enter it. The machine's own apt and pip settings apply in it; they are read when it is
created.
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
"""The path of the checkout inside."""

_PASSED_ON = re.compile(r"PIP_\w+|\w+_proxy|SSL_CERT_(FILE|DIR)|(REQUESTS_CA|CURL_CA)_BUNDLE", re.IGNORECASE)

# Mounts end with the last process inside, so deleting the folder deletes nothing of the machine.
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
    """The reason why it can't be created on this machine; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it takes root on Linux"
    if shutil.which("debootstrap") is None and shutil.which("apt-get") is not None:
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "debootstrap"]):
            subprocess.run(["apt-get", *arguments], capture_output=True, check=False)
    return "" if shutil.which("debootstrap") is not None else "debootstrap is not installed"


def make(root: Path) -> subprocess.CompletedProcess[str]:
    """Create it in an empty folder."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "sid", str(root), *mirror()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mirror() -> list[str]:
    """The Debian archive in this machine's apt settings; empty (debootstrap's default) if this machine isn't a
    Debian.
    """
    if shutil.which("apt-get") is None:
        return []
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return re.findall(r"^Debian Debian (\S+)$", told.stdout, re.MULTILINE)[:1]


def inside(root: Path, checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command inside it, in the checkout."""
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
    """The environment in which pip works inside as on this machine."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    told = subprocess.run(pip, capture_output=True, text=True, check=False)
    return read_settings(told.stdout, os.environ)


def read_settings(listed: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings from the lines of `pip config list` and from an environment, which overrides them."""
    lines = re.findall(r"^(?:global|install)\.([\w-]+)=(.*)$", listed, re.MULTILINE)
    files = {f"PIP_{key.upper().replace('-', '_')}": str(ast.literal_eval(value)) for key, value in lines}
    return files | {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name)}


def places_in(values: Iterable[str]) -> Iterator[Path]:
    """The files and folders of this machine that settings name, without duplicates. A package index stands for its
    folder.
    """
    words = dict.fromkeys(word for value in values for word in value.split())
    paths = [Path(unquote(urlsplit(word).path)).parent if word.startswith("file:") else Path(word) for word in words]
    usual = {Path(each) for each in ("/", "/root", "/usr/bin", "/dev", "/tmp")}
    return (each for each in dict.fromkeys(paths) if each.is_absolute() and each not in usual and each.exists())


def _copy(file: Path, root: Path) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.resolve().is_relative_to(root.resolve()):  # a link in there must not point outside
        target.unlink(missing_ok=True)
        shutil.copyfile(file, target)
