variable "tokens" {
  type      = set(string)
  sensitive = true
  default   = ["hunter2"]
}

resource "terraform_data" "web" {
  for_each = var.tokens
}
