resource "terraform_data" "web" {
  for_each = toset(["a"])
  input    = each.name
}
