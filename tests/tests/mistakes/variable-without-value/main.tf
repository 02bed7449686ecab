variable "region" {
  description = "Where it all stands."
  type        = string
}
