resource "terraform_data" "web" {
  input = "a"
}

output "o" {
  value = terraform_data.web.ouput
}
