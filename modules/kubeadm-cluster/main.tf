terraform {
  required_providers {
    host    = { source = "formwork/host" }
    kubeadm = { source = "formwork/kubeadm" }
  }
}

locals {
  hosts  = { for name, node in var.nodes : name => node.host }
  planes = sort([for name, node in var.nodes : name if node.role == "control-plane"])
  first  = var.first_node != null ? var.first_node : local.planes[0]
  others = { for name, node in var.nodes : name => node if node.role == "control-plane" && name != local.first }

  workers = { for name, node in var.nodes : name => node if node.role != "control-plane" }

  reached  = var.virtual_ip != null ? var.virtual_ip.address : local.hosts[local.first].address
  endpoint = var.endpoint != null ? var.endpoint : "${local.reached}:6443"

  # What differs between distributions, in one table. DGX OS is Ubuntu by its own name, and has Ubuntu's packages.
  distributions = {
    debian = {
      packages = ["containerd", "conntrack", "iptables", "ethtool", "socat"]
      by_apt   = true
      # Whether containerd's own file is read: that of Docker's package turns the part for Kubernetes off.
      is_read = true
    }
    redhat = {
      packages = ["containerd.io", "conntrack-tools", "iptables-nft", "ethtool", "socat"]
      by_apt   = false
      is_read  = false
    }
  }
  families = {
    debian    = "debian"
    ubuntu    = "debian"
    dgx       = "debian"
    rhel      = "redhat"
    rocky     = "redhat"
    almalinux = "redhat"
    centos    = "redhat"
    fedora    = "redhat"
  }

  # By what each host says of itself; Debian's row where it says nothing known, which only `packages` allows.
  systems      = { for name, _ in var.nodes : name => split(" ", try(data.kubeadm_preflight.hosts.facts[name].os, ""))[0] }
  distribution = { for name, system in local.systems : name => local.distributions[lookup(local.families, system, "debian")] }
  # Where packages are given, no key below waits for what a host says: it may be made in the same run.
  packages = { for name, _ in var.nodes : name => var.packages != null ? var.packages : local.distribution[name].packages }
  by_apt   = { for name, _ in var.nodes : name => var.packages != null ? true : local.distribution[name].by_apt }
  is_read  = { for name, _ in var.nodes : name => !contains(local.packages[name], "containerd.io") && local.distribution[name].is_read }

  bridged = { for name, host in local.hosts : name => host if var.network == "bridge" }
  per_host = {
    packages = merge([for name, packages in local.packages : { for package in packages : "${name}/${package}" => { node = name, name = package } }]...)
    modules  = merge([for name, _ in var.nodes : { for module in var.kernel_modules : "${name}/${module}" => { node = name, name = module } }]...)
    settings = merge([for name, _ in var.nodes : { for key, value in var.kernel_settings : "${name}/${key}" => { node = name, name = key, value = value } }]...)
  }
}

data "kubeadm_preflight" "hosts" {
  nodes          = { for name, node in var.nodes : name => { host = node.host, role = node.role } }
  pod_subnet     = var.pod_subnet
  service_subnet = var.service_subnet
  ignore         = var.ignore_checks

  lifecycle {
    postcondition {
      condition     = var.packages != null || alltrue([for name, _ in var.nodes : contains(keys(local.families), split(" ", try(self.facts[name].os, ""))[0])])
      error_message = "What these nodes run is in no row of the table of distributions: ${join(", ", [for name, _ in var.nodes : "${name} (${try(self.facts[name].os, "unknown")})" if !contains(keys(local.families), split(" ", try(self.facts[name].os, ""))[0])])}. Give the names of the packages there as `packages`."
    }
  }
}

# What a host is before kubeadm comes.

resource "host_kernel_module" "node" {
  for_each = local.per_host.modules

  host = local.hosts[each.value.node]
  name = each.value.name

  depends_on = [data.kubeadm_preflight.hosts, var.after]
}

resource "host_sysctl" "node" {
  for_each = local.per_host.settings

  host  = local.hosts[each.value.node]
  name  = each.value.name
  value = each.value.value

  depends_on = [host_kernel_module.node, data.kubeadm_preflight.hosts]
}

