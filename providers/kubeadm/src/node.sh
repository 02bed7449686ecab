A=/etc/kubernetes/admin.conf
[ ! -s /etc/kubernetes/super-admin.conf ] || A=/etc/kubernetes/super-admin.conf
N=/etc/kubernetes/kubelet.conf
kube() { kubectl --request-timeout=20s --kubeconfig "$A" "$@"; }
# What a node may ask of itself.
as_node() { kubectl --request-timeout=20s --kubeconfig "$N" "$@"; }

# version_of PROGRAM: which it is, without the v.
version_of() {
  case $1 in
  kubeadm) kubeadm version -o short 2> /dev/null | sed 's/^v//' ;;
  kubelet) kubelet --version 2> /dev/null | sed 's/^.* v//' ;;
  kubectl) kubectl version --client 2> /dev/null | sed -n 's/^Client Version: v//p' ;;
  esac
}

# tools VERSION PROGRAM...: each of exactly this version, and left alone by upgrades of the system.
tools() {
  v=$1
  shift
  missing=
  for one in "$@"; do
    [ "$(version_of "$one")" = "$v" ] || missing="$missing $one"
  done
  [ -n "$missing" ] || return 0
  if [ -z "$family" ]; then
    echo "the host has neither apt nor dnf: put$missing $v there, and set packages = false" >&2
    return 1
  fi
  adding take $(for one in $missing; do echo "$one=$v-*"; done)
  mark hold $missing
}

# tools_given VERSION PROGRAM...: the same where somebody else puts them there.
tools_given() {
  v=$1
  shift
  for one in "$@"; do
    w=$(version_of "$one")
    [ "$w" = "$v" ] || {
      echo "$one is ${w:-not there} and has to be $v: put it there first, or set packages = true" >&2
      return 1
    }
  done
}

# standing: stops where the host is a node already, and nobody said so.
standing() {
  [ "$(id -u)" = 0 ] || refuse invalid "kubeadm works as root alone: set become = true"
  [ -d /run/systemd/system ] || refuse invalid "the host has no systemd, which keeps kubelet running"
  [ ! -e "$d/begun" ] || return 0
  for one in /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf /etc/kubernetes/manifests/kube-apiserver.yaml; do
    [ ! -e "$one" ] || refuse conflict "the host is part of a cluster already ($one is there): import it, or run kubeadm reset there"
  done
}

# name_node NAME: what the node is called: this, or as the host is.
name_node() {
  n=$1
  [ -n "$n" ] || n=$(tr '[:upper:]' '[:lower:]' < /proc/sys/kernel/hostname)
  printf %s "$n" > "$d/node"
}

# node_ready NODE: says what it waits for until it is.
node_ready() {
  s=$(kube get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}' 2>&1) || s="False $s"
  case $s in
  True*) return 0 ;;
  esac
  emit waits "$1 is not ready: ${s#* }"
  exit 0
}

# unanswered NODE WHY: waits for the control plane.
unanswered() {
  emit waits "the control plane to answer for $1: $2"
  exit 0
}

# turn NODE COUNT: waits for its turn: no more nodes than so many at once are taken out of work, and none where one did
# not come back.
turn() {
  # Whoever asks at the same moment asks on this host, too.
  exec 9> "${turns:-/run/formwork-turns}"
  flock 9
  b=$(kube get nodes -o 'go-template={{range .items}}{{.metadata.name}} {{index .metadata.annotations "formwork.dev/upgrade"}}{{"\n"}}{{end}}' 2>&1) || {
    unanswered "$1" "$b"
  }
  f=$(printf '%s\n' "$b" | while read -r one state; do [ "$one" = "$1" ] || [ "$state" != failed ] || printf '%s' "$one"; done)
  [ -z "$f" ] || refuse conflict "the upgrade stopped at $f, which did not come through: mend it first, and apply again"
  [ "$(printf '%s\n' "$b" | grep -c "^$1 begun\$")" = 0 ] || return 0
  o=$(printf '%s\n' "$b" | sed -n 's/^\([^ ]*\) begun$/\1/p')
  if [ -n "$o" ] && [ "$(printf '%s\n' "$o" | wc -l)" -ge "$2" ]; then
    emit waits "its turn: $(echo $o) is upgraded first"
    exit 0
  fi
  kube annotate --overwrite node "$1" formwork.dev/upgrade=begun > /dev/null
}

# drain NODE: out of work, as budgets allow; says what it waits for.
drain() {
  s=$(kube get node "$1" -o 'jsonpath={.spec.unschedulable}' 2>&1) || {
    case $s in *NotFound*) return 0 ;; esac
    unanswered "$1" "$s"
  }
  if [ "$s" != true ]; then kube annotate --overwrite node "$1" formwork.dev/cordoned=true > /dev/null; fi
  s=$(kubectl --kubeconfig "$A" drain "$1" --ignore-daemonsets --delete-emptydir-data --timeout=5s 2>&1) && return 0
  case $s in
  *'cannot delete'*) ;;
  *'disruption budget'* | *'deadline exceeded'* | *'timeout reached'* | *'timed out'* | *'connection refused'* | *etcdserver* | *'Unable to connect'*)
    emit waits "$1 to be drained: $(printf '%s\n' "$s" | grep -E 'disruption budget|evicting|rror' | tail -n 1)"
    exit 0
    ;;
  esac
  printf '%s\n' "$s" | grep -E 'rror|cannot' >&2
  exit 1
}

# undrain NODE: back to work, where it was before.
undrain() {
  c=$(kube get node "$1" -o 'go-template={{index .metadata.annotations "formwork.dev/cordoned"}}' 2>&1) || {
    unanswered "$1" "$c"
  }
  [ "$c" != true ] || kube uncordon "$1" > /dev/null
  kube annotate node "$1" formwork.dev/cordoned- formwork.dev/upgrade- > /dev/null
}

# mounted: what is mounted for pods.
mounted() { awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/mounts; }

# unmake: what kubeadm and its parts left on the host.
unmake() {
  if command -v kubeadm > /dev/null; then kubeadm reset --force --cleanup-tmp-dir "$@"; fi
  systemctl stop kubelet.service 2> /dev/null || :
  # Volumes are taken off; where one stays, what is in it does, too.
  mounted | sort -r | while read -r one; do umount -- "$(printf %b "$one")" || :; done
  m=$(mounted | head -n 3)
  if [ -n "$m" ]; then
    echo "still mounted: $m: end what uses it, and apply again" >&2
    return 1
  fi
  for one in cni0 flannel.1 flannel-wg kube-ipvs0 nodelocaldns; do
    ip link show "$one" > /dev/null 2>&1 && ip link delete "$one" || :
  done
  for one in iptables ip6tables; do
    command -v "$one-save" > /dev/null || continue
    "$one-save" 2> /dev/null | grep -v -E 'KUBE-|CNI-|cali|FLANNEL' | "$one-restore" 2> /dev/null || :
  done
  rm -rf /etc/kubernetes /var/lib/kubelet/* /var/lib/etcd/* /var/lib/cni "$HOME/.kube/cache"
  rmdir --ignore-fail-on-non-empty "$HOME/.kube" /usr/lib/modules 2> /dev/null || :
  find /usr/libexec/kubernetes -depth -type d -exec rmdir --ignore-fail-on-non-empty {} + 2> /dev/null || :
  # containerd's own, where it writes one, and what Flannel's pods wrote.
  rm -rf /etc/cni/net.d/10-containerd-net.conflist /etc/cni/net.d/10-flannel.conflist /run/flannel
}
