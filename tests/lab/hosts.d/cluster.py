"""What hosts need to be nodes of a cluster: programs as packages, images as archives, and a machine that lets them.

Everything is made once a machine from what `tests/lab/kubernetes build --cluster` built, and lies in the root that the
hosts stand on: /srv/kubernetes is apt's repository of kubeadm, kubelet and kubectl in two versions, /srv/images holds
the images. Nothing of it is installed or loaded: that is what a configuration does.

The second version is made from the sources of the first and bears another stamp: its programs are linked again with
that version in them, so an upgrade is a real one in all that it does, and brings no other code.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REGISTRY = "registry.k8s.io"
PACKAGES = ("containerd", "runc", "containernetworking-plugins", "conntrack", "iptables", "ethtool", "socat", "kmod", "openssl")
# What kubeadm asks for by name; the programs in them are those that the lab builds.
ETCD_TAG, PAUSE_TAG, COREDNS_TAG = "3.7.0-0", "3.10.2", "v1.14.6"
APP = "lab.local/app:1"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified")

# The host's first service. What a machine of its own would have: control groups to write to, mounts that containers
# share, and the three settings of the kernel that kubelet asks for; they are files here, so that this machine's own
# are left alone.
MACHINE = """#!/bin/sh
set -e
mount --make-rshared /
mount -o remount,bind,rw /sys/fs/cgroup
for group in /sys/fs/cgroup/*; do
  [ -L "$group" ] || ! mountpoint -q "$group" || mount -o remount,bind,rw "$group"
done
mkdir -p /run/lab
for pair in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
  file=/run/lab/$(basename "${pair%=*}")
  echo "${pair#*=}" > "$file"
  mount --bind "$file" "/proc/sys/${pair%=*}"
done
"""
UNIT = """[Unit]
Description=What a machine of its own would have
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-machine

[Install]
WantedBy=sysinit.target
"""
KUBELET = """[Unit]
Description=kubelet: the Kubernetes node agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=1

[Install]
WantedBy=multi-user.target
"""
KUBEADM_DROP_IN = """[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""


def run(*words, **more):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise RuntimeError(f"{' '.join(words[:4])}: {' / '.join(tail) or f'exit code {done.returncode}'}")
    return done.stdout


def binaries():
    """The folder of each version's programs, the older one first; built where they are not there."""
    lab = HERE.parent / "kubernetes"
    lines = subprocess.run([lab, "build", "--cluster"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Path(line.split("=", 1)[1]) for line in lines.splitlines() if line.startswith("cluster-")]


def version(folder):
    """A folder's version: 1.37.2."""
    return folder.name.removeprefix("v")


def edition(folders):
    """What tells a root from one of other parts."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(HERE.glob("*/*.go")):
        digest.update(path.read_bytes())
    for folder in folders:
        digest.update(str(folder).encode())
    return digest.hexdigest()[:12]


