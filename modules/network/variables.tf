variable "name" {
  type        = string
  description = "Name of the network, unique in the datacentre."
}

variable "cidr" {
  type        = string
  description = "Its addresses, as 10.0.0.0/16."
  default     = "10.0.0.0/16"
}

variable "labels" {
  type        = map(string)
  description = "Words for people and tools."
  default     = {}
}