resource "host_repository" "kubernetes" {
  for_each = { for name, host in local.hosts : name => merge(var.repository, { host = host }) if var.repository != null && local.by_apt[name] }

  host        = each.value.host
  name        = "kubernetes"
  uris        = each.value.uris
  suites      = each.value.suites
  components  = each.value.components
  signing_key = each.value.signing_key

  depends_on = [data.kubeadm_preflight.hosts, var.after]
}

resource "host_package" "node" {
  for_each = local.per_host.packages

  host = local.hosts[each.value.node]
  name = each.value.name

  depends_on = [host_repository.kubernetes, data.kubeadm_preflight.hosts, var.after]
}

# The network of pods, where it is a bridge on each node and routes between them. containerd writes the file of the
# network itself, once the cluster gave the node addresses.

resource "host_directory" "networks" {
  for_each = local.bridged

  host = each.value
  path = "/etc/cni"

  depends_on = [host_package.node]
}

resource "host_directory" "network" {
  for_each = local.bridged

  host = each.value
  path = "${host_directory.networks[each.key].path}/net.d"
}

resource "host_file" "network" {
  for_each = local.bridged

  host = each.value
  path = "${host_directory.containerd[each.key].path}/network.template"
  content = jsonencode({
    cniVersion = "1.0.0"
    name       = "formwork"
    plugins = [
      {
        type        = "bridge"
        bridge      = "cni0"
        isGateway   = true
        hairpinMode = true
        ipam = {
          type   = "host-local"
          ranges = [[{ subnet = "{{.PodCIDR}}" }]]
          routes = [{ dst = "0.0.0.0/0" }]
        }
      },
      { type = "portmap", capabilities = { portMappings = true } },
    ]
  })
}

# containerd reads its own file, which other tools write, and after it ours. By a pattern, since it does not begin where a
# file that is named plainly is not there.

resource "host_directory" "containerd" {
  for_each = local.hosts

  host = each.value
  path = "/etc/containerd/formwork.d"

  depends_on = [host_package.node]
}

resource "host_file" "containerd" {
  for_each = local.hosts

  host    = each.value
  path    = "/etc/containerd/formwork.toml"
  content = <<-END
    version = 2
    imports = [${local.is_read[each.key] ? "\"/etc/containerd/config.t*ml\", " : ""}"/etc/containerd/formwork.d/*.toml"]
  END

  depends_on = [host_package.node]
}

