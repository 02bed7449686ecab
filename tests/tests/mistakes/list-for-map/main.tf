variable "labels" {
  type    = map(string)
  default = ["a", "b"]
}

variable "zones" {
  type    = list(string)
  default = { a = "b" }
}
