terraform {
  backend "s4" {
    bucket = "state"
  }
}
