#!/usr/bin/python3
"""Makes the root file system of the image: the server, the libraries that it loads, trusted certificates.

make_root.py BINARY ROOT [--debs FOLDER]: ROOT is made anew. Libraries come from Debian packages of the binary's
architecture, in the versions that the machine's package sources have now. FOLDER keeps them and the lists of packages.
Needs apt, dpkg and the -dev packages of the build. The image keeps each package's record in /var/lib/dpkg/status.d,
where scanners look for them.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
USER = 65532
LISTS_SECONDS = 3600  # the age at which lists of packages are fetched again
ARCHITECTURES = {"EM_X86_64": "amd64", "EM_AARCH64": "arm64"}
# Headers compiled into the binary: no package of theirs is in the image.
BUILT_IN = ("libboost1.81-dev", "libcli11-dev", "libtomlplusplus-dev", "nlohmann-json3-dev")
UPLOT = REPOSITORY / "src/api/ui/uplot"  # part of the status page, which the server contains
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
                  f"nonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnogroup:x:65534:\nnonroot:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def needed(path):
    """The names of the libraries that an ELF file loads, except the loader, which belongs to the C library."""
    names = re.findall(r"\(NEEDED\).*\[(.+?)\]", output_of("llvm-readelf-19", "--dynamic", path))
    return [name for name in names if not name.startswith("ld-linux")]


def architecture_of(binary):
    header = output_of("llvm-readelf-19", "--file-header", "--elf-output-style=JSON", binary)
    machine = re.search(r'"Name":\s*"(EM_\w+)"', header)
    if machine is None or machine.group(1) not in ARCHITECTURES:
        sys.exit(f"{binary}: not a program for {' or '.join(ARCHITECTURES.values())}")
    return ARCHITECTURES[machine.group(1)]


def packages_of(binary):
    """{name of a library: Debian package}, of all that the binary loads, by the libraries of this machine."""
    found, names = {}, set(needed(binary))
    while names:
        owners = output_of("dpkg", "-S", *(f"*-linux-gnu/{name}" for name in sorted(names)))
        owned = dict(reversed(line.split(": ")) for line in owners.splitlines())  # {path: package:architecture}
        found.update({pathlib.Path(path).name: package.split(":")[0] for path, package in owned.items()})
        names = {name for path in owned for name in needed(path)} - set(found)
    return found


def download(names, architecture, folder):
    """Fetches packages into `folder`; {name: path of the package}. apt keeps its state there too."""
    state = (folder / f"apt-{architecture}").resolve()
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    settings = (f"Dir::State::Lists={state}/lists", f"Dir::Cache={state}", "Dir::State::status=/dev/null",
                f"APT::Architecture={architecture}", f"APT::Architectures={architecture}", "APT::Sandbox::User=")
    apt = ["apt-get", "-qq", *(f"-o{setting}" for setting in settings)]
    fetched = state / "fetched"
    if not fetched.exists() or time.time() - fetched.stat().st_mtime > LISTS_SECONDS:
        subprocess.run([*apt, "update"], check=True)
        fetched.touch()
    debs, missing = {}, []
    uris = output_of(*apt, "--print-uris", "download", *names)
    for file, sha256 in re.findall(r"^'\S+' (\S+\.deb) \d+ SHA256:(\w+)", uris, re.MULTILINE):
        name = file.split("_")[0]
        debs[name] = folder / file
        if not debs[name].exists() or hashlib.sha256(debs[name].read_bytes()).hexdigest() != sha256:
            missing.append(name)
    assert set(debs) == set(names), f"apt knows {set(debs)} of {set(names)}"
    if missing:
        subprocess.run([*apt, "download", *missing], check=True, cwd=folder)
    return debs


def place(source, target):
    """Copies a file or a link; a file is for all to read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def usr_merged(path):
    """lib/x -> usr/lib/x: packages of bookworm may say either."""
    return pathlib.Path("usr", path) if path.parts[0] in ("lib", "lib64") else path


