resource "terraform_data" "web" {
  count = 2
}

output "ids" {
  value = terraform_data.web.*.idd
}
