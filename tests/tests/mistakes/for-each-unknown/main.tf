resource "terraform_data" "first" {}

resource "terraform_data" "rest" {
  for_each = toset([terraform_data.first.id])
}