def make_root(root, folders, mirror, release, go):
    """Turns a copy of the plain root into one for nodes."""
    lists = root / "etc/apt/sources.list"
    plain = lists.read_text()
    lists.write_text(f"deb {mirror} {release} main\n")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copy("/etc/hosts", root / "etc/hosts")
    apt = dict(env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    for path in Path("/etc/apt/apt.conf.d").glob("*"):
        if "proxy" in path.read_text(errors="replace").lower():
            shutil.copy(path, root / "etc/apt/apt.conf.d/90lab-proxy")
    run("chroot", str(root), "apt-get", "update", "-qq", **apt)
    run("chroot", str(root), "apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES, **apt)
    run("chroot", str(root), "apt-get", "clean")
    (root / "etc/apt/apt.conf.d/90lab-proxy").unlink(missing_ok=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    repository = root / "srv/kubernetes"
    repository.mkdir()
    lists.write_text(plain + "deb [trusted=yes] file:/srv/kubernetes ./\n")
    entries = [package(root, repository, name, folder) for folder in folders for name in ("kubeadm", "kubelet", "kubectl")]
    (repository / "Packages").write_text("\n".join(entries))
    run("chroot", str(root), "apt-get", "update", "-qq", **apt)
    run("chroot", str(root), "systemctl", "disable", "-q", "containerd.service")
    program(root / "usr/local/sbin/lab-machine", MACHINE)
    (root / "etc/systemd/system/lab-machine.service").write_text(UNIT)
    run("chroot", str(root), "systemctl", "enable", "-q", "lab-machine.service")
    make_images(root, folders, go)


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def package(root, repository, name, folder):
    """One program as a Debian package, of the shape that Kubernetes' own repositories have."""
    tree = repository / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/bin").mkdir(parents=True)
    shutil.copy(folder / name, tree / "usr/bin" / name)
    (tree / "usr/bin" / name).chmod(0o755)
    if name == "kubelet":
        place = tree / "usr/lib/systemd/system"
        place.mkdir(parents=True)
        (place / "kubelet.service").write_text(KUBELET)
        program(tree / "DEBIAN/postinst", "#!/bin/sh\nset -e\nsystemctl daemon-reload\nsystemctl --quiet enable kubelet.service\n[ -z \"$2\" ] || systemctl try-restart kubelet.service\n")
        program(tree / "DEBIAN/prerm", "#!/bin/sh\nset -e\n[ \"$1\" != remove ] || systemctl --quiet disable --now kubelet.service\n")
    if name == "kubeadm":
        place = tree / "usr/lib/systemd/system/kubelet.service.d"
        place.mkdir(parents=True)
        (place / "10-kubeadm.conf").write_text(KUBEADM_DROP_IN)
    number = f"{version(folder)}-1.1"
    control = f"Package: {name}\nVersion: {number}\nArchitecture: amd64\nMaintainer: Lab <lab@example.org>\nDescription: {name} of the lab's own build\n"
    (tree / "DEBIAN/control").write_text(control)
    file = repository / f"{name}_{number}_amd64.deb"
    run("dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(file))
    shutil.rmtree(tree)
    data = file.read_bytes()
    return control + f"Filename: ./{file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


# --- images --------------------------------------------------------------


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image(archive, reference, files):
    """An archive in OCI's layout that holds one image of one layer: files by their path in it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        folders = set()

        def folder(path):
            if str(path) in ("/", ".") or path in folders:
                return
            folder(path.parent)
            folders.add(path)
            entry = tarfile.TarInfo(str(path).lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if str(path) == "/tmp" else 0o755
            tar.addfile(entry)

        def add(path, data, mode):
            folder(Path(path).parent)
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))

        folder(Path("/tmp"))
        add("/etc/passwd", b"root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n", 0o644)
        add("/etc/group", b"root:x:0:\nnobody:x:65534:\n", 0o644)
        for path, source in files.items():
            add(path, Path(source).read_bytes(), 0o755)
    layer = layer.getvalue()
    paths = "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
    config = json.dumps({
        "created": "1970-01-01T00:00:00Z", "architecture": "amd64", "os": "linux",
        "config": {"Env": [paths], "WorkingDir": "/", "Entrypoint": [min(files)] if len(files) == 1 else None},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}, "history": [{"created": "1970-01-01T00:00:00Z"}],
    }).encode()
    kind = "application/vnd.oci.image"

    def part(sort, data):
        return {"mediaType": f"{kind}.{sort}", "digest": digest_of(data), "size": len(data)}

    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
        "config": part("config.v1+json", config), "layers": [part("layer.v1.tar", layer)],
    }).encode()
    names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rsplit(":", 1)[1]}
    entry = {**part("manifest.v1+json", manifest), "annotations": names, "platform": {"architecture": "amd64", "os": "linux"}}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    with tarfile.open(archive, "w") as tar:
        parts = {f"blobs/{digest_of(data).replace(':', '/')}": data for data in (config, manifest, layer)}
        for name, data in {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **parts}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))


def proxy_files(root):
    """kube-proxy runs iptables: its programs, their libraries and those of their parts."""
    inside = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/conntrack"]
    parts = ["/" + str(path.relative_to(root)) for path in root.glob("usr/lib/*/xtables/*.so")]
    libraries = set()
    for path in [*inside, *parts]:
        said = subprocess.run(["chroot", str(root), "ldd", path], capture_output=True, text=True).stdout
        libraries.update(word for word in said.split() if word.startswith("/") and not word.endswith(":"))
    files = {path: f"{root}{path}" for path in [*inside, *parts, *sorted(libraries)]}
    for name in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "iptables-save", "ip6tables-save"):
        files[f"/usr/sbin/{name}"] = root / "usr/sbin/xtables-nft-multi"
    return files


def make_images(root, folders, go):
    place = root / "srv/images"
    place.mkdir()
    for name in ("pause", "app"):
        built = place / name
        run(go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(built), ".",
            cwd=HERE / name, env=dict(os.environ, CGO_ENABLED="0", GOWORK="off"))
        if name == "app":
            image(place / "app.tar", APP, {"/app": built, "/usr/local/bin/nvidia-smi": built})
        else:
            image(place / "pause.tar", f"{REGISTRY}/pause:{PAUSE_TAG}", {"/pause": built})
        built.unlink()
    newest = folders[-1]
    image(place / "etcd.tar", f"{REGISTRY}/etcd:{ETCD_TAG}", {f"/usr/local/bin/{name}": newest / name for name in ("etcd", "etcdctl")})
    image(place / "coredns.tar", f"{REGISTRY}/coredns/coredns:{COREDNS_TAG}", {"/coredns": newest / "coredns"})
    for folder in folders:
        within = place / f"v{version(folder)}"
        within.mkdir()
        for name in COMPONENTS:
            files = proxy_files(root) if name == "kube-proxy" else {}
            image(within / f"{name}.tar", f"{REGISTRY}/{name}:v{version(folder)}", {f"/usr/local/bin/{name}": folder / name, **files})


# --- a host that runs ------------------------------------------------------


def control_groups(name):
    """A folder for a host in every hierarchy of control groups, or two kubelets would share one."""
    own = {}
    for line in open("/proc/self/cgroup"):
        _, controllers, path = line.rstrip("\n").split(":", 2)
        for controller in controllers.split(",") or [""]:
            own[controller.removeprefix("name=") or "unified"] = path
    made = []
    for controller in CONTROLLERS:
        base = Path("/sys/fs/cgroup") / controller
        if controller not in own or not base.is_dir():
            continue
        parent = base / own[controller].strip("/")
        group = parent / name
        group.mkdir(exist_ok=True)
        if controller == "cpuset":
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (group / setting).write_text((parent / setting).read_text())
        made.append(str(group))
    return made


def remove_groups(groups):
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass


# What systemd-nspawn is asked for besides: containers in it open key rings, load filters and mount.
WORDS = ("--capability=all", "--system-call-filter=@keyring bpf", "--bind=/dev/kmsg")
# What cannot lie on an overlay, since containerd lays others on it.
REAL = ("containerd", "kubelet", "etcd")


def binds(place):
    words = []
    for name in REAL:
        (place / name).mkdir(exist_ok=True)
        words.append(f"--bind={place / name}:/var/lib/{name}")
    return words
