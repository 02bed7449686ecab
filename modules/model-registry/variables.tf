variable "namespace" {
  type        = string
  description = "Namespace to make and to live in."
  default     = "model-registry"
}

variable "bucket_endpoint" {
  type        = string
  description = "Where the bucket is reached that holds the models."
}

variable "replicas" {
  type        = number
  description = "Servers side by side."
  default     = 2
}

variable "registry_version" {
  type        = string
  description = "Version of the registry."
  default     = "v3.3.0"
}

variable "postgres_version" {
  type        = string
  description = "Version of the database."
  default     = "17"
}
