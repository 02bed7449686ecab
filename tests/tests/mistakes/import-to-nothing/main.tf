import {
  to = terraform_data.wbe
  id = "x"
}

resource "terraform_data" "web" {}
