resource "terraform_data" "web" {
  input = terraform_data.web.id
}
