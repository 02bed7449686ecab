resource "terraform_data" "web" {
  lifecyle {
    prevent_destroy = true
  }
}
