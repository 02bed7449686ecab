resource "terraform_data" "web" {
  input = "a"
  input = "b"
}
