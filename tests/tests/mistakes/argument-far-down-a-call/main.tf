variable "labels" {
  type    = map(string)
  default = {}
}

output "labels" {
  value = join(
    ", ",
    var.labels,
  )
}
