locals {
  name = uppper("web")
  text = to_string(1)
}
