resource "terraform_data" "web" {
  input = "small"

  lifecycle {
    postcondition {
      condition     = self.input == "large"
      error_message = "The web server must be large."
    }
  }
}
