variable "region" {
  type = string

  validation {
    condition     = contains(["eu", "us"], var.region)
    error_message = "The region must be \"eu\" or \"us\"."
  }
}
