variable "nodes" {
  type    = number
  default = 1
}

resource "terraform_data" "web" {
  count = var.nodes - 2
}
