resource "terraform_data" "web" {}

output "id" {
  value = terraform_data.web[0].id
}
