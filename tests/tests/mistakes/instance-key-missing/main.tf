resource "terraform_data" "web" {
  count = 2
}

output "id" {
  value = terraform_data.web.id
}
