resource "terraform_data" "web" {
  lifecycle {
    ignore_changes = [inptu]
  }
}
