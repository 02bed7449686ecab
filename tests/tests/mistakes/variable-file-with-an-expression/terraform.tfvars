region = eu-west
name   = "web-${var.region}"
