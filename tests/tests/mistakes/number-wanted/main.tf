variable "nodes" {
  type    = number
  default = "three"
}
