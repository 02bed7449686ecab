resource "terraform_data" "web" {
  input = "a"
  lifecycle = {
    prevent_destroy = true
  }
}
