variable "names" {
  type = list(text)
}

variable "size" {
  type = "number"
}

variable "port" {
  type = int
}

variable "labels" {
  type = map
}
