variable "region" {}

variable "name" {}
