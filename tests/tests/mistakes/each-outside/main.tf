resource "terraform_data" "web" {
  input = each.key
}

resource "terraform_data" "db" {
  for_each = toset(["a"])
  input    = count.index
}

locals {
  me = self.id
}
