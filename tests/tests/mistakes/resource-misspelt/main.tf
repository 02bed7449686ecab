resource "terraform_data" "web_server" {}

output "id" {
  value = terraform_data.webserver.id
}

output "type_alone" {
  value = terraform_data
}
