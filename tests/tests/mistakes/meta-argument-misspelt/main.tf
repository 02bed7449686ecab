resource "terraform_data" "web" {
  dependson = []
  for_eech  = toset(["a"])
}
