"""One machine whose kernel has VLANs, VRFs and bonds, under software emulation, with programs of this machine.

The kernel is that of Debian's cloud images. All files are in memory: the programs with what they load, made once and
kept in zonewright's cache, and a folder of the test's. The guest runs one script, says what that says, and is off. It
needs no network, no disk, no root and no KVM.
"""

import fcntl
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from support.parts import find, require, skip_or_fail
from zonewright.engine import cache

KERNEL = "linux-image-cloud-amd64"
UNTESTED = "what VLANs, VRFs and bonds of rendered files do in a kernel"
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "sh": "dash",
    "modprobe": "kmod",
    "ip": "iproute2",
    "bridge": "iproute2",
    "sysctl": "procps",
    "nft": "nftables",
    **dict.fromkeys(("vtysh", "zebra", "staticd"), "frr"),
}
"""By name, with Debian's packages; all but the first one are in the guest too."""
_NETWORKD = Path("/lib/systemd/systemd-networkd")
_FOLDERS = ("/usr/share/yang", "/usr/lib/x86_64-linux-gnu/libyang2")
"""What FRR reads besides its libraries."""
_MODULES = ("8021q", "bonding", "bridge", "nf_tables", "nft_ct", "nft_limit", "veth", "vrf", "vxlan")
"""What of the kernel is loaded at the start."""
_ACCOUNTS = "root:x:0:0::/:/bin/sh\nfrr:x:101:101::/:/bin/sh\nsystemd-network:x:102:102::/:/bin/sh\n"
_GROUPS = "root:x:0:\nfrr:x:101:\nfrrvty:x:103:frr\nsystemd-network:x:102:\n"
_PATIENT = "nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
"""A guest that gets next to no time is slow, not broken; the kernel's own words would stand in the script's lines."""
_BEGIN, _END = "zonewright-guest-begins", "zonewright-guest-ends"
_INIT = f"""\
#!/bin/sh
/bin/busybox mkdir /applets
/bin/busybox --install -s /applets
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr:/applets
mkdir -p /proc /sys /run /tmp /var/tmp && ln -s /run /var/run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs run /run
for one in {" ".join(_MODULES)}; do modprobe $one; done
echo {_BEGIN}
sh /shared/guest.sh 2>&1 < /dev/null
echo {_END} $?
poweroff -f
"""


def require_guest() -> None:
    """Skip loudly where something is missing that the guest is made of; fail in CI."""
    for program, package in _PROGRAMS.items():
        require(program, package, UNTESTED)
    if not _NETWORKD.exists():
        skip_or_fail(f"systemd-networkd is not installed (Debian package systemd): {UNTESTED} is NOT tested")
    _kernel()


def run_in_guest(script: str, shared: Path, *, within_s: float) -> str:
    """Boot, run a script by ``sh`` as root, and be off.

    Args:
        script: what to run; it finds the files of the folder in ``/shared``.
        shared: a folder; the guest has a copy.
        within_s: after how long it is ended.

    Returns:
        What the script said.
    """
    require_guest()
    image, modules = _kernel()
    files = {f"shared/{one.relative_to(shared)}": one.read_bytes() for one in shared.rglob("*") if one.is_file()}
    start = shared / "start.cpio"
    with start.open("wb") as whole:
        whole.write(_base(image, modules).read_bytes())
        whole.writelines(_archive({**files, "shared/guest.sh": script.encode()}))
    command = [find("qemu-system-x86_64") or "", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nographic"]
    command += ["-nodefaults", "-no-reboot", "-serial", "stdio", "-kernel", str(image), "-initrd", str(start)]
    command += ["-append", "console=ttyS0 loglevel=1 panic=-1 mitigations=off nokaslr " + _PATIENT]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=within_s,
        check=False,
    )
    start.unlink()
    said = done.stdout.replace("\r", "").partition(f"{_BEGIN}\n")[2]
    ended = re.search(rf"^{_END} (\d+)$", said, re.MULTILINE)
    assert ended is not None, f"the guest did not get to its script's end: {done.stdout}{done.stderr}"
    assert ended[1] == "0", said
    return said[: ended.start()]


