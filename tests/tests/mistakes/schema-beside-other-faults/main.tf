variable "size" {
  typ = number
}

resource "terraform_data" "web" {
  inptu     = var.siez
  dependson = []
}
