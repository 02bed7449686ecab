variable "name" {
  type        = string
  description = "Name of the bucket, unique in the datacentre."
}

variable "versioning" {
  type        = bool
  description = "Whether older versions of objects are kept."
  default     = true
}

variable "public" {
  type        = bool
  description = "Whether anybody may read it."
  default     = false
}

variable "labels" {
  type        = map(string)
  description = "Words for people and tools."
  default     = {}
}
