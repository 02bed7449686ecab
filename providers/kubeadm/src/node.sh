A=/etc/kubernetes/admin.conf
[ ! -s /etc/kubernetes/super-admin.conf ] || A=/etc/kubernetes/super-admin.conf
N=/etc/kubernetes/kubelet.conf
M=/etc/kubernetes/manifests/kube-apiserver.yaml
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
  # What half-way made it one is ours; what is whole is in a state already, or was in one.
  if [ -e "$d/changed" ] && [ ! -e "$d/token" ]; then return 0; fi
  for one in /etc/kubernetes/admin.conf "$N" "$M"; do
    [ ! -e "$one" ] || refuse conflict "the host is part of a cluster already ($one is there): import it, or run kubeadm reset there"
  done
}

# undone: the host is a node that we made, and somebody reset it since.
undone() { [ -s "$d/token" ] && [ ! -e /etc/kubernetes/admin.conf ] && [ ! -e "$N" ] && [ ! -e "$M" ]; }

# deserted: the host is the node `$n` that we made, and it is none any more: it was reset, or the cluster knows it not.
deserted() {
  [ -s "$d/token" ] || return 1
  if ! undone; then
    [ -s "$N" ] || return 1
    s=$(as_node get node "$n" -o name 2>&1) && return 1
    case $s in *'(NotFound)'*) ;; *) return 1 ;; esac
  fi
  : > "$d/deserted"
}

# begin WORD...: an object comes about; what is left of an earlier one goes first.
begin() {
  if [ -e "$d/deserted" ]; then
    unmake "$@"
    rm -f -- "$d/changed" "$d/token" "$d/etcd"
  fi
  rm -f -- "$d/deserted"
  : > "$d/begun"
}

# api_answers: the control plane, and what is of it on this node.
api_answers() {
  a=$(sed -n 's/^ *kubeadm.kubernetes.io.kube-apiserver.advertise-address.endpoint: *//p' "$M")
  kube --server="https://$a" get --raw /readyz && kube get --raw /readyz
} > /dev/null 2>&1

# api_wait: until it answers.
api_wait() {
  i=0
  c=0
  k=
  until api_answers; do
    i=$((i + 1))
    w=
    # Each of its lives has a log of its own; a few end before etcd is there.
    l=$(ls -t /var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log 2> /dev/null | head -n 1)
    [ "$l" = "$k" ] || c=$((c + 1))
    k=$l
    [ "$c" -le 4 ] || w="it begins and ends again and again"
    [ "$i" -lt 480 ] || w="nothing in four minutes"
    if [ -n "$w" ]; then
      echo "the API server does not answer: $w; kubelet's journal ends with:"
      journalctl --unit=kubelet.service --lines=5 --no-pager --output=cat
      [ -z "$l" ] || { echo "and its own log:" && tail -n 5 "$l" | cut -d ' ' -f 4-; }
      exit 1
    fi
    sleep 0.5
  done
}

# certificate_key: what the cluster's keys are encrypted with in it, as `$key`. Whoever joins within the hour has the
# same one: another would take the place of what it is about to read.
certificate_key() {
  k=/run/formwork-certificate-key
  exec 9> "$k.lock"
  flock 9
  key=
  if [ -n "$(find "$k" -mmin -60 2> /dev/null)" ]; then
    read -r key s < "$k"
    [ "$s" = "$(uploaded)" ] || key=
  fi
  if [ -z "$key" ]; then
    umask 077
    key=$(kubeadm certs certificate-key)
    # The key stands in a file alone: printf is the shell's own.
    {
      printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\ncertificateKey: "%s"\n---\n' "$key"
      kube --namespace=kube-system get configmap kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}'
    } > "$k.yaml"
    kubeadm init phase upload-certs --upload-certs --config "$k.yaml" > /dev/null
    rm -f -- "$k.yaml"
    printf '%s %s\n' "$key" "$(uploaded)" > "$k"
  fi
  exec 9>&-
}

# uploaded: which Secret with the cluster's keys is there.
uploaded() { kube --namespace=kube-system get secret kubeadm-certs -o 'jsonpath={.metadata.uid}.{.metadata.resourceVersion}' 2> /dev/null; }

# forget_member NODE: none of etcd's other members counts on that node's any more.
forget_member() {
  asked "$1" --namespace=kube-system get pods --selector=component=etcd --field-selector=status.phase=Running -o name
  m=$(printf '%s\n' "$s" | grep -v -x "pod/etcd-$1" | head -n 1)
  [ -n "$m" ] || return 0
  s=$(member "$m" list 2>&1) || unanswered "$1" "$s"
  s=$(printf '%s\n' "$s" | awk -F ', ' -v n="$1" '$3 == n { print $1 }')
  [ -n "$s" ] || return 0
  s=$(member "$m" remove "$s" 2>&1) || unanswered "$1" "$s"
}

