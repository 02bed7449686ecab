variable "node" {
  type = object({
    name  = string
    cores = number
  })
  default = { name = "a", core = 2 }
}
