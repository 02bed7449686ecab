resource "terraform_data" "web" {}

terraform {
  backend "local" {
    path = "${terraform_data.web.id}.tfstate"
  }
}
