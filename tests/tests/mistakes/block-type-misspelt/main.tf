resorce "terraform_data" "web" {
  input = "a"
}

output "web" {
  value = terraform_data.web.output
}
