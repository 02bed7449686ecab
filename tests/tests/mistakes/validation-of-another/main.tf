variable "region" {
  type    = string
  default = "eu"

  validation {
    condition     = length(var.regoin) > 1
    error_message = "Too short."
  }
}
