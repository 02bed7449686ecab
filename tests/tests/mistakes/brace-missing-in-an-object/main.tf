resource "terraform_data" "web" {
  input = {
    name = "web"
    port = 80
}

output "web" {
  value = terraform_data.web.output
}
