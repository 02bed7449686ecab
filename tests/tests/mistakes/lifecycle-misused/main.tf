variable "keep" {
  default = true
}

resource "terraform_data" "web" {
  lifecycle {
    create_before_destroy = var.keep
    ignore_changes        = [inptu, "input"]
    replace_triggered_by  = [var.keep]
    prevent_detroy        = true
  }
}
