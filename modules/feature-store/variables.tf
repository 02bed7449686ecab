variable "namespace" {
  type        = string
  description = "Namespace to make and to live in."
  default     = "feature-store"
}

variable "bucket_endpoint" {
  type        = string
  description = "Where the bucket is reached that holds the features."
}

variable "replicas" {
  type        = number
  description = "Servers side by side."
  default     = 2
}

variable "server_version" {
  type        = string
  description = "Version of the server."
  default     = "0.53.0"
}

variable "redis_version" {
  type        = string
  description = "Version of the online store."
  default     = "8"
}
