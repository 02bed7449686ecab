resource "terraform_data" "web" {}

check "web" {
  assert {
    condition     = terraform_data.web.outptu == "x"
    error_message = "No."
  }
}