class Root:
    """The root under construction, and the packages of which it takes files."""

    def __init__(self, folder, debs, extracted):
        self.folder, self._debs, self._extracted = folder, debs, extracted
        for link in ("lib", "lib64"):
            (folder / "usr" / link).mkdir(parents=True)
            (folder / link).symlink_to(f"usr/{link}")

    def files_of(self, package):
        """The folder with the files of a package."""
        folder = self._extracted / package
        if not folder.exists():
            folder.mkdir(parents=True)
            subprocess.run(["dpkg-deb", "--extract", str(self._debs[package]), str(folder)], check=True)
        return folder

    def take(self, package, pattern):
        """Copies the files of a package that match, and what their links name; the paths in the image."""
        folder = self.files_of(package)
        taken = []
        for source in sorted(folder.glob(pattern)):
            taken.append(usr_merged(source.relative_to(folder)))
            place(source, self.folder / taken[-1])
            if source.is_symlink() and not source.readlink().is_absolute():
                behind = source.parent.joinpath(source.readlink())
                place(behind.resolve(), self.folder / usr_merged(behind.resolve().relative_to(folder.resolve())))
        assert taken, f"{package} has no {pattern}"
        return taken

    def record(self, package):
        """Writes the package's record, and its licence."""
        control = output_of("dpkg-deb", "--field", self._debs[package])
        head, rest = control.split("\n", 1)
        write(self.folder / f"var/lib/dpkg/status.d/{package}", f"{head}\nStatus: install ok installed\n{rest}")
        documents = self.files_of(package) / "usr/share/doc" / package
        if documents.is_symlink():  # to those of another package of the same source
            documents = self.files_of(documents.readlink().name) / "usr/share/doc" / documents.readlink().name
        place(documents / "copyright", self.folder / f"usr/share/doc/{package}/copyright")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def trust(root):
    """The bundle of all certificates of the package, at the places where OpenSSL and people look."""
    authorities = sorted((root.files_of("ca-certificates") / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    assert len(authorities) > 100
    write(root.folder / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in authorities))
    (root.folder / "usr/lib/ssl").mkdir()
    (root.folder / "usr/lib/ssl/certs").symlink_to("/etc/ssl/certs")
    (root.folder / "usr/lib/ssl/cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")


def own_files(root, binary):
    subprocess.run(["llvm-strip-19", "-o", str(root / "usr/bin/cachey"), str(binary)], check=True)
    (root / "usr/bin/cachey").chmod(0o755)
    place(REPOSITORY / "LICENSE", root / "usr/share/doc/cachey/copyright")
    for package in BUILT_IN[1:]:  # Boost's licence asks for no notice in binaries
        place(pathlib.Path(f"/usr/share/doc/{package}/copyright"), root / f"usr/share/doc/cachey/built-in/{package}")
    place(UPLOT / "LICENSE", root / "usr/share/doc/cachey/built-in/uplot")
    for path, text in ACCOUNTS.items():
        write(root / path, text)
    for path in ("dev", "proc", "run", "sys"):  # mount points: a runtime cannot make them on a read-only root
        (root / path).mkdir()
    # Group 0 may write the volume: OpenShift runs containers as a user of its choice, in that group.
    for path, mode, user, group in (("tmp", 0o1777, 0, 0), ("etc/cachey", 0o755, 0, 0),
                                    ("home/nonroot", 0o700, USER, USER), ("var/cache/cachey", 0o770, USER, 0)):
        (root / path).mkdir(parents=True)
        (root / path).chmod(mode)
        os.chown(root / path, user, group)


def make_root(binary, folder, debs_folder):
    os.umask(0o022)
    architecture = architecture_of(binary)
    libraries = packages_of(binary)
    packages = sorted({*libraries.values(), "base-files", "ca-certificates"})
    debs = download([*packages, "gcc-12-base"], architecture, debs_folder)  # that one for the licence of libgcc-s1
    shutil.rmtree(folder, ignore_errors=True)
    extracted = folder.parent / f"{folder.name}.packages"
    shutil.rmtree(extracted, ignore_errors=True)
    (folder / "usr/bin").mkdir(parents=True)
    root = Root(folder, debs, extracted)
    placed = []
    for name, package in sorted(libraries.items()):
        placed += root.take(package, f"**/*-linux-gnu/{name}")
    root.take("libc6", "**/ld-linux*.so.*")
    for path in ("etc/os-release", "usr/lib/os-release", "etc/debian_version"):
        root.take("base-files", path)
    lost = {name for path in placed for name in needed(folder / path)} - set(libraries)
    assert not lost, f"libraries of {architecture} load {lost}, which those of this machine do not"
    trust(root)
    for package in packages:
        root.record(package)
    own_files(folder, binary)
    shutil.rmtree(extracted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--debs", type=pathlib.Path, default=REPOSITORY / "build/image/debs")
    options = parser.parse_args()
    make_root(options.binary, options.root, options.debs)