def _kernel() -> tuple[Path, Path]:
    """The newest kernel of a cloud image, with the folder of its modules: installed, or unpacked in the cache.

    Who does not want one in ``/boot`` runs ``apt-get download``, ``dpkg -x`` into ``guest/kernel`` of the cache, and
    ``depmod --basedir`` there.
    """
    roots = (Path("/"), cache.folder(os.environ) / "guest" / "kernel")
    images = [one for root in roots for one in sorted((root / "boot").glob("vmlinuz-*-cloud-amd64"), reverse=True)]
    for image in images:
        modules = image.parents[1] / "lib" / "modules" / image.name.removeprefix("vmlinuz-")
        if (modules / "modules.dep").is_file() and os.access(image, os.R_OK):
            return image, modules
    return skip_or_fail(f"no kernel that may be read is there (Debian package {KERNEL}): {UNTESTED} is NOT tested")


def _base(image: Path, modules: Path) -> Path:
    """Programs and modules, made when they are missing or another version; two processes make one."""
    programs = [*(Path(find(name) or "") for name in _PROGRAMS if not name.startswith("qemu")), _NETWORKD]
    known = "".join(f"{one} {one.stat().st_mtime_ns} {one.stat().st_size}\n" for one in (image, *programs))
    made = hashlib.sha256(f"{known}{_INIT}{_MODULES}{_FOLDERS}".encode()).hexdigest()[:12]
    path = cache.folder(os.environ) / "guest" / f"base-{made}.cpio"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            files = {"init": _INIT.encode(), "etc/passwd": _ACCOUNTS.encode(), "etc/group": _GROUPS.encode()}
            pam = next(Path("/usr/lib").glob("*/security/pam_permit.so"), None) or Path("/lib/security/pam_permit.so")
            files["etc/pam.d/frr"] = f"auth sufficient {pam}\naccount sufficient {pam}\n".encode()
            files["etc/machine-id"] = b"79797979797979797979797979797979\n"
            for name in ("sh", "busybox"):
                files[f"bin/{name}"] = Path(find(name) or "").read_bytes()
            for one in (*programs, pam, *_libraries((*programs, pam)), *_below(map(Path, _FOLDERS))):
                files[str(one)[1:]] = one.read_bytes()
            where = f"lib/modules/{modules.name}"
            for one in (*modules.glob("modules.*"), *_with_needed(modules, _MODULES)):
                files[f"{where}/{one.relative_to(modules)}"] = one.read_bytes()
            temporary = path.with_suffix(".new")
            temporary.write_bytes(b"".join(_archive(files)))
            temporary.rename(path)
    return path


def _below(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (one for one in folder.rglob("*") if one.is_file())


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """What programs load, as the loader finds it here."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    return {Path(one) for one in re.findall(r"(/\S+) \(0x[0-9a-f]+\)", said)}


def _with_needed(modules: Path, names: tuple[str, ...]) -> set[Path]:
    """Files of modules and of all that they need; what is built into the kernel is no file."""
    needs: dict[str, list[str]] = {}
    for line in (modules / "modules.dep").read_text(encoding="ascii").splitlines():
        own, _, others = line.partition(":")
        needs[own] = others.split()
    by_name = {Path(own).name.partition(".")[0]: own for own in needs}
    wanted = [by_name[name] for name in names if name in by_name]
    return {modules / one for own in wanted for one in (own, *needs[own])}


def _archive(files: dict[str, bytes]) -> Iterator[bytes]:
    """A cpio archive as the kernel reads it, with the folders of its files."""
    folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in (*folders, "dev")]
    entries += [("dev/console", stat.S_IFCHR | 0o600, b"")]
    entries += [
        (name, stat.S_IFREG | (0o644 if name.startswith(("shared/", "etc/")) else 0o755), data)
        for name, data in files.items()
    ]
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        device = (5, 1) if stat.S_ISCHR(mode) else (0, 0)
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        yield head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
