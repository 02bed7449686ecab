resource "terraform_data" "my web" {}
