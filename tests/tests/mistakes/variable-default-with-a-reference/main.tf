variable "region" {
  default = "eu"
}

variable "name" {
  default = "web-${var.region}"
}
