variable "names" {
  type    = list(string)
  default = ["a", "b"]
}

locals {
  shout = upper(var.names)
  total = length(5)
  both  = join(", ", "a")
}
