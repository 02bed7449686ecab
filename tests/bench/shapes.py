"""The configurations that are measured, by shape and size."""

SHAPES = {
    "count": "N instances of one block",
    "pairs": "2 x N instances, each of the second N reads one of the first",
    "chain": "N blocks, each reads the one before",
    "modules": "N instances of one module, 3 resources each, outputs read by the root",
    "triggers": "N instances, and N more that are replaced when any of them changes",
    "eval": "N namespaces with 250 firewall rules each, made by expressions alone",
    "parse": "N files of 250 lines each",
}

COUNT = 'resource "terraform_data" "a" {\n  count = %d\n  input = count.index\n}\n'

PAIRS = """resource "terraform_data" "a" {
  count = %d
  input = "a-${count.index}"
}

resource "terraform_data" "b" {
  count = %d
  input = terraform_data.a[count.index].output
}
"""

TRIGGERS = """resource "terraform_data" "a" {
  count = %d
  input = count.index
}

resource "terraform_data" "b" {
  count = %d
  lifecycle {
    replace_triggered_by = [terraform_data.a]
  }
}
"""

# OpenTofu's range() stops at 1,024 values, so the keys come from a product.
MODULES_ROOT = """locals {
  numbers = [for p in setproduct(range(%d), range(1000)) : p[0] * 1000 + p[1]]
  keys    = toset([for i in local.numbers : format("site-%%05d", i) if i < %d])
}

module "m" {
  source   = "./m"
  for_each = local.keys
  name     = each.key
}

output "ids" {
  value = { for key, site in module.m : key => site.id }
}

output "labels" {
  value = [for key, site in module.m : site.label]
}
"""

MODULES_CHILD = """variable "name" {
  type = string
}

locals {
  prefix = upper(var.name)
  tags   = { name = var.name, prefix = local.prefix }
}

resource "terraform_data" "net" {
  input = local.tags
}

resource "terraform_data" "disk" {
  input = "${local.prefix}-disk"
}

resource "terraform_data" "vm" {
  input = {
    net  = terraform_data.net.output.name
    disk = terraform_data.disk.output
  }
}

output "id" {
  value = terraform_data.vm.id
}

output "label" {
  value = "${var.name}/${terraform_data.vm.output.disk}"
}
"""

# Product, merge, regular expressions, grouping, encoding, a hash over all of it.
EVAL = """locals {
  spaces = %d
  rules  = 250

  namespaces = [for n in range(local.spaces) : {
    name   = format("team-%%03d", n)
    tier   = n %% 7 == 0 ? "gpu" : "cpu"
    labels = merge({ owner = "o${n}", env = n %% 2 == 0 ? "prod" : "dev" }, n %% 5 == 0 ? { audit = "yes" } : {})
  }]
  by_name = { for ns in local.namespaces : ns.name => ns }

  pairs = setproduct(keys(local.by_name), range(local.rules))

  table = { for p in local.pairs : "${p[0]}/rule-${p[1]}" => merge(
    {
      namespace = p[0]
      port      = 1024 + p[1] * 7 %% 5000
      cidr      = cidrsubnet("10.0.0.0/8", 16, p[1])
      action    = p[1] %% 3 == 0 ? "deny" : "allow"
    },
    local.by_name[p[0]].labels,
  ) }

  named   = [for key, rule in local.table : merge(rule, { id = join("-", regexall("[a-z]+|[0-9]+", key)) })]
  allowed = { for rule in local.named : rule.namespace => rule.id... if rule.action == "allow" }
  docs    = { for ns, ids in local.allowed : ns => jsonencode({ ns = ns, ids = sort(ids), count = length(ids) }) }
  encoded = [for key, rule in local.table : jsonencode(rule)]
  summary = sha256(jsonencode({ docs = local.docs, encoded = local.encoded }))
}

resource "terraform_data" "policy" {
  input = local.summary
}

output "size" {
  value = length(local.encoded)
}
"""

# 24 lines: a variable, three locals, a resource with a heredoc template.
PARSE_UNIT = """# Service {u} of file {f}: sizes, ports and the rendered unit.
variable "size_{f}_{u}" {{
  type    = object({{ cpu = number, memory = optional(string, "4Gi") }})
  default = {{ cpu = {cpu} }}
}}

locals {{
  ports_{f}_{u} = [for p in [80, 443, {port}] : p + {f} if p != 443]
  name_{f}_{u}  = format("svc-%03d-%02d", {f}, {u})
  labels_{f}_{u} = merge({{ app = local.name_{f}_{u} }}, {{
    "tier/{u:02d}" = var.size_{f}_{u}.cpu > 4 ? "large" : "small"
    ports     = join(",", [for p in local.ports_{f}_{u} : tostring(p)])
  }})
}}

resource "terraform_data" "svc_{f}_{u}" {{
  input = <<-UNIT
    [Unit]
    Description=${{local.name_{f}_{u}}} with %{{for p in local.ports_{f}_{u}}}${{p}} %{{endfor}}
    Requires=${{lookup(local.labels_{f}_{u}, "app", "none")}}.socket
  UNIT
}}
"""
PARSE_LINES = 250


def chain(size):
    yield 'resource "terraform_data" "r0" {\n  input = "start"\n}\n'
    for n in range(1, size):
        yield f'resource "terraform_data" "r{n}" {{\n  input = terraform_data.r{n - 1}.output\n}}\n'


def parse_file(f):
    units = "\n".join(PARSE_UNIT.format(f=f, u=u, cpu=u + 1, port=8000 + u) for u in range(PARSE_LINES // 24))
    return units + "".join(f"# note {n} on file {f}\n" for n in range(PARSE_LINES - units.count("\n")))


def files(shape, size):
    """The text of each file of a configuration, by its path."""
    if shape == "count":
        return {"main.tf": COUNT % size}
    if shape == "pairs":
        return {"main.tf": PAIRS % (size, size)}
    if shape == "triggers":
        return {"main.tf": TRIGGERS % (size, size)}
    if shape == "chain":
        return {"main.tf": "\n".join(chain(size))}
    if shape == "modules":
        return {"main.tf": MODULES_ROOT % ((size + 999) // 1000, size), "m/main.tf": MODULES_CHILD}
    if shape == "eval":
        return {"main.tf": EVAL % size}
    return {f"f{f:04d}.tf": parse_file(f) for f in range(size)}