# member POD WORD...: etcd's own program there, about members.
member() {
  c=/etc/kubernetes/pki/etcd
  m=$1
  shift
  kube --namespace=kube-system exec "$m" -- etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$c/ca.crt --cert=$c/server.crt --key=$c/server.key member "$@"
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

# asked NODE WORD...: what the control plane answers about it, as `$s`.
asked() {
  q=$1
  shift
  s=$(kube "$@" 2>&1) || unanswered "$q" "$s"
}

# turn NODE COUNT [first]: waits for its turn: no more nodes than so many at once are taken out of work, and none where
# one did not come back. The first node is what all others follow, so that one of them is upgraded by another version.
turn() {
  # Whoever asks at the same moment asks on this host, too.
  t=${turns:-/run/formwork-turns}
  exec 9> "$t"
  flock 9
  asked "$1" get nodes -o 'go-template={{range .items}}{{.metadata.name}} {{index .metadata.annotations "formwork.dev/upgrade"}}{{"\n"}}{{end}}'
  b=$s
  f=$(printf '%s\n' "$b" | while read -r one state; do [ "$one" = "$1" ] || [ "$state" != failed ] || printf '%s' "$one"; done)
  if [ -n "$f" ] && [ -z "$3" ]; then
    # Where it is mended, its own upgrade is about to go on.
    a=$(stat -c %Y -- "$t.$1" 2> /dev/null) || a=0
    a=$(($(date +%s) - a))
    if [ "$a" -gt 60 ]; then : > "$t.$1"; fi
    if [ "$a" -lt 20 ] || [ "$a" -gt 60 ]; then
      emit waits "$f, which did not come through, to be upgraded first"
      exit 0
    fi
    rm -f -- "$t.$1"
    refuse conflict "the upgrade stopped at $f, which did not come through: mend it first, and apply again"
  fi
  rm -f -- "$t.$1"
  [ "$(printf '%s\n' "$b" | grep -c "^$1 begun\$")" = 0 ] || return 0
  o=$(printf '%s\n' "$b" | sed -n 's/^\([^ ]*\) begun$/\1/p')
  if [ -n "$o" ] && [ "$(printf '%s\n' "$o" | wc -l)" -ge "$2" ]; then
    emit behind "its turn: $(echo $o) is upgraded first"
    exit 0
  fi
  asked "$1" annotate --overwrite node "$1" formwork.dev/upgrade=begun
}

# drain NODE: out of work, as budgets allow; says what it waits for.
drain() {
  s=$(kube get node "$1" -o 'jsonpath={.spec.unschedulable}' 2>&1) || {
    case $s in *NotFound*) return 0 ;; esac
    unanswered "$1" "$s"
  }
  if [ "$s" != true ]; then asked "$1" annotate --overwrite node "$1" formwork.dev/cordoned=true; fi
  s=$(kubectl --kubeconfig "$A" drain "$1" --ignore-daemonsets --delete-emptydir-data --timeout=5s 2>&1) && return 0
  case $s in
  *'cannot delete'* | *orbidden*)
    printf '%s\n' "$s" | grep -E 'rror|cannot|orbidden' >&2
    exit 1
    ;;
  esac
  # A budget, a pod that takes its time, a control plane that changes its leader: all of it passes.
  w=$(printf '%s\n' "$s" | grep -E 'disruption budget|evicting|rror') || w=$s
  emit waits "$1 to be drained: $(printf '%s\n' "$w" | tail -n 1)"
  exit 0
}

# undrain NODE: back to work, where it was before.
undrain() {
  asked "$1" get node "$1" -o 'go-template={{index .metadata.annotations "formwork.dev/cordoned"}}'
  [ "$s" != true ] || asked "$1" uncordon "$1"
  asked "$1" annotate node "$1" formwork.dev/cordoned- formwork.dev/upgrade-
}

# mounted: what is mounted for pods.
mounted() { awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/mounts; }

# unmake: what kubeadm and its parts left on the host; nothing where they never came to change it.
unmake() {
  if [ -e "$d/begun" ] && [ ! -e "$d/changed" ] && [ ! -e "$d/token" ]; then return 0; fi
  # Without an etcd of the cluster's, what is where one would be is somebody else's.
  [ ! -e /etc/kubernetes/manifests/etcd.yaml ] || : > "$d/etcd"
  e=--skip-phases=remove-etcd-member
  [ ! -e "$d/etcd" ] || e=
  # kubelet begins others' pods from there, too.
  find "${M%/*}" -maxdepth 1 -type f ! -name etcd.yaml ! -name 'kube-apiserver.yaml' ! -name 'kube-controller-manager.yaml' ! -name 'kube-scheduler.yaml' -exec sh -c 'mkdir -p "$0" && cp -p -- "$@" "$0"' "$d/theirs" {} + 2> /dev/null || :
  if command -v kubeadm > /dev/null; then kubeadm reset --force --cleanup-tmp-dir $e "$@"; fi
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
  [ ! -e "$d/etcd" ] || rm -rf /var/lib/etcd/*
  rm -rf /etc/kubernetes /var/lib/kubelet/* /var/lib/cni "$HOME/.kube/cache" /run/formwork-certificate-key*
  if [ -d "$d/theirs" ]; then
    mkdir -p "${M%/*}"
    mv -- "$d/theirs"/* "${M%/*}"
    rmdir "$d/theirs"
  fi
  rmdir --ignore-fail-on-non-empty "$HOME/.kube" /usr/lib/modules 2> /dev/null || :
  find /usr/libexec/kubernetes -depth -type d -exec rmdir --ignore-fail-on-non-empty {} + 2> /dev/null || :
  # containerd's own, where it writes one, and what Flannel's pods wrote: with its backend host-gw, routes.
  s=$(sed -n 's/^FLANNEL_NETWORK=//p' /run/flannel/subnet.env 2> /dev/null) || s=
  [ -z "$s" ] || ip route flush root "$s" 2> /dev/null || :
  [ ! -e /etc/cni/net.d/10-flannel.conflist ] || rm -f /opt/cni/bin/flannel /usr/lib/cni/flannel
  rm -rf /etc/cni/net.d/10-containerd-net.conflist /etc/cni/net.d/10-flannel.conflist /run/flannel
}
