resource "terraform_data" {
  input = "a"
}

output "web" {
  value = terraform_data.web.output
}
