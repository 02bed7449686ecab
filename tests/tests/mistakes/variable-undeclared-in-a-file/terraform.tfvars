regoin = "us"
zone   = "a"
