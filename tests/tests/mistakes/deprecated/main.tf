module "m" {
  source = "./m"
  old    = 1
}

resource "terraform_data" "web" {
  depends_on = ["module.m"]

  lifecycle {
    ignore_changes = ["input"]
  }
}

output "m" {
  value = module.m.old
}
