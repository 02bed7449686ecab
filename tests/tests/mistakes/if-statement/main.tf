variable "size" {
  default = 1
}

if var.size > 1 {
  resource "terraform_data" "web" {}
}