resource "host_file" "containerd_kubernetes" {
  for_each = local.hosts

  host     = each.value
  path     = "${host_directory.containerd[each.key].path}/kubernetes.toml"
  template = <<-END
    version = 2

    [plugins."io.containerd.grpc.v1.cri"]
      sandbox_image = "{{pause}}"
    {{#if settings}}  {{settings}}
    {{/if}}
      [plugins."io.containerd.grpc.v1.cri".cni]
        bin_dir = "{{programs}}"
        conf_dir = "/etc/cni/net.d"
    {{#if network}}    conf_template = "{{network}}"
    {{/if}}
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
          SystemdCgroup = true
    {{#if nvidia}}
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
          BinaryName = "/usr/bin/nvidia-container-runtime"
          SystemdCgroup = true
    {{/if}}
  END
  values = {
    pause    = var.pause_image
    programs = var.cni_programs
    settings = var.containerd_settings
    nvidia   = contains(var.nvidia, each.key)
    network  = var.network == "bridge" ? host_file.network[each.key].path : ""
  }
}

resource "host_service" "containerd" {
  for_each = local.hosts

  host    = each.value
  name    = "containerd.service"
  enabled = true
  active  = true
  drop_in = <<-END
    [Service]
    ExecStart=
    ExecStart=/usr/bin/containerd --config ${host_file.containerd[each.key].path}
  END

  restart_triggers = { settings = host_file.containerd_kubernetes[each.key].sha256 }

  depends_on = [host_directory.network]
}

# Of images only those go again that came by us: what was there is noted before and after. A run that was cut off leaves
# its note, and the next one counts from there; a first one that fails takes back what it did.

locals {
  images = <<-END
    set -e
    d=/var/lib/formwork/images
    images() { ctr --namespace k8s.io images "$@"; }
    # names FILE: notes what is there.
    names() {
      images ls -q > "$d/part"
      LC_ALL=C sort -o "$d/part" "$d/part"
      mv "$d/part" "$d/$1"
    }
    # What came since the note `before` was made is ours.
    note() {
      [ -e "$d/before" ] || return 0
      names now
      touch "$d/added"
      LC_ALL=C comm -13 "$d/before" "$d/now" > "$d/part"
      LC_ALL=C sort -u -o "$d/part" "$d/part" "$d/added"
      mv "$d/part" "$d/added"
      rm "$d/before" "$d/now"
    }
    # containerd gives each image a second name by its digest, a moment after it came: it goes before the last other name.
    remove() {
      note
      touch "$d/added"
      images ls > "$d/now"
      awk '
        FILENAME == ARGV[1] { ours[$1]; next }
        FNR > 1 { digests[$1] = $3; if ($1 !~ /^sha256:/ && !($1 in ours)) others[$3] }
        END {
          for (name in ours) if (name in digests) came[digests[name]]
          for (name in digests) if (name ~ /^sha256:/ && digests[name] in came && !(digests[name] in others)) print name
          for (name in ours) if (name !~ /^sha256:/ && name in digests) print name
        }
      ' "$d/added" "$d/now" > "$d/part"
      xargs -r ctr --namespace k8s.io images rm < "$d/part"
      rm -r "$d"
    }
  END
}

resource "host_command" "images" {
  for_each = { for name, node in var.nodes : name => lookup(var.image_archives, node.role, []) if length(lookup(var.image_archives, node.role, [])) > 0 }

  host        = local.hosts[each.key]
  name        = "images"
  command     = <<-END
    ${local.images}
    mkdir -p "$d"
    trap '[ $? = 0 ] || [ -e "$d/added" ] || remove' EXIT
    [ -e "$d/before" ] || names before
    for archive in ${join(" ", [for path in each.value : "'${path}'"])}; do
      images import "$archive"
    done
    note
  END
  undo        = <<-END
    ${local.images}
    [ ! -d "$d" ] || remove
  END
  show_output = false

  depends_on = [host_service.containerd]
}

# The address that the control plane's nodes hand to each other. kubelet begins it, as the rest of a control plane: on the
# first node before there is an API, which takes the credentials that need none; on the others once they have joined.

locals {
  virtual_ip = {
    for name, credentials in { first = "super-admin.conf", other = "admin.conf" } : name => var.virtual_ip == null ? "" : yamlencode({
      apiVersion = "v1"
      kind       = "Pod"
      metadata   = { name = "kube-vip", namespace = "kube-system" }
      spec = {
        hostNetwork = true
        hostAliases = [{ hostnames = ["kubernetes"], ip = "127.0.0.1" }]
        containers = [{
          name            = "kube-vip"
          image           = var.virtual_ip.image
          imagePullPolicy = "IfNotPresent"
          args            = ["manager"]
          securityContext = { capabilities = { add = ["NET_ADMIN", "NET_RAW"] } }
          volumeMounts    = [{ name = "credentials", mountPath = "/etc/kubernetes/admin.conf" }]
          env = [for key, value in {
            address            = var.virtual_ip.address
            cp_enable          = "true"
            cp_namespace       = "kube-system"
            port               = "6443"
            svc_enable         = "false"
            vip_arp            = "true"
            vip_interface      = var.virtual_ip.interface
            vip_leaderelection = "true"
            vip_leasename      = "plndr-cp-lock"
          } : { name = key, value = value }]
        }]
        volumes = [{ name = "credentials", hostPath = { path = "/etc/kubernetes/${credentials}", type = "FileOrCreate" } }]
      }
    })
  }
}

resource "host_directory" "kubernetes" {
  count = var.virtual_ip == null ? 0 : 1

  host = local.hosts[local.first]
  path = "/etc/kubernetes"

  depends_on = [host_service.containerd]
}

resource "host_directory" "manifests" {
  count = var.virtual_ip == null ? 0 : 1

  host = local.hosts[local.first]
  path = "${host_directory.kubernetes[0].path}/manifests"
}

resource "host_file" "virtual_ip_first" {
  count = var.virtual_ip == null ? 0 : 1

  host    = local.hosts[local.first]
  path    = "${host_directory.manifests[0].path}/kube-vip.yaml"
  mode    = "0600"
  content = local.virtual_ip.first
}

resource "host_file" "virtual_ip" {
  for_each = { for name, node in local.others : name => node.host if var.virtual_ip != null }

  host    = each.value
  path    = "/etc/kubernetes/manifests/kube-vip.yaml"
  mode    = "0600"
  content = local.virtual_ip.other

  depends_on = [kubeadm_node.control_plane]
}

# The cluster.

resource "kubeadm_cluster" "this" {
  host                    = local.hosts[local.first]
  name                    = var.name
  version                 = var.kubernetes_version
  node_name               = local.first
  endpoint                = local.endpoint
  pod_subnet              = var.pod_subnet
  service_subnet          = var.service_subnet
  taints                  = var.nodes[local.first].taints
  packages                = var.kubernetes_packages
  ignore_preflight_errors = var.ignore_preflight_errors
  cluster_configuration   = var.cluster_configuration
  kubelet_configuration   = var.kubelet_configuration
  drain                   = var.drain

  depends_on = [host_service.containerd, host_command.images, host_sysctl.node, host_file.virtual_ip_first]

  lifecycle {
    precondition {
      condition     = length(coalesce(var.nodes[local.first].labels, {})) == 0 && var.nodes[local.first].startup_taints == null
      error_message = "The node that the cluster is made on has no labels and start-up taints of yours: name another one as first_node, or leave them out."
    }
  }
}

resource "kubeadm_node" "control_plane" {
  for_each = local.others

  host                    = each.value.host
  name                    = each.key
  role                    = "control-plane"
  control_plane           = kubeadm_cluster.this.host
  version                 = kubeadm_cluster.this.version
  advertise_address       = can(cidrhost("${each.value.host.address}/32", 0)) ? each.value.host.address : null
  labels                  = each.value.labels
  startup_taints          = each.value.startup_taints
  taints                  = each.value.taints
  packages                = var.kubernetes_packages
  ignore_preflight_errors = var.ignore_preflight_errors
  drain                   = var.drain

  depends_on = [host_service.containerd, host_command.images, host_sysctl.node]
}

resource "kubeadm_node" "worker" {
  for_each = local.workers

  host                    = each.value.host
  name                    = each.key
  control_plane           = kubeadm_cluster.this.host
  version                 = kubeadm_cluster.this.version
  labels                  = each.value.labels
  startup_taints          = each.value.startup_taints
  taints                  = each.value.taints
  packages                = var.kubernetes_packages
  ignore_preflight_errors = var.ignore_preflight_errors
  max_unavailable         = var.max_unavailable
  drain                   = var.drain

  # The control plane is upgraded before the workers, and goes after them.
  depends_on = [kubeadm_node.control_plane, host_service.containerd, host_command.images, host_sysctl.node]
}

locals {
  nodes = merge(kubeadm_node.control_plane, kubeadm_node.worker)
  pod_cidrs = merge(
    { (local.first) = kubeadm_cluster.this.pod_cidr },
    { for name, node in local.nodes : name => node.pod_cidr },
  )
}

resource "host_unit" "routes" {
  for_each = local.bridged

  host    = each.value
  name    = "formwork-pod-routes.service"
  content = <<-END
    [Unit]
    Description=Routes to the pods of other nodes
    After=network-online.target
    Wants=network-online.target

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    %{for name in sort([for name, _ in local.hosts : name if name != each.key])~}
    ExecStart=ip route replace ${local.pod_cidrs[name]} via ${local.hosts[name].address} proto 77
    %{endfor~}
    # By the mark alone: what stops the unit may know other nodes than what started it.
    ExecStop=ip route flush proto 77

    [Install]
    WantedBy=multi-user.target
  END
}
