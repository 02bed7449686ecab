variable "names" {
  type    = list(string)
  default = ["a", "b"]
}

resource "terraform_data" "web" {
  for_each = var.names
  input    = each.value
}
