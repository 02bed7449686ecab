resource "terraform_data" "web" {
  input = { name = "web"

output "web" {
  value = terraform_data.web.output
}
